// Package bench loads a running server with one model's requests, by HTTP or by gRPC, and
// says how long the answers took. Callers ask as soon as they have their answer (a closed
// loop), or requests become due by a clock, whatever the server does (an open one): then
// what a request waits for a caller to be free is part of its latency, so that a server that
// stops for a while cannot hide those who came meanwhile.
//
// Run starts its goroutines and waits for them. A Target may be asked from any goroutine.
package bench
