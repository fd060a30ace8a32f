// Package shm reads and writes POSIX shared memory that other processes made, in regions
// with names.
//
// Memory of another process is not trusted: it is read and written with system calls,
// never mapped, so that an owner who shrinks it makes an error here and not a fault, and
// nobody sees a value change between its check and its use.
//
// It starts no goroutine; a Regions may be used from any.
package shm
