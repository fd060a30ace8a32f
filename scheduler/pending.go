package scheduler

import (
	"container/heap"
	"slices"
	"time"
)

// policy says when waiting calls are a batch. Sizes are in rows.
type policy struct {
	maxRows   int           // most rows in a batch; 0: calls are never put together
	preferred []int         // ascending; a batch of the largest one that the waiting calls can make is sent at once
	delay     time.Duration // how long the oldest call may wait for company
	maxCalls  int           // most waiting calls; 0: no limit
}

// pending holds the calls that wait, in classes: calls of one class may share a
// batch. Its batching follows Triton's dynamic batcher, except that an odd shape
// waits in a class of its own instead of closing the batch.
type pending struct {
	policy
	classes map[string]*class
	order   []*class // those with calls
	count   int
	expiry  expiryHeap
}

// class is the calls that may share a batch, oldest first.
type class struct {
	key        string
	head, tail *call
	rows       int
}

func newPending(p policy) *pending {
	if len(p.preferred) == 0 && p.maxRows > 0 {
		p.preferred = []int{p.maxRows}
	}
	slices.Sort(p.preferred)
	return &pending{policy: p, classes: map[string]*class{}}
}

// push adds a call. It reports false when the queue is full.
func (p *pending) push(c *call) bool {
	if p.maxCalls > 0 && p.count >= p.maxCalls {
		return false
	}
	cl := p.classes[c.key]
	if cl == nil {
		cl = &class{key: c.key}
		p.classes[c.key] = cl
	}
	if cl.head == nil {
		p.order = append(p.order, cl)
		cl.head = c
	} else {
		cl.tail.next, c.prev = c, cl.tail
	}
	cl.tail = c
	cl.rows += c.rows
	c.class = cl
	p.count++
	if !c.expires.IsZero() {
		heap.Push(&p.expiry, c)
	}
	return true
}

// remove takes out a waiting call. A call that does not wait is left alone.
func (p *pending) remove(c *call) {
	cl := c.class
	if cl == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		cl.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		cl.tail = c.prev
	}
	c.prev, c.next, c.class = nil, nil, nil
	cl.rows -= c.rows
	p.count--
	if !c.expires.IsZero() {
		heap.Remove(&p.expiry, c.heapAt)
	}
	if cl.head == nil {
		p.order = slices.DeleteFunc(p.order, func(o *class) bool { return o == cl })
		delete(p.classes, cl.key)
	}
}

// expired takes out one call whose time in the queue has ended by now, or returns nil.
func (p *pending) expired(now time.Time) *call {
	if len(p.expiry) == 0 || p.expiry[0].expires.After(now) {
		return nil
	}
	c := p.expiry[0]
	p.remove(c)
	return c
}

// next takes out the calls of a batch that is due at now, oldest call first, and
// appends them to batch. Of several classes that are due, the one with the oldest
// call goes first.
func (p *pending) next(now time.Time, batch []*call) []*call {
	var due *class
	size := 0
	for _, cl := range p.order {
		if due != nil && !cl.head.queued.Before(due.head.queued) {
			continue
		}
		if n, ok := p.due(cl, now); ok {
			due, size = cl, n
		}
	}
	for range size {
		c := due.head
		p.remove(c)
		batch = append(batch, c)
	}
	return batch
}

// due says how many of a class's calls are to be sent at now, if any are.
func (p *pending) due(cl *class, now time.Time) (calls int, ok bool) {
	if p.maxRows == 0 {
		return 1, true
	}
	fit, preferred, rows := p.fit(cl)
	switch {
	case preferred > 0:
		return preferred, true
	case cl.rows > rows: // the next call would not fit
		return fit, true
	case rows > p.preferred[len(p.preferred)-1]:
		return fit, true
	case !now.Before(cl.head.queued.Add(p.delay)):
		return fit, true
	default:
		return 0, false
	}
}

// fit returns how many of the class's oldest calls fit into a batch, how many of
// them make the largest preferred size exactly (0: none does), and the rows of
// those that fit. The oldest call always fits: a request larger than a batch may
// be is refused before it waits.
func (p *pending) fit(cl *class) (calls, preferred, rows int) {
	largest := 0
	for c := cl.head; c != nil && (calls == 0 || rows+c.rows <= p.maxRows); c = c.next {
		calls++
		rows += c.rows
		if _, ok := slices.BinarySearch(p.preferred, rows); ok && rows > largest {
			largest, preferred = rows, calls
		}
	}
	return calls, preferred, rows
}

// wake returns when something happens without a new call: a batch becomes due,
// which matters only while a lane is idle, or a call expires. It returns the zero
// time for never.
func (p *pending) wake(idle bool) time.Time {
	var at time.Time
	if len(p.expiry) > 0 {
		at = p.expiry[0].expires
	}
	if !idle {
		return at
	}
	for _, cl := range p.order {
		if due := cl.head.queued.Add(p.delay); at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// expiryHeap orders the calls that may expire, the next one first.
type expiryHeap []*call

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

// Push is for container/heap.
func (h *expiryHeap) Push(x any) {
	c := x.(*call)
	c.heapAt = len(*h)
	*h = append(*h, c)
}

// Pop is for container/heap.
func (h *expiryHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
