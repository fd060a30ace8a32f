// Package process runs servers as processes of their own, for benchmarks and
// demonstrations: started on loopback, waited for until they are ready, ended gently or
// not at all gently, and nothing of them left.
//
// A Process may be used from several goroutines; its own goroutine waits for its end and
// has ended when Stop or Kill returns.
package process
