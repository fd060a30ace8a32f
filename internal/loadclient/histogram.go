package loadclient

import "galatea/internal/latency"

// Histogram is where latencies are counted.
type Histogram = latency.Histogram
