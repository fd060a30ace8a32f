package latency

import (
	"math/bits"
	"time"
)

// A bucket is 1/64 of a power of two wide, so that a quantile is at most 1.6% off.
const (
	subBits = 6
	sub     = 1 << subBits
	buckets = (64 - subBits + 1) * sub
)

// Histogram counts durations in buckets that grow with their values. The zero
// value is empty.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	sum    time.Duration
	most   time.Duration
}

// Record counts d; a negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.n++
	h.sum += d
	h.most = max(h.most, d)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.sum += o.sum
	h.most = max(h.most, o.most)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.most }

// Mean returns the mean duration, or 0 without any.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile returns the duration at or below which the share q of all lie: the
// middle of the bucket that holds it, never more than the longest one. It is 0
// without any.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	want := uint64(q * float64(h.n))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen > want {
			return min(middleOf(i), h.most)
		}
	}
	return h.most
}

func bucketOf(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)*sub + int(v>>shift) - sub
}

func middleOf(bucket int) time.Duration {
	if bucket < sub {
		return time.Duration(bucket)
	}
	shift := bucket/sub - 1
	low := uint64(bucket%sub+sub) << shift
	return time.Duration(low + 1<<shift/2)
}
