// Package scheduler turns the waiting calls of one loaded version into batches and
// runs them on the version's instances.
//
// A Queue has one loop goroutine, which owns the waiting calls and knows which
// lanes are idle, and one goroutine for each lane, which owns its instance. Start
// starts them all, Close waits for them all. What to run next is decided by
// pending, which is pure: it is given the time and holds no lock, channel or clock.
//
// Infer, Stats and Close may be called from any goroutine.
package scheduler
