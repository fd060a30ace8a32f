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

// picker goes through the calls of a class in the order in which they are entitled
// to run, and takes none out: band after band, and in a band the tenant first that
// has used least, what was picked so far included.
type picker struct {
	bands   []turns // those with calls, in order
	at      int     // the one that peek looked at
	rowCost float64 // seconds that a row is expected to cost
	ageing  time.Duration
}

// turns are the tenants of a band, the one that has used least first; a heap.
type turns []turn

type turn struct {
	next *call
	used float64
}

// start begins anew with a class.
func (k *picker) start(cl *class, rowCost float64, ageing time.Duration) {
	k.rowCost, k.ageing = rowCost, ageing
	n := 0
	for i := range cl.bands {
		if len(cl.bands[i].flows) == 0 {
			continue
		}
		if n == len(k.bands) {
			k.bands = append(k.bands, nil)
		}
		ts := k.bands[n][:0]
		for _, f := range cl.bands[i].flows {
			ts = append(ts, turn{f.head, f.account.used})
			ts.up()
		}
		k.bands[n] = ts
		n++
	}
	k.bands = k.bands[:n]
}

// peek returns the next call, or nil at the end.
func (k *picker) peek() *call {
	k.at = -1
	var first time.Time
	for i, ts := range k.bands {
		if len(ts) == 0 {
			continue
		}
		if k.ageing == 0 {
			k.at = i
			break
		}
		if at := ts.aged(k.ageing); k.at < 0 || at.Before(first) {
			k.at, first = i, at
		}
	}
	if k.at < 0 {
		return nil
	}
	return k.bands[k.at][0].next
}

// pick goes past the call that peek returned, which counts for its tenant's share.
func (k *picker) pick() {
	t := &k.bands[k.at][0]
	t.used += float64(t.next.rows) * k.rowCost / t.next.account.weight
	k.pass()
}

// pass goes past the call that peek returned.
func (k *picker) pass() {
	ts := k.bands[k.at]
	if ts[0].next = ts[0].next.next; ts[0].next == nil {
		last := len(ts) - 1
		ts[0], ts[last] = ts[last], turn{}
		ts = ts[:last]
		k.bands[k.at] = ts
	}
	ts.down()
}

// aged is the time by which bands compare when waiting calls age: a call counts as
// one of the first level that came so much later.
func (ts turns) aged(ageing time.Duration) time.Time {
	oldest := ts[0].next
	for _, t := range ts[1:] {
		if t.next.queued.Before(oldest.queued) {
			oldest = t.next
		}
	}
	return oldest.aged(ageing)
}

func (c *call) aged(ageing time.Duration) time.Time {
	steps := c.level
	if c.delayed {
		steps++
	}
	return c.queued.Add(time.Duration(steps) * ageing)
}

func (ts turns) before(i, j int) bool {
	if ts[i].used == ts[j].used {
		return ts[i].next.queued.Before(ts[j].next.queued)
	}
	return ts[i].used < ts[j].used
}

// up moves the last turn to its place.
func (ts turns) up() {
	for i := len(ts) - 1; i > 0; {
		parent := (i - 1) / 2
		if !ts.before(i, parent) {
			return
		}
		ts[i], ts[parent] = ts[parent], ts[i]
		i = parent
	}
}

// down moves the first turn to its place.
func (ts turns) down() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(ts); child++ {
			if ts.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		ts[i], ts[least] = ts[least], ts[i]
		i = least
	}
}
