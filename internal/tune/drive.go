package tune

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"galatea/infer"
)

// errSlow says that a setting gave too few answers in its time.
var errSlow = errors.New("too few answers in its share of the time: --time gives more")

// load is callers who each ask again as soon as they are answered.
type load struct {
	h       infer.Handler
	ask     func() *infer.Request
	callers int
	slice   time.Duration // how long they ask
	limit   time.Duration // how long they may go on where that was too short
	least   int64         // answers that are wanted

	began    time.Time
	answered atomic.Int64
	ended    atomic.Int64 // nanoseconds after the beginning at which there were enough answers; 0: not yet
}

// answer is a request that was answered.
type answer struct {
	at   time.Duration // since the beginning
	took time.Duration
	rows int
}

// took is what callers saw.
type took struct {
	rows     float64 // a second
	p50, p99 time.Duration
	requests int
}

// drive asks until the slice is over and every caller has been answered three times on
// the average, and measures from when they have been once: then the batches are as they
// go on to be. The error is that of a request, of ctx, or errSlow.
func drive(ctx context.Context, l *load) (took, error) {
	l.least = max(l.least, int64(3*l.callers))
	l.began = time.Now()
	limited, stop := context.WithTimeoutCause(ctx, l.limit, errSlow)
	defer stop()
	limited, fail := context.WithCancelCause(limited)
	defer fail(nil)
	answers := make([][]answer, l.callers)
	var work sync.WaitGroup
	for i := range l.callers {
		work.Go(func() {
			var err error
			if answers[i], err = l.caller(limited); err != nil {
				fail(err)
			}
		})
	}
	work.Wait()
	if err := context.Cause(limited); err != nil && (ctx.Err() != nil || !errors.Is(err, errSlow)) {
		return took{}, err
	}
	return l.measured(slices.Concat(answers...))
}

// caller asks until there is enough.
func (l *load) caller(ctx context.Context) ([]answer, error) {
	var all []answer
	for !l.enough() {
		req := l.ask()
		asked := time.Now()
		resp, err := l.h.Infer(ctx, req)
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return all, err
		}
		now := time.Now()
		resp.Release()
		all = append(all, answer{now.Sub(l.began), now.Sub(asked), max(1, req.Rows)})
		l.answered.Add(1)
	}
	return all, nil
}

func (l *load) enough() bool {
	if l.ended.Load() > 0 {
		return true
	}
	since := time.Since(l.began)
	if since < l.slice || l.answered.Load() < l.least {
		return false
	}
	l.ended.CompareAndSwap(0, int64(since))
	return true
}

// measured reads the answers from the first one of all callers to when there were enough.
func (l *load) measured(all []answer) (took, error) {
	slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.at, b.at) })
	if end := time.Duration(l.ended.Load()); end > 0 {
		all = slices.DeleteFunc(all, func(a answer) bool { return a.at > end })
	}
	if len(all) <= l.callers {
		return took{}, errSlow
	}
	from, counted := all[l.callers-1:], all[l.callers:]
	if from[0].at == from[len(from)-1].at {
		return took{}, errSlow
	}
	times := make([]time.Duration, len(counted))
	for i, a := range counted {
		times[i] = a.took
	}
	slices.Sort(times)
	return took{
		rows: rate(from), requests: len(counted),
		p50: quantile(times, 50), p99: quantile(times, 99),
	}, nil
}

// rate returns the rows a second of answers in order, of which two at least are apart in
// time: the slope of the straight line that is nearest (by least squares) to the rows
// answered until then. Answers come in batches, in several at once where the lanes keep
// step; to count them between two moments is wrong by one of those at either end, which
// is a third of what a slow model answers in its share of the time.
func rate(answers []answer) float64 {
	n, rows := float64(len(answers)), 0.0
	var t, y, tt, ty float64
	for _, a := range answers {
		at, until := (a.at - answers[0].at).Seconds(), rows+float64(a.rows)/2
		rows += float64(a.rows)
		t, y, tt, ty = t+at, y+until, tt+at*at, ty+at*until
	}
	return (n*ty - t*y) / (n*tt - t*t)
}

// quantile returns the least time that so many percent of the sorted times are within.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}
