package infer

import (
	"slices"
	"sort"
)

// maxBounds is the most bucket bounds that a histogram here has.
const maxBounds = 18

// Histogram counts observations in buckets; its copy is a snapshot.
type Histogram struct {
	bounds []float64
	counts [maxBounds + 1]uint64
	sum    float64
}

// Observe counts v. The bounds are ascending, upper ends included, at most maxBounds of
// them, and the same in every call.
func (h *Histogram) Observe(bounds []float64, v float64) {
	h.bounds = bounds
	h.counts[sort.SearchFloat64s(bounds, v)]++
	h.sum += v
}

// Cumulative returns how many observations lay at or below each bound.
func (h Histogram) Cumulative() map[float64]uint64 {
	all := make(map[float64]uint64, len(h.bounds))
	n := uint64(0)
	for i, bound := range h.bounds {
		n += h.counts[i]
		all[bound] = n
	}
	return all
}

// Count returns the number of observations.
func (h Histogram) Count() uint64 {
	n := uint64(0)
	for _, c := range h.counts {
		n += c
	}
	return n
}

// Sum returns the sum of all observations.
func (h Histogram) Sum() float64 { return h.sum }

// Quantile estimates the value below which the share q of the observations lie:
// the upper bound of the bucket that holds it. It returns 0 without observations.
func (h Histogram) Quantile(q float64) float64 {
	want := uint64(q * float64(h.Count()))
	n := uint64(0)
	for i, bound := range h.bounds {
		if n += h.counts[i]; n > want {
			return bound
		}
	}
	if len(h.bounds) == 0 {
		return 0
	}
	return slices.Max(h.bounds)
}
