package scheduler

import "time"

// picker goes through the calls of a class in the order in which they are entitled
// to run, and takes none out: band after band, and in a band the tenant first that
// has used least, what was picked so far included.
type picker struct {
	bands   []turns // those with calls, in order
	at      int     // the one that peek looked at
	rowCost float64 // seconds that a row is expected to cost
	ageing  time.Duration
}

// turns are the tenants of a band, the one that has used least first.
type turns struct{ heap[turn] }

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
			k.bands = append(k.bands, turns{heap[turn]{before: turn.before}})
		}
		ts := &k.bands[n]
		ts.items = ts.items[:0]
		for _, f := range cl.bands[i].flows {
			ts.push(turn{f.head, f.account.used})
		}
		n++
	}
	k.bands = k.bands[:n]
}

// peek returns the next call, or nil at the end.
func (k *picker) peek() *call {
	k.at = -1
	var first time.Time
	for i := range k.bands {
		ts := &k.bands[i]
		if len(ts.items) == 0 {
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
	return k.bands[k.at].items[0].next
}

// pick goes past the call that peek returned, which counts for its tenant's share.
func (k *picker) pick() {
	t := &k.bands[k.at].items[0]
	t.used += float64(t.next.rows) * k.rowCost / t.next.account.weight
	k.pass()
}

// pass goes past the call that peek returned.
func (k *picker) pass() {
	ts := &k.bands[k.at]
	if ts.items[0].next = ts.items[0].next.next; ts.items[0].next == nil {
		ts.remove(0)
		return
	}
	ts.fix(0)
}

// aged is the time by which bands compare when waiting calls age: a call counts as
// one of the first level that came so much later.
func (ts *turns) aged(ageing time.Duration) time.Time {
	oldest := ts.items[0].next
	for _, t := range ts.items[1:] {
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

func (t turn) before(o turn) bool {
	if t.used == o.used {
		return t.next.queued.Before(o.next.queued)
	}
	return t.used < o.used
}
