package scheduler

import (
	"runtime"
	"time"

	"galatea/infer"
)

// loop owns the waiting calls.
func (q *Queue) loop() {
	defer close(q.done)
	l := &loop{
		Queue: q,
		pending: newPending(policy{
			maxRows: q.o.MaxBatchSize, preferred: q.o.PreferredBatchSizes, delay: q.o.MaxQueueDelay, maxCalls: q.o.MaxQueueSize,
		}),
		timer: time.NewTimer(time.Hour),
	}
	defer l.timer.Stop()
	for !l.finished() {
		l.dispatch(time.Now())
		l.wait()
	}
	for _, lane := range q.lanes {
		close(lane.batches)
	}
}

// loop is the loop goroutine's own state.
type loop struct {
	*Queue
	pending *pending
	free    []*lane
	running int
	closing bool
	timer   *time.Timer
}

// finished reports whether the queue is closed and nothing is left to do.
func (l *loop) finished() bool {
	return l.closing && l.pending.count == 0 && l.running == 0 && len(l.free) == len(l.lanes)
}

// dispatch answers what has expired and hands what is due to idle lanes.
func (l *loop) dispatch(now time.Time) {
	for c := l.pending.expired(now); c != nil; c = l.pending.expired(now) {
		l.refuse(c, infer.ErrTimeout)
	}
	for len(l.free) > 0 && l.pending.count > 0 {
		lane := l.free[len(l.free)-1]
		lane.next.calls = l.pending.next(now, lane.next.calls[:0])
		if len(lane.next.calls) == 0 {
			break
		}
		l.free = l.free[:len(l.free)-1]
		l.running++
		lane.next.start(l.run)
		lane.batches <- &lane.next
	}
	l.stats.waiting(l.pending.count)
}

// wait blocks until something happens, and takes in all that has happened.
func (l *loop) wait() {
	if at := l.pending.wake(len(l.free) > 0); at.IsZero() {
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
	case <-l.timer.C:
	case <-closed:
		l.closing = true
		l.drain()
	case <-expire:
		for len(l.pending.order) > 0 {
			c := l.pending.order[0].head
			l.pending.remove(c)
			l.refuse(c, infer.ErrStopping)
		}
	}
}

// drain takes in the calls that have arrived meanwhile, so that they can share the
// next batch. Callers that are about to hand theirs over run first: a batch that
// goes a moment too early, nearly empty, costs all those that just missed it a
// whole run.
func (l *loop) drain() {
	runtime.Gosched()
	for {
		select {
		case c := <-l.in:
			l.accept(c)
		default:
			return
		}
	}
}

func (l *loop) accept(c *call) {
	switch {
	case c.gone():
		c.req.Release()
	case !l.pending.push(c):
		l.refuse(c, infer.ErrQueueFull)
	}
}

func (l *loop) refuse(c *call, err error) {
	l.stats.failed(reasonRejected, time.Since(c.queued))
	c.answer(nil, err)
}

func (l *loop) freed(lane *lane) {
	if lane.next.end() {
		l.running--
	}
	l.free = append(l.free, lane)
}

// left frees the place of a call whose caller is gone; when it was the last one of
// a running batch, the run is stopped.
func (l *loop) left(c *call) {
	switch {
	case c.class != nil:
		l.pending.remove(c)
		c.req.Release()
	case c.batch != nil:
		c.batch.leave(c.turn)
	}
}
