package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"galatea/backend"
	"galatea/infer"
	"galatea/tensor"
)

// Options describe a queue. The zero value of each field is sensible.
type Options struct {
	Name      string           // for logs and errors: name/version
	ID        infer.ID         // stamped on every response
	Signature tensor.Signature // what requests were checked against

	MaxBatchSize         int           // rows; 0: one request a run
	PreferredBatchSizes  []int         // rows; none: MaxBatchSize
	MaxQueueDelay        time.Duration // how long the oldest request may wait for company
	MaxQueueSize         int           // waiting requests; 0: no limit
	DefaultTimeout       time.Duration // how long a request may wait; 0: for ever
	AllowTimeoutOverride bool          // a request may ask for a shorter DefaultTimeout

	Instances int // lanes; 0 is 1
	Log       *slog.Logger
	Tracer    trace.Tracer
}

// Queue is the waiting calls and the lanes of one loaded version.
type Queue struct {
	o      Options
	keyed  bool // requests differ in more than their rows
	lanes  []*lane
	stats  stats
	calls  sync.Pool // *call; a caller who has got its answer gives it back
	in     chan *call
	leaves chan *call
	idle   chan *lane
	closed chan struct{}   // no new calls
	expire chan struct{}   // refuse the calls that wait
	done   chan struct{}   // the loop has ended
	run    context.Context //nolint:containedctx // the parent of every run: values of Start's context, no end
	once   sync.Once
	cut    sync.Once
	work   sync.WaitGroup // the lanes' goroutines
}

var _ infer.Handler = (*Queue)(nil)

// inBuffer lets callers hand a call over without waiting for the loop's turn.
const inBuffer = 256

// Start makes the instances and starts the queue. lanes makes instance i on its
// device, and makes it anew when it is lost; it is called from one goroutine a lane.
// When one cannot be made, those made are closed and the error is returned.
func Start(ctx context.Context, lanes func(ctx context.Context, i int) (backend.Instance, error), o Options) (*Queue, error) {
	o.Instances = max(1, o.Instances)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer("")
	}
	q := &Queue{
		o: o, keyed: varies(o.Signature), run: context.WithoutCancel(ctx),
		in: make(chan *call, inBuffer), leaves: make(chan *call), idle: make(chan *lane, o.Instances),
		closed: make(chan struct{}), expire: make(chan struct{}), done: make(chan struct{}),
	}
	for i := range o.Instances {
		instance, err := lanes(ctx, i)
		if err != nil {
			for _, l := range q.lanes {
				err = errors.Join(err, l.instance.Close())
			}
			return nil, fmt.Errorf("instance %d: %w", i, err)
		}
		q.lanes = append(q.lanes, newLane(q, i, instance, lanes))
	}
	for _, l := range q.lanes {
		q.work.Go(l.work)
		q.idle <- l
	}
	go q.loop()
	return q, nil
}

// varies reports whether two requests that fit the signature can differ in shape
// beyond their rows.
func varies(s tensor.Signature) bool {
	for _, in := range s.Inputs {
		if in.Optional || !in.Shape[min(1, len(in.Shape)):].Static() {
			return true
		}
	}
	return false
}

// Infer waits for the request's turn and returns its answer. The request must have
// passed the signature check: its inputs in the signature's order, its Rows set.
// Errors: infer.ErrQueueFull, ErrTimeout, ErrStopping, ErrExecution, ErrInstanceLost
// (wrapped), or ctx's error, at once when ctx ends.
func (q *Queue) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	c := q.newCall(ctx, req)
	if q.keyed && q.o.MaxBatchSize > 0 {
		c.key = classKey(req.Inputs)
	}
	c.queued = time.Now()
	if timeout := q.timeout(req); timeout > 0 {
		c.expires = c.queued.Add(timeout)
	}
	select {
	case q.in <- c:
	case <-q.closed:
		return q.refused(c, infer.ErrStopping)
	case <-ctx.Done():
		return q.refused(c, context.Cause(ctx))
	}
	over := false
	select {
	case r := <-c.reply:
		q.recycle(c)
		return r.resp, r.err
	case <-ctx.Done():
	case <-q.done:
		over = true
	}
	if !c.leave() {
		r := <-c.reply
		q.recycle(c)
		return r.resp, r.err
	}
	if over { // handed over just as the loop ended, which answers all that it sees
		return q.refused(c, infer.ErrStopping)
	}
	select {
	case q.leaves <- c:
	case <-q.done:
	}
	q.stats.failed(reasonCanceled, time.Since(c.queued))
	return nil, context.Cause(ctx)
}

// refused ends a call that the loop never saw.
func (q *Queue) refused(c *call, err error) (*infer.Response, error) {
	c.req.Release()
	q.recycle(c)
	return nil, err
}

// timeout is how long the request may wait, by Triton's rule: its own wish counts
// only when the model allows it and it is the shorter one.
func (q *Queue) timeout(req *infer.Request) time.Duration {
	if q.o.AllowTimeoutOverride && req.Timeout > 0 && req.Timeout < q.o.DefaultTimeout {
		return req.Timeout
	}
	return q.o.DefaultTimeout
}

// Close refuses new calls, lets the waiting ones run until ctx ends and refuses
// those left then, waits for the runs under way, and closes the instances. It may be
// called more than once, with an earlier end each time.
func (q *Queue) Close(ctx context.Context) error {
	q.once.Do(func() { close(q.closed) })
	select {
	case <-q.done:
	case <-ctx.Done():
		q.cut.Do(func() { close(q.expire) })
		<-q.done
	}
	q.work.Wait()
	var errs []error
	for _, l := range q.lanes {
		errs = append(errs, l.closeErr)
	}
	return errors.Join(errs...)
}
