package scheduler

import (
	"slices"
	"time"
)

// class is the calls that may share a batch. They wait in bands, and in each band in
// flows.
type class struct {
	key   string
	bands []band // two for each priority level: the calls in time, and those past a timeout that only delays them
	calls int
	rows  int
}

// band is the calls of a class that come before those of the next band.
type band struct{ flows []*flow }

// flow is the calls of one tenant in a band, oldest first.
type flow struct {
	account    *account
	head, tail *call
}

// bandOf is the band of a call.
func bandOf(c *call) int {
	if c.delayed {
		return 2*c.level + 1
	}
	return 2 * c.level
}

// add appends the call to its flow; spare supplies a flow that is not used.
func (cl *class) add(c *call, spare func() *flow) {
	for len(cl.bands) <= bandOf(c) {
		cl.bands = append(cl.bands, band{})
	}
	b := &cl.bands[bandOf(c)]
	var f *flow
	for _, known := range b.flows {
		if known.account == c.account {
			f = known
			break
		}
	}
	if f == nil {
		f = spare()
		f.account, f.head, f.tail = c.account, nil, nil
		b.flows = append(b.flows, f)
	}
	c.class, c.prev, c.next = cl, f.tail, nil
	if c.prev == nil {
		f.head = c
	} else {
		c.prev.next = c
	}
	f.tail = c
	cl.calls++
	cl.rows += c.rows
}

// cut takes the call out and returns its flow when that is empty now, else nil.
func (cl *class) cut(c *call) *flow {
	b := &cl.bands[bandOf(c)]
	at := slices.IndexFunc(b.flows, func(f *flow) bool { return f.account == c.account })
	f := b.flows[at]
	if c.prev == nil {
		f.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		f.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.class, c.prev, c.next = nil, nil, nil
	cl.calls--
	cl.rows -= c.rows
	if f.head != nil {
		return nil
	}
	b.flows = slices.Delete(b.flows, at, at+1)
	return f
}

// first returns one of the calls.
func (cl *class) first() *call {
	for i := range cl.bands {
		if flows := cl.bands[i].flows; len(flows) > 0 {
			return flows[0].head
		}
	}
	return nil
}

// oldest is when the call that has waited longest was queued.
func (cl *class) oldest() time.Time {
	var at time.Time
	for i := range cl.bands {
		for _, f := range cl.bands[i].flows {
			if at.IsZero() || f.head.queued.Before(at) {
				at = f.head.queued
			}
		}
	}
	return at
}
