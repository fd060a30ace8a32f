package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
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

	MaxBatchSize        int           // rows; 0: one request a run
	PreferredBatchSizes []int         // rows; none: MaxBatchSize
	MaxQueueDelay       time.Duration // how long the oldest request may wait for company
	AimP99              time.Duration // batches and waits are chosen for this 99th percentile, in place of the two above; 0: they are as given
	PreserveOrdering    bool          // answers go out in the order in which the requests came

	Levels         []Level       // of priority, the highest first; none: a single one without limits
	DefaultLevel   int           // number, from 1 up, of the level of requests that name none that there is; 0 is 1
	PriorityAgeing time.Duration // a request counts as one of the highest level that came so much later for each level below; 0: it waits for all of the higher levels
	RequestTimeout time.Duration // from a request's arrival to its deadline, unless its own is earlier; 0: none
	// Weight is a tenant's share of the instances, in relation to the others'; nil: all are equal. It is called from one goroutine.
	Weight func(tenant string) float64

	// Padding lets requests of different lengths share a batch; nil: only those of the
	// same shapes do. Each input that it names has one dynamic dimension past the batch's.
	Padding *Padding

	Instances int                // lanes; 0 is 1
	Demand    func(i int) Demand // what lane i's runs need beside it; nil: nothing
	Limiter   *Limiter           // gives that out, to all queues that have it; needed where there is a Demand

	Log    *slog.Logger
	Tracer trace.Tracer
}

// Queue is the waiting calls and the lanes of one loaded version.
type Queue struct {
	o        Options
	keyed    bool // requests differ in more than their rows
	pad      *padder
	lanes    []*lane
	stats    stats
	calls    sync.Pool // *call; a caller who has got its answer gives it back
	in       chan *call
	leaves   chan *call
	idle     chan *lane
	grants   chan struct{}   // a lane may have got what it needs
	closed   chan struct{}   // no new calls
	expire   chan struct{}   // refuse the calls that wait
	done     chan struct{}   // the loop has ended
	run      context.Context //nolint:containedctx // the parent of every run: values of Start's context, no end
	began    time.Time
	earliest atomic.Int64 // nanoseconds after began at which a request that comes now has its answer at the earliest; 0: not known
	once     sync.Once
	cut      sync.Once
	work     sync.WaitGroup // the lanes' goroutines
}

var _ infer.Handler = (*Queue)(nil)

// inBuffer lets callers hand a call over without waiting for the loop's turn.
const inBuffer = 256

// Start makes the instances and starts the queue. lanes makes instance i on its
// device, and makes it anew when it is lost; it is called from one goroutine a lane.
// When one cannot be made, those made are closed and the error is returned.
func Start(ctx context.Context, lanes func(ctx context.Context, i int) (backend.Instance, error), o Options) (*Queue, error) {
	o.Instances = max(1, o.Instances)
	if len(o.Levels) == 0 {
		o.Levels = make([]Level, 1)
	}
	o.DefaultLevel = max(1, o.DefaultLevel)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer("")
	}
	q := &Queue{
		o: o, keyed: varies(o.Signature), run: context.WithoutCancel(ctx),
		in: make(chan *call, inBuffer), leaves: make(chan *call), idle: make(chan *lane, o.Instances),
		began: time.Now(), grants: make(chan struct{}, 1), closed: make(chan struct{}), expire: make(chan struct{}), done: make(chan struct{}),
	}
	if o.Padding != nil {
		q.pad = newPadder(*o.Padding, o.Signature)
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
	q.registerDemands()
	for _, l := range q.lanes {
		q.work.Go(l.work)
		q.idle <- l
	}
	go q.loop()
	return q, nil
}

// registerDemands makes the permits of the lanes that need any.
func (q *Queue) registerDemands() {
	if q.o.Demand == nil || q.o.Limiter == nil {
		return
	}
	granted := func() {
		select {
		case q.grants <- struct{}{}:
		default:
		}
	}
	for i, l := range q.lanes {
		if d := q.o.Demand(i); len(d.Resources) > 0 {
			l.permit = q.o.Limiter.register(d, granted)
		}
	}
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
// Errors: infer.ErrQueueFull, ErrOverQuota, ErrOverloaded (in an *infer.RetryError
// where it is known when to try again), ErrTimeout, ErrDeadline, ErrStopping,
// ErrExecution, ErrInstanceLost (wrapped), or ctx's error, at once when ctx ends.
func (q *Queue) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	c := q.newCall(ctx, req)
	if err := q.classify(c); err != nil {
		return q.refused(c, err)
	}
	c.queued = time.Now()
	c.level = q.level(req)
	if timeout := timeout(q.o.Levels[c.level], req); timeout > 0 {
		c.expires = c.queued.Add(timeout)
	}
	c.deadline = q.deadline(c)
	select {
	case q.in <- c:
	case <-q.closed:
		return q.refused(c, infer.ErrStopping)
	case <-ctx.Done():
		return q.refused(c, context.Cause(ctx))
	}
	gone := false
	late := c.startTimer()
	select {
	case r := <-c.reply:
		return q.got(c, r)
	case <-ctx.Done():
	case <-late:
	case <-q.done:
		gone = true
	}
	if !c.leave() {
		return q.got(c, <-c.reply)
	}
	if gone { // handed over just as the loop ended, which answers all that it sees
		return q.refused(c, infer.ErrStopping)
	}
	c.stopTimer()
	queued := c.queued
	select {
	case q.leaves <- c:
	case <-q.done:
	}
	if err := context.Cause(ctx); err != nil {
		q.stats.failed(reasonCanceled, time.Since(queued))
		return nil, err
	}
	q.stats.refused(infer.ErrDeadline, time.Since(queued))
	return nil, infer.ErrDeadline
}

// classify finds which calls this one may share a batch with.
func (q *Queue) classify(c *call) (err error) {
	if q.pad != nil {
		c.length, c.bucket = q.pad.measure(q.o.Signature, c.inputs)
		if c.inputs, err = q.pad.complete(q.o.Signature, c.inputs, c.rows, c.length); err != nil {
			return err
		}
	}
	if q.keyed && q.o.MaxBatchSize > 0 {
		c.key = c.classKey(q.o.Signature, q.pad)
	}
	return nil
}

// Admit returns infer.ErrOverloaded (in an *infer.RetryError) for a request that was
// received then and would be refused for its deadline, or the model's, as far as that
// can be told without looking at it. Infer decides.
func (q *Queue) Admit(received, deadline time.Time) error {
	earliest := time.Duration(q.earliest.Load())
	if earliest == 0 {
		return nil
	}
	if q.o.RequestTimeout > 0 {
		deadline = earlier(deadline, received.Add(q.o.RequestTimeout))
	}
	late := q.began.Add(earliest).Sub(deadline)
	if deadline.IsZero() || late <= 0 {
		return nil
	}
	q.stats.refused(infer.ErrOverloaded, time.Since(received))
	return &infer.RetryError{Err: infer.ErrOverloaded, After: late}
}

// got ends a call that was answered. A refusal is counted here, and not where it was
// made, since its caller may have left at the same moment, and counted that.
func (q *Queue) got(c *call, r reply) (*infer.Response, error) {
	c.stopTimer()
	if r.err != nil && infer.RefusalCause(r.err) != "" {
		q.stats.refused(r.err, time.Since(c.queued))
	}
	q.recycle(c)
	return r.resp, r.err
}

// refused ends a call that the loop never saw.
func (q *Queue) refused(c *call, err error) (*infer.Response, error) {
	c.stopTimer()
	c.req.Release()
	q.recycle(c)
	return nil, err
}

// level is the place of the request's priority level; by Triton's rule, a number
// that no level has means the default one.
func (q *Queue) level(req *infer.Request) int {
	if p := req.Priority; p >= 1 && p <= uint64(len(q.o.Levels)) {
		return int(p) - 1
	}
	return q.o.DefaultLevel - 1
}

// timeout is how long the request may wait, by Triton's rule: its own wish counts
// only when the level allows it and it is the shorter one.
func timeout(l Level, req *infer.Request) time.Duration {
	if l.TimeoutOverride && req.Timeout > 0 && req.Timeout < l.Timeout {
		return req.Timeout
	}
	return l.Timeout
}

// deadline is the earlier one of the request's own and the model's.
func (q *Queue) deadline(c *call) time.Time {
	if q.o.RequestTimeout <= 0 {
		return c.req.Deadline
	}
	from := c.req.Received
	if from.IsZero() {
		from = c.queued
	}
	return earlier(c.req.Deadline, from.Add(q.o.RequestTimeout))
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
