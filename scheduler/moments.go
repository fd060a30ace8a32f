package scheduler

import (
	"container/heap"
	"time"
)

// patience is how late a call without a deadline is taken to be wanted, when classes
// compare by deadline.
const patience = time.Second

// nextMoment is when the call can no longer wait: when its timeout ends, or when a
// run of the given cost would be late for its deadline; zero: never. A sure call is
// run as long as its deadline has not passed.
func (c *call) nextMoment(cost time.Duration) time.Time {
	at := c.deadline
	if !at.IsZero() && !c.sure {
		at = at.Add(-cost)
	}
	return earlier(at, c.expires)
}

// worn reports whether the call has waited for most of the time that it had.
func (c *call) worn(now time.Time) bool {
	return !c.deadline.IsZero() && !c.sure && now.Sub(c.queued) > c.deadline.Sub(now)
}

// target is the time by which the call is wanted.
func (c *call) target() time.Time {
	if at := earlier(c.deadline, c.expires); !at.IsZero() {
		return at
	}
	return c.queued.Add(patience)
}

// momentHeap holds the calls that cannot wait for ever, the next one first.
type momentHeap []*call

func (h *momentHeap) add(c *call) {
	if !c.moment.IsZero() {
		heap.Push(h, c)
	}
}

func (h *momentHeap) drop(c *call) {
	if !c.moment.IsZero() {
		heap.Remove(h, c.heapAt)
		c.moment = time.Time{}
	}
}

// fix puts a call that is in the heap at its place by its new moment.
func (h *momentHeap) fix(c *call) {
	if c.moment.IsZero() {
		heap.Remove(h, c.heapAt)
		return
	}
	heap.Fix(h, c.heapAt)
}

func (h momentHeap) Len() int           { return len(h) }
func (h momentHeap) Less(i, j int) bool { return h[i].moment.Before(h[j].moment) }
func (h momentHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

// Push is for container/heap.
func (h *momentHeap) Push(x any) {
	c := x.(*call)
	c.heapAt = len(*h)
	*h = append(*h, c)
}

// Pop is for container/heap.
func (h *momentHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
