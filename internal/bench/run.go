package bench

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"galatea/internal/latency"
)

// Load is one level of load.
type Load struct {
	Callers  int           // that ask at a time; with a Rate, the most that do
	Rate     float64       // requests a second that become due; 0: a closed loop
	WarmUp   time.Duration // at the beginning, not measured
	Duration time.Duration // measured
}

// Result is what was measured of a Load.
type Result struct {
	Answers uint64            // to what was asked, or due, in the measured time
	Elapsed time.Duration     // the measured time, and up to the last answer if that came later
	Latency latency.Histogram // of the answers
	Errors  map[string]uint64 // what went wrong in the measured time, by its words
}

// Rate is the answers a second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answers) / r.Elapsed.Seconds()
}

// Failed is how many requests had no answer.
func (r *Result) Failed() uint64 {
	n := uint64(0)
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// maxErrors is how many different errors are told apart.
const maxErrors = 20

// Run puts a load on a target. It ends early when ctx does, with what was measured by then.
func Run(ctx context.Context, ask func(ctx context.Context, i int) error, l Load) *Result {
	r := &run{load: l, ask: ask, began: time.Now()}
	parts := make([]Result, max(1, l.Callers))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { r.call(ctx, i, &parts[i]) })
	}
	wg.Wait()
	all := &Result{Errors: map[string]uint64{}, Elapsed: l.Duration}
	for i := range parts {
		all.merge(&parts[i])
	}
	if ctx.Err() != nil {
		all.Elapsed = max(0, time.Since(r.began)-l.WarmUp)
	}
	return all
}

func (r *Result) merge(o *Result) {
	r.Answers += o.Answers
	r.Elapsed = max(r.Elapsed, o.Elapsed)
	r.Latency.Merge(&o.Latency)
	for text, n := range o.Errors {
		if _, known := r.Errors[text]; !known && len(r.Errors) >= maxErrors {
			text = "others"
		}
		r.Errors[text] += n
	}
}

// run is a load in progress.
type run struct {
	load  Load
	ask   func(ctx context.Context, i int) error
	began time.Time
	next  atomic.Uint64 // of an open loop's requests
}

// call is one caller, until the time is over.
func (r *run) call(ctx context.Context, caller int, out *Result) {
	out.Errors = map[string]uint64{}
	end := r.load.WarmUp + r.load.Duration
	for i := caller; ; i++ {
		due := time.Since(r.began)
		if r.load.Rate > 0 {
			n := r.next.Add(1) - 1
			due = time.Duration(float64(n) / r.load.Rate * float64(time.Second))
			i = int(n & math.MaxInt32)
		}
		if due >= end || !r.wait(ctx, due) {
			return
		}
		err := r.ask(ctx, i)
		took := time.Since(r.began) - due
		if ctx.Err() != nil {
			return // it was interrupted, and says nothing of the server
		}
		if due < r.load.WarmUp {
			continue
		}
		out.Elapsed = due + took - r.load.WarmUp
		if err != nil {
			out.Errors[err.Error()]++
			continue
		}
		out.Answers++
		out.Latency.Record(took)
	}
}

// wait waits until a time from the beginning on; false when ctx ends first.
func (r *run) wait(ctx context.Context, until time.Duration) bool {
	left := until - time.Since(r.began)
	if left <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
