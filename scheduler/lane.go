package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"galatea/backend"
	"galatea/infer"
	"galatea/tensor"
)

// lane owns an instance: its goroutine receives batches, runs them and answers
// their calls.
type lane struct {
	queue    *Queue
	index    int
	instance backend.Instance // nil while it is lost
	remake   func(ctx context.Context, i int) (backend.Instance, error)
	batches  chan *batch
	permit   *permit // the loop's: what its runs need beside it; nil: nothing
	next     batch   // the loop's while the lane is idle, the lane's while it runs
	closeErr error

	inputs []tensor.Tensor // scratch: the batched inputs
	rows   []tensor.Scatterer
	bucket int64   // length that the batch's inputs are padded to; 0: they are not
	pieces []piece // scratch: of a response's outputs
}

// batch is what a lane runs. The loop fills it while the lane is idle.
type batch struct {
	calls  []*call
	ctx    context.Context //nolint:containedctx // the runs' own, ended when all callers of one have left
	cancel context.CancelFunc
	took   time.Duration // the lane's: of a batch that ran whole; else 0
	ran    int           // the lane's: its rows

	// the loop's
	turn    uint64
	live    int
	running bool
	began   time.Time
	rows    int
	bill    []debt
}

// debt is what the loop charged an account for its calls in a batch.
type debt struct {
	level   int
	account *account
	calls   int
	rows    int
	charged float64
}

func newLane(q *Queue, i int, instance backend.Instance, remake func(context.Context, int) (backend.Instance, error)) *lane {
	return &lane{queue: q, index: i, instance: instance, remake: remake, batches: make(chan *batch, 1)}
}

// start makes a batch of the calls that the loop put in. The context of the runs
// before serves on as long as nobody has ended it.
func (b *batch) start(parent context.Context, now time.Time) {
	b.turn++
	b.live, b.running, b.began, b.rows, b.took = len(b.calls), true, now, 0, 0
	if b.ctx == nil || b.ctx.Err() != nil {
		b.ctx, b.cancel = context.WithCancel(parent)
	}
	b.bill = b.bill[:0]
	for _, c := range b.calls {
		c.batch, c.turn = b, b.turn
		b.rows += c.rows
		if n := len(b.bill); n > 0 && b.bill[n-1].account == c.account {
			d := &b.bill[n-1]
			d.calls++
			d.rows += c.rows
			d.charged += c.charged
			continue
		}
		b.bill = append(b.bill, debt{c.level, c.account, 1, c.rows, c.charged})
	}
}

// end says that the lane is done; it reports false for a lane that had no batch.
func (b *batch) end() bool {
	if !b.running {
		return false
	}
	b.running = false
	return true
}

// leave says that a caller of the given turn has gone; the last one stops the run.
func (b *batch) leave(turn uint64) {
	if !b.running || b.turn != turn {
		return
	}
	if b.live--; b.live == 0 {
		b.cancel()
	}
}

func (l *lane) work() {
	for b := range l.batches {
		l.queue.stats.busy(l.index, time.Now())
		l.run(b, b.calls)
		clear(b.calls)
		if l.instance == nil {
			l.restore()
		}
		l.queue.stats.busy(l.index, time.Time{})
		l.queue.idle <- l
	}
	if l.next.cancel != nil {
		l.next.cancel()
	}
	if l.instance != nil {
		l.closeErr = l.instance.Close()
	}
}

// run executes the calls in one batch and answers each. When the batch fails, its
// halves are run apart, so that only the guilty call fails.
func (l *lane) run(b *batch, calls []*call) {
	live := calls[:0]
	for _, c := range calls {
		if c.gone() {
			c.answer(nil, nil)
			continue
		}
		live = append(live, c)
	}
	if len(live) == 0 {
		return
	}
	whole := len(calls) == len(b.calls)
	timing, err := l.execute(b.ctx, live)
	if err == nil {
		if whole {
			b.took, b.ran = timing.Done.Sub(timing.Started), timing.Rows
		}
		return
	}
	if len(live) > 1 && l.instance != nil && b.ctx.Err() == nil {
		half := len(live) / 2
		l.run(b, live[:half:half])
		l.run(b, live[half:])
		return
	}
	for _, c := range live {
		if !c.gone() { // who has left has counted that
			l.queue.stats.failed(reasonBackend, time.Since(c.queued))
		}
		l.queue.traceFailed(c, timing, err)
		c.answer(nil, err)
	}
}

// execute runs one batch and answers its calls. When it returns an error, no call
// has been answered.
func (l *lane) execute(ctx context.Context, calls []*call) (t infer.Timing, err error) {
	t.Started = time.Now()
	all, err := l.answers(ctx, calls, &t)
	if err != nil {
		return t, err
	}
	l.queue.stats.ran(calls, t)
	l.queue.traceBatch(ctx, calls, t)
	for i, c := range calls {
		all[i].Timing = t
		all[i].Timing.Queued = c.queued
		c.answer(&all[i], nil)
	}
	return t, nil
}

// answers gathers, runs, checks and scatters. A panic in the backend is one failed batch.
func (l *lane) answers(ctx context.Context, calls []*call, t *infer.Timing) (all []infer.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.queue.o.Log.Error("panic in the backend", slog.String("model", l.queue.o.Name), slog.Any("err", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("%w: panic: %v", infer.ErrExecution, p)
		}
	}()
	if l.instance == nil {
		return nil, infer.ErrInstanceLost
	}
	for _, c := range calls {
		t.Rows += c.rows
	}
	b, err := l.gather(calls, t.Rows)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", infer.ErrExecution, err)
	}
	t.Input = time.Now()
	if err := l.instance.Run(ctx, b); err != nil {
		return nil, l.failed(ctx, err)
	}
	t.Infer = time.Now()
	if err := l.startScatter(b, t.Rows); err != nil {
		return nil, fmt.Errorf("%w: %w", infer.ErrExecution, err)
	}
	a := newAnswers(len(calls), b)
	for i, c := range calls {
		if err = l.scatter(c, b, &a, i); err != nil {
			for i := range a.responses {
				a.responses[i].Release()
			}
			return nil, fmt.Errorf("%w: %w", infer.ErrExecution, err)
		}
	}
	t.Done = time.Now()
	return a.responses, nil
}

// failed says what a failed run means; an instance that says that it is lost is closed.
func (l *lane) failed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, infer.ErrInstanceLost):
		l.queue.o.Log.Error("instance lost", slog.String("model", l.queue.o.Name), slog.Int("instance", l.index), slog.Any("err", err))
		if closeErr := l.instance.Close(); closeErr != nil {
			l.queue.o.Log.Warn("close a lost instance", slog.String("model", l.queue.o.Name), slog.Any("err", closeErr))
		}
		l.instance = nil
		return err
	case ctx.Err() != nil:
		return err
	default:
		return fmt.Errorf("%w: %w", infer.ErrExecution, err)
	}
}

// The waits between attempts to make a lost instance anew.
const (
	firstRemake = 100 * time.Millisecond
	lastRemake  = 30 * time.Second
)

// restore makes the instance anew, trying until it works or the queue closes.
func (l *lane) restore() {
	for wait := firstRemake; ; wait = min(2*wait, lastRemake) {
		instance, err := l.remake(l.queue.run, l.index)
		if err == nil {
			l.instance = instance
			return
		}
		l.queue.o.Log.Error("make a lost instance anew", slog.String("model", l.queue.o.Name), slog.Int("instance", l.index), slog.Any("err", err))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.queue.closed:
			timer.Stop()
			return
		}
	}
}
