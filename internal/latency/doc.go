// Package latency counts durations so that quantiles of them can be had at any time. It
// starts no goroutine; a Histogram belongs to one goroutine at a time.
package latency
