package scheduler

import (
	"context"
	"sync/atomic"
	"time"
)

// lone is the way past the loop for a request that finds the queue idle: its caller
// takes a lane and runs it, instead of waking two goroutines and being woken itself,
// which costs a small model's request more than its run.
//
// The loop offers a lane while nothing waits, no lane is to be held back, and batches
// had one call of late: where callers come together, a batch that goes a moment too
// early makes all others wait. Whoever gets the lane out of the offer owns it.
//
// Nobody is left waiting: a caller who goes to the loop first counts itself in
// queued. One who gives a lane back offers it and then looks at queued; the loop looks
// for an offer when it has calls. One of the two sees the other.
type lone struct {
	offer  atomic.Pointer[lane]
	queued atomic.Int64 // calls on their way to the loop or waiting there; at the end of the queue one more
	rows   atomic.Int64 // the most that a call may have which runs by itself
}

// loneCost is the most that a run may be expected to take. A run of the caller's own
// ends early only between two nodes of the graph.
const loneCost = time.Millisecond

// take returns a lane for one call of so many rows, or nil.
func (o *lone) take(rows int) *lane {
	if o.offer.Load() == nil || o.queued.Load() != 0 || int64(rows) > o.rows.Load() {
		return nil
	}
	return o.offer.Swap(nil)
}

// giveBack ends a caller's use of the lane.
func (q *Queue) giveBack(l *lane) {
	if l.instance == nil { // its goroutine makes it anew
		l.next.calls = l.next.calls[:0]
		l.batches <- &l.next
		return
	}
	offered := q.lone.offer.CompareAndSwap(nil, l) // the loop may have offered another
	if !offered || q.lone.queued.Load() != 0 && q.lone.offer.CompareAndSwap(l, nil) {
		q.idle <- l
	}
}

// runAlone runs the call on the lane, and answers it.
func (l *lane) runAlone(ctx context.Context, c *call) {
	b := &l.alone
	b.calls = append(b.calls[:0], c)
	b.ctx, b.took = ctx, 0
	l.queue.stats.busy(l.index, c.queued)
	l.run(b, b.calls)
	clear(b.calls)
	b.ctx = nil
	l.queue.stats.busy(l.index, time.Time{})
}

// offer leaves an idle lane to callers who come alone, if that is of use.
func (l *loop) offerLane() {
	if l.closing || l.pending.count > 0 || len(l.free) == 0 || l.company > alone || l.order != nil || l.pending.delay > 0 || l.pending.enough > 1 {
		return
	}
	last := l.free[len(l.free)-1]
	if cost := l.pending.cost.cost(1); cost == 0 || cost > loneCost || last.permit != nil {
		return
	}
	l.lone.rows.Store(int64(l.pending.largest(loneCost)))
	if l.lone.offer.CompareAndSwap(nil, last) {
		l.free = l.free[:len(l.free)-1]
	}
}

// reclaim takes the offered lane back.
func (l *loop) reclaim() {
	if lane := l.lone.offer.Swap(nil); lane != nil {
		l.learn(lane)
		l.free = append(l.free, lane)
	}
}

// learn takes in what a caller's own run cost, the last one.
func (l *loop) learn(lane *lane) {
	if b := &lane.alone; b.took > 0 {
		l.pending.cost.observe(b.ran, b.took)
		b.took = 0
	}
}

// alone is how many calls a batch may have had on average, beyond the first, for its
// callers to count as lone.
const alone = 0.1
