// Package threads says how the system schedules the threads of this process.
//
// It starts no goroutine. Batch is for the beginning of a program and may be called from
// any goroutine, but not from two at a time.
package threads
