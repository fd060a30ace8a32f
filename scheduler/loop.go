package scheduler

import (
	"runtime"
	"slices"
	"time"

	"galatea/infer"
)

// loop owns the waiting calls.
func (q *Queue) loop() {
	defer close(q.done)
	l := &loop{
		Queue: q,
		pending: newPending(policy{
			maxRows: q.o.MaxBatchSize, preferred: slices.Clone(q.o.PreferredBatchSizes), delay: q.o.MaxQueueDelay,
			levels: q.o.Levels, ageing: q.o.PriorityAgeing, weight: q.o.Weight, aim: q.o.AimP99,
		}),
		timer: time.NewTimer(time.Hour),
	}
	if q.o.PreserveOrdering {
		l.order = &order{}
	}
	defer l.timer.Stop()
	for !l.finished() {
		l.dispatch(time.Now())
		l.wait()
	}
	for _, lane := range q.lanes {
		if lane.permit != nil {
			q.o.Limiter.unregister(lane.permit)
		}
		close(lane.batches)
	}
}

// loop is the loop goroutine's own state.
type loop struct {
	*Queue
	pending *pending
	free    []*lane
	running int
	order   *order // nil: answers go out as they come
	closing bool
	asked   bool // a batch is due, and waits for what its run needs beside an idle lane
	timer   *time.Timer
}

// finished reports whether the queue is closed and nothing is left to do.
func (l *loop) finished() bool {
	return l.closing && l.pending.count == 0 && l.running == 0 && len(l.free) == len(l.lanes)
}

// dispatch answers what has waited too long and hands what is due to idle lanes.
func (l *loop) dispatch(now time.Time) {
	for c, err := l.pending.expired(now); c != nil; c, err = l.pending.expired(now) {
		c.answer(nil, err)
	}
	l.pending.tune(now, len(l.lanes))
	l.asked = false
	for l.pending.count > 0 {
		at := slices.IndexFunc(l.free, l.mayRun)
		if at < 0 && l.askPermits(now) {
			at = slices.IndexFunc(l.free, l.mayRun)
			l.asked = at < 0
		}
		if at < 0 {
			break
		}
		lane := l.free[at]
		lane.next.calls = l.pending.next(now, lane.next.calls[:0])
		if len(lane.next.calls) == 0 {
			break
		}
		l.free = slices.Delete(l.free, at, at+1)
		l.running++
		lane.next.start(l.run, now)
		lane.batches <- &lane.next
	}
	l.returnPermits()
	l.publish(now)
	l.stats.waiting(l.pending.count)
}

// publish leaves behind when a request that comes from now on has its answer at the
// earliest. That is a moment, not a time from now: while it holds, runs go on.
func (l *loop) publish(now time.Time) {
	if !l.pending.hurried {
		return // nobody has asked for a deadline yet
	}
	at := int64(0)
	if needs := l.pending.atLeast(now, l.capacity(now)); needs > 0 {
		at = int64(now.Sub(l.began) + needs)
	}
	l.earliest.Store(at)
}

// mayRun reports whether an idle lane has all that a run needs.
func (l *loop) mayRun(lane *lane) bool { return lane.permit == nil || l.o.Limiter.holds(lane.permit) }

// askPermits asks for what the runs that are due need beside the idle lanes. It
// reports false when none is due.
func (l *loop) askPermits(now time.Time) bool {
	if len(l.free) == 0 || !l.pending.ready(now) {
		return false
	}
	for _, lane := range l.free[:min(len(l.free), l.pending.batches())] {
		l.o.Limiter.ask(lane.permit)
	}
	return true
}

// returnPermits gives back what idle lanes hold and have no run for.
func (l *loop) returnPermits() {
	for _, lane := range l.free {
		if lane.permit != nil && (l.pending.count == 0 || l.o.Limiter.holds(lane.permit)) {
			l.o.Limiter.release(lane.permit)
		}
	}
}

// wait blocks until something happens, and takes in all that has happened.
func (l *loop) wait() {
	if at := l.pending.wake(time.Now(), len(l.free) > 0 && !l.asked); at.IsZero() {
		l.timer.Stop()
	} else {
		l.timer.Reset(time.Until(at))
	}
	closed, expire := l.closed, l.expire
	if l.closing {
		closed = nil
	}
	if l.pending.count == 0 {
		expire = nil
	}
	select {
	case c := <-l.in:
		l.accept(c)
		l.drain()
	case lane := <-l.idle:
		l.freed(lane)
		l.drain()
	case c := <-l.leaves:
		l.left(c)
	case <-l.grants:
	case <-l.timer.C:
	case <-closed:
		l.closing = true
		l.drain()
	case <-expire:
		for len(l.pending.order) > 0 {
			c := l.pending.order[0].first()
			l.pending.remove(c)
			c.answer(nil, infer.ErrStopping)
		}
	}
}

// drain takes in the calls that have arrived meanwhile, so that they can share the
// next batch. Callers that are about to hand theirs over run first, unless the next
// batch is full already: a batch that goes a moment too early, nearly empty, costs all
// those that just missed it a whole run.
func (l *loop) drain() {
	l.take()
	if l.pending.rows < l.pending.limit {
		runtime.Gosched()
		l.take()
	}
}

// take takes in the calls that have been handed over.
func (l *loop) take() {
	for {
		select {
		case c := <-l.in:
			l.accept(c)
		default:
			return
		}
	}
}

// accept lets a call wait, or refuses it.
func (l *loop) accept(c *call) {
	if l.order != nil {
		l.order.enter(c)
	}
	if c.gone() {
		c.answer(nil, nil)
		return
	}
	l.pending.arrivals.arrive(c.queued, c.rows)
	if !c.deadline.IsZero() {
		now := time.Now()
		if err := l.pending.admit(c, now, l.capacity(now)); err != nil {
			c.answer(nil, err)
			return
		}
	}
	gaveWay, err := l.pending.push(c)
	if gaveWay != nil {
		gaveWay.answer(nil, l.retryable(gaveWay, infer.ErrOverQuota))
	}
	if err != nil {
		c.answer(nil, l.retryable(c, err))
	}
}

// retryable adds to the refusal of a call when another attempt makes sense.
func (l *loop) retryable(c *call, err error) error {
	now := time.Now()
	return l.pending.retryable(c, err, now, l.capacity(now))
}

// capacity is what the lanes can take at now.
func (l *loop) capacity(now time.Time) capacity {
	have := capacity{lanes: len(l.lanes), free: len(l.free)}
	if have.free > 0 {
		return have
	}
	for i, lane := range l.lanes {
		left := lane.next.began.Add(l.pending.cost.cost(lane.next.rows)).Sub(now)
		if i == 0 || left < have.until {
			have.until = left
		}
	}
	have.until = max(0, have.until)
	return have
}

// freed takes in what a lane's batch cost.
func (l *loop) freed(lane *lane) {
	if b := &lane.next; b.end() {
		l.running--
		switch {
		case b.took > 0:
			l.pending.cost.observe(b.ran, time.Since(b.began))
		case b.ctx.Err() != nil:
			l.pending.cost.observeAtLeast(b.rows, time.Since(b.began))
		}
		for _, d := range b.bill {
			extra := 0.0
			if b.took > 0 {
				extra = b.took.Seconds()*float64(d.rows)/float64(b.rows) - d.charged
			}
			l.pending.settle(d.level, d.account, d.calls, extra)
		}
		if lane.permit != nil && l.pending.count > 0 {
			l.o.Limiter.ask(lane.permit)
		}
	}
	l.free = append(l.free, lane)
}

// left frees the place of a call whose caller is gone; when it was the last one of
// a running batch, the run is stopped.
func (l *loop) left(c *call) {
	switch {
	case c.class != nil:
		l.pending.remove(c)
		c.answer(nil, nil)
	case c.batch != nil:
		c.batch.leave(c.turn)
	}
}
