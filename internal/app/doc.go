// Package app wires the parts: it is the only place that knows them all. It
// supplies the repository's Loader, serves the two ports, and owns start and
// shutdown.
//
// Start starts every goroutine of a server; Wait returns when all of them have
// ended. Reload may be called at any time between.
package app
