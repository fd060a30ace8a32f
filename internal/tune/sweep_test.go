package tune

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
	"galatea/repository"
)

// machine answers as a model would that takes a fixed time for a batch, on so many lanes,
// and takes in what waits when a lane is free.
type machine struct {
	at     Setting
	run    time.Duration
	lanes  chan struct{}
	fault  error
	open   *atomic.Int64
	mu     sync.Mutex
	waits  []chan struct{}
	closed bool
}

func newMachine(at Setting, run time.Duration, open *atomic.Int64) *machine {
	open.Add(1)
	return &machine{at: at, run: run, lanes: make(chan struct{}, at.Instances), open: open}
}

func (m *machine) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	if m.fault != nil {
		return nil, m.fault
	}
	req.Rows = 1
	done := make(chan struct{})
	m.mu.Lock()
	m.waits = append(m.waits, done)
	m.mu.Unlock()
	select {
	case m.lanes <- struct{}{}:
		m.batch(done)
		<-m.lanes
	case <-done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	<-done
	return &infer.Response{}, nil
}

// batch runs what waits, if the caller's own request is still among it.
func (m *machine) batch(own chan struct{}) {
	time.Sleep(1) // until all who ask at this moment wait
	select {
	case <-own: // it was in a batch before
		return
	default:
	}
	m.mu.Lock()
	n := min(len(m.waits), max(1, m.at.Batch))
	batch := m.waits[:n]
	m.waits = m.waits[n:]
	m.mu.Unlock()
	if n == 0 {
		return
	}
	time.Sleep(m.run - 1)
	for _, done := range batch {
		close(done)
	}
	select {
	case <-own:
	default: // another caller's batch was first in the line
		m.batch(own)
	}
}

func (m *machine) Info() repository.Info { return repository.Info{} }

func (m *machine) Close(context.Context) error {
	m.open.Add(-1)
	if m.closed {
		return errors.New("closed twice")
	}
	m.closed = true
	return nil
}

func ask() *infer.Request { return &infer.Request{} }

func TestALoneCallerIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(Setting{1, 1, 0}, 2*ms, &atomic.Int64{})
		got, err := drive(t.Context(), &load{h: m, ask: ask, callers: 1, slice: 100 * ms, limit: time.Second})
		if err != nil || math.Abs(got.rows-500) > 1e-6 || got.p50 != 2*ms || got.p99 != 2*ms || got.requests != 49 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestBatchesAreMeasuredOnceTheyAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(Setting{1, 1, 4}, 2*ms, &atomic.Int64{})
		got, err := drive(t.Context(), &load{h: m, ask: ask, callers: 8, slice: 100 * ms, limit: time.Second})
		if err != nil || math.Abs(got.rows-2000) > 20 || got.p50 != 4*ms || got.p99 != 4*ms {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestTheRateIsThatOfWholeBatches(t *testing.T) {
	const batch, period = 64, 400 * ms
	for name, lanes := range map[string][]time.Duration{ // when each of them has answered its first batch
		"one":               {period},
		"two, in step":      {period, period + ms},
		"two, out of step":  {period, period + period/2},
		"four, two of each": {period, period, period + 150*ms, period + 150*ms},
	} {
		for cut := range 2 * len(lanes) { // wherever it begins
			var all []answer
			for first := range 8 {
				for _, lane := range lanes {
					for range batch {
						all = append(all, answer{at: lane + time.Duration(first)*period, rows: 1})
					}
				}
			}
			want := float64(len(lanes)*batch) / period.Seconds()
			got := rate(all[cut*batch:])
			if math.Abs(got/want-1) > 0.04 {
				t.Errorf("%s, without the first %d batches: %.0f rows/s, want %.0f", name, cut, got, want)
			}
		}
	}
}

func TestASliceThatIsTooShortGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(Setting{1, 1, 0}, 100*ms, &atomic.Int64{})
		got, err := drive(t.Context(), &load{h: m, ask: ask, callers: 1, slice: ms, limit: time.Second, least: 5})
		if err != nil || got.requests != 4 || math.Abs(got.rows-10) > 1e-6 {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err = drive(t.Context(), &load{h: m, ask: ask, callers: 1, slice: ms, limit: 150 * ms, least: 5}); !errors.Is(err, errSlow) {
			t.Errorf("after one answer: %v", err)
		}
		if got, err = drive(t.Context(), &load{h: m, ask: ask, callers: 1, slice: ms, limit: 350 * ms, least: 5}); err != nil || got.requests != 2 {
			t.Errorf("after three answers: %+v, %v", got, err)
		}
	})
}

func TestAFailureEndsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(Setting{1, 1, 0}, ms, &atomic.Int64{})
		m.fault = errors.New("broken")
		if _, err := drive(t.Context(), &load{h: m, ask: ask, callers: 3, slice: time.Hour, limit: time.Hour}); !errors.Is(err, m.fault) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		m.fault = nil
		if _, err := drive(ctx, &load{h: m, ask: ask, callers: 3, slice: time.Hour, limit: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// sweeping makes a sweep over models whose loads take as long as one of their batches.
func sweeping(open *atomic.Int64, run func(Setting) (time.Duration, error)) *sweep {
	return &sweep{
		Options: Options{Time: 10 * time.Second, Goal: Goal{LoneRatio: 1.5}},
		space:   Space{Present: Setting{1, 2, 8}, Procs: 2, SmallestBatch: 1, LargestBatch: 8}, ask: ask,
		open: func(_ context.Context, at Setting) (repository.Servable, error) {
			took, err := run(at)
			if err != nil {
				return nil, err
			}
			time.Sleep(took)
			return newMachine(at, took, open), nil
		},
	}
}

func TestASweepFindsTheBest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		var steps []Step
		// A second thread is of use from four rows up, and then saves a third.
		s := sweeping(&open, func(at Setting) (time.Duration, error) {
			d := ms + time.Duration(at.Batch)*100*time.Microsecond
			if at.Threads > 1 && at.Batch >= 4 {
				d = d * 2 / 3
			}
			if at.Batch == 2 {
				return 0, errors.New("two is unlucky")
			}
			return d, nil
		})
		s.Step = func(at Step) { steps = append(steps, at) }
		report, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		best := report.Measured[0]
		if best.Setting != (Setting{2, 2, 8}) || best.Round != 2 || best.Rows < 8000 {
			t.Errorf("got %v: %v in round %d", best, best.Rows, best.Round)
		}
		if report.Settings != 16 || report.Missed != 0 || len(report.Measured) != 16 || report.Measured[15].Err == nil || report.Interrupted != nil {
			t.Errorf("got %+v", report)
		}
		if first, last := steps[0], steps[len(steps)-1]; first != (Step{Setting: s.space.Present, Round: 1, At: 1, Of: 16, Time: s.Time}) || last.Round != 2 || last.At != last.Of || last.Best < 8000 {
			t.Errorf("the steps are %+v to %+v", first, last)
		}
		if report.Took < 9*time.Second || report.Took > 11*time.Second || open.Load() != 0 {
			t.Errorf("it took %v, and %d models are open", report.Took, open.Load())
		}
	})
}

func TestASweepThatIsEndedShowsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		s := sweeping(&open, func(Setting) (time.Duration, error) { return ms, nil })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		report, err := s.run(ctx)
		if err != nil || !errors.Is(report.Interrupted, context.DeadlineExceeded) {
			t.Fatalf("got %+v, %v", report, err)
		}
		if n := len(report.Measured); n == 0 || n+report.Missed != report.Settings || report.Missed == 0 || open.Load() != 0 {
			t.Errorf("got %+v", report)
		}
		for _, m := range report.Measured {
			if m.Err != nil || m.Rows == 0 {
				t.Errorf("of no use: %+v", m)
			}
		}
	})
}

func TestASlowModelIsMeasuredAsItIsAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		s := sweeping(&open, func(Setting) (time.Duration, error) { return 50 * ms, nil })
		s.Time = time.Second
		report, err := s.run(t.Context())
		if err != nil || len(report.Measured) == 0 || report.Missed == 0 || report.Took > 2*time.Second {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

func TestAModelThatFailsAsItIsCannotBeTuned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		opened := 0
		s := sweeping(&atomic.Int64{}, func(Setting) (time.Duration, error) { opened++; return 0, broken })
		if report, err := s.run(t.Context()); report != nil || !errors.Is(err, broken) || opened != 1 {
			t.Errorf("got %v, %v after %d loads", report, err, opened)
		}
	})
}
