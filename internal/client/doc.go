// Package client talks to the administration API of a running server: which versions
// there are and how rollouts go, loading and deciding, one inference, and the history of
// events. It knows the wire alone; what to say about it is its caller's.
//
// A Client starts no goroutine that outlives a call, and any goroutine may use it. Each
// call has a connection of its own and a time after which it is given up; a ctx that ends
// ends it sooner.
package client
