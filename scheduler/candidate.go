package scheduler

import (
	"slices"
	"time"
)

// candidate is the batch that a class would send: its first calls in p.picked.
type candidate struct {
	calls, rows int
	preferred   int       // how many of the calls make the largest preferred size exactly; 0: none do
	full        bool      // nothing can join
	tightest    time.Time // the earliest deadline; zero: none
}

// candidate picks a class's batch. When rival is given, nothing is picked unless the
// class's first call goes before it. The first call always fits: a request larger
// than a batch may be is refused before it waits.
//
// A call that would miss its deadline is passed over, and none may join that would
// make another miss its own. So that batches do not shrink under overload, where
// those at the front are always late, a call that has waited for most of its time is
// passed over when a batch of half of what could run would be too late for it.
func (p *pending) candidate(cl *class, rival *call, now time.Time) candidate {
	half := p.cost.within((min(p.limit, cl.rows) + 1) / 2)
	k, passed := p.pick(cl, rival, now, half)
	if k.calls == 0 && passed {
		k, _ = p.pick(cl, rival, now, 0)
	}
	return k
}

// pick is candidate's one attempt; passed says that calls were passed over for the
// sake of a large batch, of which half takes the given time.
func (p *pending) pick(cl *class, rival *call, now time.Time, half time.Duration) (k candidate, passed bool) {
	largest := 0
	p.picked = p.picked[:0]
	p.picker.start(cl, p.rowCost(), p.ageing)
	for c := p.picker.peek(); c != nil; c = p.picker.peek() {
		worn := c.worn(now) && now.Add(half).After(c.deadline)
		switch {
		case worn || p.misses(c, now):
			passed = passed || worn
			p.picker.pass()
			continue
		case k.calls == 0 && rival != nil && !p.before(c, rival):
			return k, false
		}
		rows, tightest := k.rows+c.rows, earlier(k.tightest, c.deadline)
		if k.calls > 0 && (rows > p.limit || !tightest.IsZero() && now.Add(p.cost.within(rows)).After(tightest)) {
			k.full = true
			break
		}
		k.calls, k.rows, k.tightest = k.calls+1, rows, tightest
		p.picked = append(p.picked, c)
		p.picker.pick()
		if _, ok := slices.BinarySearch(p.preferred, rows); ok && rows > largest {
			largest, k.preferred = rows, k.calls
		}
	}
	return k, passed
}

// misses reports whether the call, if it ran now and alone, would be late.
func (p *pending) misses(c *call, now time.Time) bool {
	return !c.deadline.IsZero() && !c.sure && now.Add(p.cost.within(c.rows)).After(c.deadline)
}

// rowCost is what a row of a full batch costs, in seconds; something while that is not known.
func (p *pending) rowCost() float64 {
	if rows := max(1, p.limit); p.cost.known() {
		return p.cost.seconds(rows) / float64(rows)
	}
	return 1e-3
}

// before says which of two calls of different classes goes first: the higher level,
// then the tenant that has used less, then the earlier deadline.
func (p *pending) before(a, b *call) bool {
	switch {
	case p.ageing > 0:
		if at, bt := a.aged(p.ageing), b.aged(p.ageing); !at.Equal(bt) {
			return at.Before(bt)
		}
	case bandOf(a) != bandOf(b):
		return bandOf(a) < bandOf(b)
	}
	if a.account != b.account && a.level == b.level && a.account.used != b.account.used {
		return a.account.used < b.account.used
	}
	return a.target().Before(b.target())
}

// due says how many of the candidate's calls are to be sent at now; 0 is none yet.
func (p *pending) due(cl *class, k candidate, now time.Time) int {
	switch {
	case k.calls == 0 || p.limit == 0:
		return k.calls
	case k.preferred > 0:
		return k.preferred
	case k.full || k.rows >= p.limit || p.enough > 0 && k.rows >= p.enough || len(p.preferred) > 0 && k.rows > p.preferred[len(p.preferred)-1]:
		return k.calls
	case !now.Before(p.dueAt(cl, k)):
		return k.calls
	default:
		return 0
	}
}

// dueAt is when the candidate goes even if nothing joins: when the oldest call has
// waited for its delay, or while a deadline leaves time for two such runs.
func (p *pending) dueAt(cl *class, k candidate) time.Time {
	at := cl.oldest().Add(p.delay)
	if !k.tightest.IsZero() {
		at = earlier(at, k.tightest.Add(-2*p.cost.within(k.rows)))
	}
	return at
}
