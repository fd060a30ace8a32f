package scheduler

import (
	"slices"
	"time"

	"galatea/infer"
)

// Level is the queue policy of a priority level, with Triton's meaning. The zero
// value limits nothing.
type Level struct {
	MaxSize         int           // waiting requests; 0: no limit
	Timeout         time.Duration // how long a request may wait; 0: for ever
	TimeoutOverride bool          // a request may ask for a shorter Timeout
	Delay           bool          // what has waited too long goes behind all others of its level instead of being refused
}

// policy says when waiting calls are a batch. Sizes are in rows.
type policy struct {
	maxRows   int           // most rows in a batch; 0: calls are never put together
	preferred []int         // ascending; a batch of the largest one that the waiting calls can make is sent at once
	delay     time.Duration // how long the oldest call may wait for company
	levels    []Level       // the first one goes first; none: a single zero one
	ageing    time.Duration // a call of a lower level counts as one that came so much later a level; 0: it waits for all higher ones
	weight    func(tenant string) float64
	aim       time.Duration // 99th percentile that tune chooses batches for; 0: they are as above
}

// pending holds the calls that wait, in classes: calls of one class may share a
// batch. Its batching follows Triton's dynamic batcher, except that an odd shape
// waits in a class of its own instead of closing the batch, that the tenants of a
// level take turns, and that calls have deadlines.
type pending struct {
	policy
	limit    int  // rows of a batch for the present; at most maxRows
	enough   int  // rows that are not held back for more; 0: the delay alone counts
	cost     fit  // of the batches that have run
	arrivals rate // of rows
	classes  map[string]*class
	order    []*class // those with calls
	states   []levelState
	count    int
	rows     int
	moments  moments
	hurried  bool // a call with a deadline has come
	picker   picker
	picked   []*call // scratch
	chosen   []*call // scratch

	flows []*flow  // unused
	spare []*class // unused
}

// levelState is what waits in a priority level.
type levelState struct {
	calls, rows int
	ledger      *ledger
}

func newPending(p policy) *pending {
	if len(p.levels) == 0 {
		p.levels = make([]Level, 1)
	}
	slices.Sort(p.preferred)
	q := &pending{policy: p, limit: p.maxRows, classes: map[string]*class{}, moments: newMoments()}
	for range p.levels {
		q.states = append(q.states, levelState{ledger: newLedger(p.weight)})
	}
	return q
}

// push adds a call. Of a full level, the tenant who has most for its weight gives
// way to one who has less than its share: its latest call comes back, taken out. An
// error says that the call itself is not taken: infer.ErrQueueFull, or
// infer.ErrOverQuota when only others may add.
func (p *pending) push(c *call) (gaveWay *call, err error) {
	s := &p.states[c.level]
	if limit := p.levels[c.level].MaxSize; limit > 0 && s.calls >= limit {
		if gaveWay, err = p.makeRoom(s, c); err != nil {
			return nil, err
		}
	}
	c.account = s.ledger.arrive(c.tenant, c.rows)
	c.delayed = false
	p.enter(c)
	s.calls++
	s.rows += c.rows
	p.count++
	p.rows += c.rows
	c.moment = c.nextMoment(p.cost.within(c.rows))
	p.moments.add(c)
	return gaveWay, nil
}

// enter puts the call into its class.
func (p *pending) enter(c *call) {
	cl := p.classes[c.key]
	if cl == nil {
		if n := len(p.spare); n > 0 {
			cl, p.spare = p.spare[n-1], p.spare[:n-1]
		} else {
			cl = &class{}
		}
		cl.key = c.key
		p.classes[c.key] = cl
		p.order = append(p.order, cl)
	}
	cl.add(c, p.flow)
}

// exit takes the call out of its class.
func (p *pending) exit(c *call) {
	cl := c.class
	if f := cl.cut(c); f != nil {
		p.flows = append(p.flows, f)
	}
	if cl.calls == 0 {
		p.order = slices.DeleteFunc(p.order, func(o *class) bool { return o == cl })
		delete(p.classes, cl.key)
		p.spare = append(p.spare, cl)
	}
}

// flow returns one that is not used.
func (p *pending) flow() *flow {
	n := len(p.flows)
	if n == 0 {
		return &flow{}
	}
	f := p.flows[n-1]
	p.flows = p.flows[:n-1]
	return f
}

// makeRoom takes out a call of the level for c, or says why c has to stay out.
func (p *pending) makeRoom(s *levelState, c *call) (*call, error) {
	most := s.ledger.greediest()
	if most.tenant == c.tenant {
		if most.queued == s.calls { // nobody else is here
			return nil, infer.ErrQueueFull
		}
		return nil, infer.ErrOverQuota
	}
	own := 0
	if a := s.ledger.accounts[c.tenant]; a != nil {
		own = a.queued
	}
	if float64(own+1)*most.weight >= float64(most.queued)*s.ledger.weightOf(c.tenant) {
		return nil, infer.ErrQueueFull
	}
	latest := p.latest(c.level, most)
	p.remove(latest)
	return latest, nil
}

// latest returns the account's newest waiting call in the level.
func (p *pending) latest(level int, a *account) *call {
	var found *call
	for _, cl := range p.order {
		for i := 2 * level; i < min(2*level+2, len(cl.bands)); i++ {
			for _, f := range cl.bands[i].flows {
				if f.account == a && (found == nil || f.tail.queued.After(found.queued)) {
					found = f.tail
				}
			}
		}
	}
	return found
}

// remove takes out a waiting call that will not run. A call that does not wait is left alone.
func (p *pending) remove(c *call) {
	if c.class == nil {
		return
	}
	p.out(c)
	p.states[c.level].ledger.drop(c.account, c.rows)
	c.account = nil
}

func (p *pending) out(c *call) {
	p.exit(c)
	p.moments.drop(c)
	s := &p.states[c.level]
	s.calls--
	s.rows -= c.rows
	p.count--
	p.rows -= c.rows
}

// expired takes out one call that has waited too long by now, or that can no longer
// keep its deadline, and says which: infer.ErrTimeout or infer.ErrDeadline. It
// returns nil when there is none. What a timeout only delays stays, behind the others.
func (p *pending) expired(now time.Time) (*call, error) {
	for len(p.moments.items) > 0 && !p.moments.items[0].moment.After(now) {
		c := p.moments.items[0]
		if timedOut := !c.expires.IsZero() && !c.expires.After(now); timedOut && p.levels[c.level].Delay {
			p.exit(c)
			c.delayed, c.expires = true, time.Time{}
			p.enter(c)
			c.moment = c.nextMoment(p.cost.within(c.rows))
			p.moments.moved(c)
			continue
		} else if timedOut {
			p.remove(c)
			return c, infer.ErrTimeout
		}
		if c.moment = c.nextMoment(p.cost.within(c.rows)); c.moment.After(now) { // it costs less than was thought
			p.moments.moved(c)
			continue
		}
		p.remove(c)
		return c, infer.ErrDeadline
	}
	return nil, nil
}

// next takes out the calls of a batch that is due at now and appends them to batch.
// Of several classes that are due, the one whose first call goes first is taken. The
// tenants are charged, and settle ends that.
func (p *pending) next(now time.Time, batch []*call) []*call {
	p.chosen = p.chosen[:0]
	var first *call
	for _, cl := range p.order {
		k := p.candidate(cl, first, now)
		if n := p.due(cl, k, now); n > 0 {
			p.picked, p.chosen = p.chosen, p.picked[:n]
			first = p.chosen[0]
		}
	}
	for _, c := range p.chosen {
		p.out(c)
		c.charged = p.rowCost() * float64(c.rows)
		p.states[c.level].ledger.take(c.account, c.rows, c.charged)
		batch = append(batch, c)
	}
	clear(p.chosen)
	clear(p.picked)
	return batch
}

// ready reports whether next would return a batch.
func (p *pending) ready(now time.Time) bool {
	for _, cl := range p.order {
		if p.due(cl, p.candidate(cl, nil, now), now) > 0 {
			return true
		}
	}
	return false
}

// batches is about how many batches the waiting calls make.
func (p *pending) batches() int {
	if p.limit == 0 {
		return p.count
	}
	return (p.rows + p.limit - 1) / p.limit
}

// settle ends calls of a level that next took out, with what they cost beyond what they were charged.
func (p *pending) settle(level int, a *account, calls int, seconds float64) {
	p.states[level].ledger.settle(a, calls, seconds)
}

// wake returns when something happens without a new call: a batch becomes due,
// which matters only while a lane is idle, or a call has waited too long. It returns
// the zero time for never.
func (p *pending) wake(now time.Time, idle bool) time.Time {
	var at time.Time
	if len(p.moments.items) > 0 {
		at = p.moments.items[0].moment
	}
	if !idle {
		return at
	}
	for _, cl := range p.order {
		if k := p.candidate(cl, nil, now); k.calls > 0 {
			at = earlier(at, p.dueAt(cl, k))
		}
	}
	return at
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
