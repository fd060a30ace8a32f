package tune

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"galatea/infer"
	"galatea/repository"
)

// Rounds is how often a setting is measured at most: in the first round each of them
// briefly, in the second those that did best.
const Rounds = 2

// Options describe a sweep.
type Options struct {
	Time time.Duration // for all of it; a load that goes on, and requests, may end later
	Goal Goal
	Step func(Step) // told of what is measured next; nil: nobody is
}

// Step is what a sweep is about to measure.
type Step struct {
	Setting
	Round, At, Of int           // the At-th of so many in its round, from 1 up
	Gone, Time    time.Duration // since the sweep began, and what it has in all
	Best          float64       // rows a second so far
}

// Report is what a sweep has found.
type Report struct {
	Measured    []Measured // by rows a second; what could not be measured comes last
	Settings    int        // there were
	Missed      int        // of them, those that there was no time for
	Interrupted error      // why it ended early; nil: it did not
	Took        time.Duration
}

// sweep is one that goes on.
type sweep struct {
	Options
	space Space
	open  func(ctx context.Context, at Setting) (repository.Servable, error)
	ask   func() *infer.Request
	began time.Time
	found map[Setting]Measured
}

// run measures the present setting and those of the grid. The error is the present
// setting's, without which nothing can be said.
func (s *sweep) run(ctx context.Context) (*Report, error) {
	s.began, s.found = time.Now(), map[Setting]Measured{}
	all := append([]Setting{s.space.Present}, s.space.Grid()...)
	s.round(ctx, 1, all, s.Time/2)
	if present := s.found[s.space.Present]; present.Err != nil {
		return nil, fmt.Errorf("the model as it is now: %w", present.Err)
	}
	report := &Report{Settings: len(all), Missed: len(all) - len(s.found)}
	if again := survivors(s.list(), s.Goal); len(again) > 1 {
		s.round(ctx, 2, again, s.Time)
	}
	report.Measured, report.Interrupted, report.Took = s.list(), context.Cause(ctx), time.Since(s.began)
	return report, nil
}

// list returns what was found, the most rows a second first.
func (s *sweep) list() []Measured {
	all := make([]Measured, 0, len(s.found))
	for _, m := range s.found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Measured) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Instances, b.Instances), cmp.Compare(a.Batch, b.Batch), cmp.Compare(a.Threads, b.Threads))
	})
	return all
}

// round measures the settings until so long after the beginning; in the first round, the
// present one in any case. It ends with ctx, and leaves out what that has cut short.
func (s *sweep) round(ctx context.Context, number int, all []Setting, until time.Duration) {
	for i, at := range all {
		left := until - time.Since(s.began)
		if ctx.Err() != nil || left <= 0 && (i > 0 || number > 1) {
			return
		}
		if s.Step != nil {
			s.Step(Step{Setting: at, Round: number, At: i + 1, Of: len(all), Gone: time.Since(s.began), Time: s.Time, Best: s.best()})
		}
		m, err := s.measure(ctx, at, left/time.Duration(len(all)-i))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m = Measured{Err: err}
			if s.found[at].Round > 0 { // it was measured, if briefly
				continue
			}
		}
		m.Setting, m.Present, m.Round, m.Waits = at, at == s.space.Present, number, s.space.Waits && at.Batch > 1
		s.found[at] = m
		if m.Present && err != nil { // there is nothing to compare with
			return
		}
	}
}

func (s *sweep) best() float64 {
	best := 0.0
	for _, m := range s.found {
		best = max(best, m.Rows)
	}
	return best
}

const (
	leastSlice   = 20 * time.Millisecond // of measuring a setting, whatever there is left
	loneRequests = 5                     // that are wanted of a caller who is alone
)

// measure loads the model in a setting, measures it for what is left of the slice, and
// frees it.
func (s *sweep) measure(ctx context.Context, at Setting, slice time.Duration) (m Measured, err error) {
	began := time.Now()
	version, err := s.open(ctx, at)
	if err != nil {
		return m, err
	}
	defer func() {
		if e := version.Close(context.WithoutCancel(ctx)); e != nil && err == nil {
			err = fmt.Errorf("close it: %w", e)
		}
	}()
	slice = max(leastSlice, slice-time.Since(began))
	limit := max(3*slice, s.Time/10)
	if at == s.space.Present { // without it the others say nothing
		limit = s.Time
	}
	lone, err := drive(ctx, &load{h: version, ask: s.ask, callers: 1, slice: slice / 4, limit: limit, least: loneRequests})
	if err != nil {
		return m, err
	}
	// While every lane runs a batch, the next one waits in full.
	callers := (s.space.Lanes(at) + 1) * max(1, at.Batch)
	full, err := drive(ctx, &load{h: version, ask: s.ask, callers: callers, slice: slice * 3 / 4, limit: limit})
	return Measured{Rows: full.rows, P50: full.p50, P99: full.p99, Lone: lone.p50, Requests: full.requests}, err
}
