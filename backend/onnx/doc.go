// Package onnx runs models with ONNX Runtime. It fulfils the contract of package backend.
//
// The Go binding opens the runtime's library and brings the C wrappers; what it
// cannot do (half-precision and rank-0 outputs, strings with NUL bytes, the
// runtime's log, weights in side files read into memory, cancelling a load) this
// package does by C of its own over the runtime's API, in runtime.c. One crossing
// from Go to C runs a whole batch.
//
// Open is called once in a process. A Model may be used from several goroutines;
// an instance belongs to one. The package starts no goroutine; the runtime has
// thread pools of its own, one for each session that has more than one thread.
package onnx
