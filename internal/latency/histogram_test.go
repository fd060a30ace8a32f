package latency_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"galatea/internal/latency"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	var h, other latency.Histogram
	rnd := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for i := range 100_000 {
		d := time.Duration(rnd.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if i%3 == 0 {
			other.Record(d)
		} else {
			h.Record(d)
		}
	}
	h.Merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.95, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got := h.Quantile(q); got < want*98/100 || got > want*102/100+1 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Count() != 100_000 || h.Max() != all[len(all)-1] || h.Mean() < 900*time.Microsecond || h.Mean() > 1100*time.Microsecond {
		t.Errorf("count %d, max %v, mean %v", h.Count(), h.Max(), h.Mean())
	}
	var none latency.Histogram
	none.Record(-1)
	none.Record(1<<63 - 1)
	if none.Quantile(0.1) != 0 || none.Quantile(1) != 1<<63-1 {
		t.Errorf("extremes: %v, %v", none.Quantile(0.1), none.Quantile(1))
	}
}
