package rollout

import (
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"galatea/config"
	"galatea/infer"
	"galatea/tensor"
)

// Trial is a rollout that goes on.
type Trial struct {
	Model   string
	Version int64
	Digest  string // of the version's files
	Step    int
	Since   time.Time // of the step
	Lanes   int       // instances of the new version; 0 is 1
	Plan    config.Plan
}

// percent is the share of the requests that the present step is about.
func (t *Trial) percent() float64 {
	if t.Step >= len(t.Plan.Steps) {
		return 0
	}
	return t.Plan.Steps[t.Step].Percent
}

// run is what a Director knows of a trial.
type run struct {
	seen    atomic.Uint64 // requests that were placed one by one
	sampled atomic.Uint64 // requests of a canary, for those to compare
	copies  chan struct{} // holds a token for each request that runs a second time

	mu     sync.Mutex
	step   int
	since  time.Time // of the step
	counts Counts
}

// canaryCopies is how many requests of a canary may run on the old version at the same
// time, for comparison.
const canaryCopies = 2

func newRun(t *Trial) *run {
	n := canaryCopies
	if t.Plan.Strategy == config.StrategyShadow {
		n = max(1, t.Lanes) // more would wait in its queue
	}
	return &run{copies: make(chan struct{}, n), step: t.Step, since: t.Since}
}

// buckets is how finely callers are told apart.
const buckets = 1 << 20

// chosen reports whether a request is among the given percent: by its affinity where it
// has one, so that a caller stays with its version from step to step, else evenly.
func (r *run) chosen(t *Trial, affinity string, percent float64) bool {
	if affinity == "" {
		return every(&r.seen, percent)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Digest)) // so that it is not the same callers each time
	_, _ = h.Write([]byte(affinity))
	return float64(mix(h.Sum64())%buckets) < percent/100*buckets
}

// mix spreads the bits of a hash, whose low ones differ little for short texts
// (the finaliser of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// every reports true for the given percent of its calls, spread evenly.
func every(n *atomic.Uint64, percent float64) bool {
	i := float64(n.Add(1))
	return int64(i*percent/100) > int64((i-1)*percent/100)
}

// count changes the counts of the present step; t is the trial as it was when the request
// came. What ends after the step that it began in does not count.
func (r *run) count(t *Trial, change func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.Since.Before(r.since) {
		r.enter(t)
		change(&r.counts)
	}
}

// enter begins a step anew; what was counted before was another's.
func (r *run) enter(t *Trial) {
	if r.step != t.Step || !r.since.Equal(t.Since) {
		r.step, r.since, r.counts = t.Step, t.Since, Counts{}
	}
}

func (r *run) snapshot(t *Trial) Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Since.Before(r.since) {
		return Counts{}
	}
	r.enter(t)
	return r.counts
}

// compared counts what the new version answered beside what the old one did.
func (r *run) compared(t *Trial, got, want []tensor.Tensor) {
	r.count(t, func(c *Counts) {
		c.Compared++
		for i := range want {
			compare(c, find(got, want[i].Name), want[i])
		}
	})
}

func find(all []tensor.Tensor, name string) tensor.Tensor {
	for _, t := range all {
		if t.Name == name {
			return t
		}
	}
	return tensor.Tensor{}
}

func compare(c *Counts, got, want tensor.Tensor) {
	d, err := tensor.Compare(got, want, tensor.Tolerance{})
	if err != nil { // another type or shape: nothing agrees
		c.Rows++
		c.Largest = math.MaxFloat64
		c.Worst = fmt.Sprintf("output %q: %v", want.Name, err)
		return
	}
	if d.Largest > c.Largest {
		c.Largest, c.Worst = min(d.Largest, math.MaxFloat64), fmt.Sprintf("output %q, element %d: %s, was %s", want.Name, d.Index, d.Got, d.Want)
	}
	if agree, rows, err := tensor.Labels(got, want); err == nil {
		c.Rows += uint64(rows)
		c.Agreed += uint64(agree)
	}
}

// copied returns a response's outputs in memory of their own.
func copied(resp *infer.Response) []tensor.Tensor {
	all := make([]tensor.Tensor, len(resp.Outputs))
	for i, t := range resp.Outputs {
		t.Data = append([]byte(nil), t.Data...)
		all[i] = t
	}
	return all
}
