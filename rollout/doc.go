// Package rollout carries out the trials of new versions: canaries and shadows.
//
// A Director is a Handler in front of the router. While a model has a trial, it places
// each request that names no version: a canary answers a share of them, a shadow gets
// copies of a share of them, and what comes of it is counted. Run is its one goroutine
// of its own, besides those that run a request a second time behind its caller's back,
// of which there are few and for which Run waits; it asks Decide, which is pure, whether
// a trial goes on, and tells the Judge.
//
// Infer, Counts and Sticky may be called from any goroutine.
package rollout
