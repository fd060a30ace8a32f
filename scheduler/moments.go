package scheduler

import "time"

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

// moments are the calls that cannot wait for ever, the next one first.
type moments struct{ heap[*call] }

func newMoments() moments {
	return moments{heap[*call]{
		before: func(a, b *call) bool { return a.moment.Before(b.moment) },
		placed: func(c *call, at int) { c.heapAt = at },
	}}
}

func (m *moments) add(c *call) {
	if !c.moment.IsZero() {
		m.push(c)
	}
}

func (m *moments) drop(c *call) {
	if !c.moment.IsZero() {
		m.remove(c.heapAt)
		c.moment = time.Time{}
	}
}

// moved puts a call that is among them at its place by its new moment.
func (m *moments) moved(c *call) {
	if c.moment.IsZero() {
		m.remove(c.heapAt)
		return
	}
	m.fix(c.heapAt)
}
