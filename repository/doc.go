// Package repository keeps what is served equal to what is wanted.
//
// A Source says which versions there are (the whole state, not changes); plan,
// which is pure, compares that with what is observed and returns actions; the
// Reconciler, one goroutine, carries them out with the help of workers and
// publishes an immutable table; the Router reads that table, without a lock, to
// bring a request to its version.
//
// A version is published only when it is ready, and is closed only after it was
// unpublished and the last request in it has ended. A new generation of a version
// (same number, other bytes) is loaded while the old one serves.
//
// The methods of Router and Reconciler may be called from any goroutine.
// Reconciler.Run is the goroutine that owns all state; it starts the others of this
// package, which scan, load and close, and waits for them.
package repository
