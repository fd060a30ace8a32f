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
