package scheduler

import "sync"

// order gives the answers out in the order in which the calls came, whatever the
// order in which they are settled.
type order struct {
	mu         sync.Mutex
	head, tail *call // calls that have not got their answer, oldest first
}

// enter gives the call its place, behind all that entered before.
func (o *order) enter(c *call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.order = o
	if o.head == nil {
		o.head = c
	} else {
		o.tail.after = c
	}
	o.tail = c
}

// settle keeps the call's answer until all calls before it have theirs. The answers
// go out under the lock, which holds nobody up: there is room for each.
func (o *order) settle(c *call, r reply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.settled, c.held = true, r
	for o.head != nil && o.head.settled {
		first := o.head
		o.head = first.after
		r := first.held
		first.after, first.order, first.settled, first.held = nil, nil, false, reply{}
		first.deliver(r)
	}
}
