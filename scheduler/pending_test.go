package scheduler

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"galatea/infer"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a moment of the tests' time, in milliseconds.
func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func TestPending(t *testing.T) {
	type arrival struct {
		ms, rows int
		key      string
	}
	tests := []struct {
		name   string
		policy policy
		calls  []arrival
		now    int
		want   []int // arrivals in the batch
		wake   int   // ms; -1: never
	}{
		{"nothing waits -> nothing is due", policy{maxRows: 8}, nil, 0, nil, -1},
		{"no delay -> a lone call goes at once", policy{maxRows: 8}, []arrival{{0, 1, ""}}, 0, []int{0}, -1},
		{"a delay -> a lone call waits for company", policy{maxRows: 8, delay: 5 * time.Millisecond}, []arrival{{0, 1, ""}}, 4, nil, 5},
		{"the delay ends -> a partial batch goes", policy{maxRows: 8, delay: 5 * time.Millisecond}, []arrival{{0, 1, ""}, {3, 1, ""}}, 5, []int{0, 1}, -1},
		{"the batch is full -> it goes before the delay ends", policy{maxRows: 2, delay: time.Hour}, []arrival{{0, 1, ""}, {0, 1, ""}}, 0, []int{0, 1}, -1},
		{"more calls than fit -> the oldest go", policy{maxRows: 2}, []arrival{{0, 1, ""}, {1, 1, ""}, {2, 1, ""}}, 2, []int{0, 1}, 2},
		{"a call of several rows counts them", policy{maxRows: 4, delay: time.Hour}, []arrival{{0, 3, ""}, {0, 1, ""}}, 0, []int{0, 1}, -1},
		{"the next call does not fit -> what fits goes now", policy{maxRows: 4, delay: time.Hour}, []arrival{{0, 3, ""}, {0, 2, ""}}, 0, []int{0}, 3600_000},
		{"a preferred size is reached -> it goes at once", policy{maxRows: 8, preferred: []int{4, 2}, delay: time.Hour}, []arrival{{0, 1, ""}, {0, 1, ""}}, 0, []int{0, 1}, -1},
		{"of two preferred sizes the larger goes", policy{maxRows: 8, preferred: []int{2, 4}, delay: time.Hour}, []arrival{{0, 1, ""}, {0, 1, ""}, {0, 1, ""}, {0, 1, ""}}, 0, []int{0, 1, 2, 3}, -1},
		{"past the largest preferred size without a hit -> what fits goes", policy{maxRows: 8, preferred: []int{2}, delay: time.Hour}, []arrival{{0, 3, ""}}, 0, []int{0}, -1},
		{"calls of other shapes do not share a batch", policy{maxRows: 8}, []arrival{{0, 1, "a"}, {1, 1, "b"}, {2, 1, "a"}}, 2, []int{0, 2}, 1},
		{"an odd shape does not close the batch", policy{maxRows: 2, delay: time.Hour}, []arrival{{0, 1, "a"}, {1, 1, "b"}, {2, 1, "a"}}, 2, []int{0, 2}, 3600_001},
		{"of two due classes the one with the oldest call goes", policy{maxRows: 2}, []arrival{{0, 1, "b"}, {1, 1, "a"}, {1, 1, "a"}}, 2, []int{0}, 1},
		{"a model that does not batch takes one call at a time", policy{}, []arrival{{0, 1, ""}, {0, 1, ""}}, 0, []int{0}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPending(tt.policy)
			all := make([]*call, len(tt.calls))
			for i, a := range tt.calls {
				all[i] = &call{rows: a.rows, key: a.key, queued: at(a.ms)}
				if _, err := p.push(all[i]); err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
			}
			var got []int
			for _, c := range p.next(at(tt.now), nil) {
				got = append(got, slices.Index(all, c))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("batch of calls %v, want %v", got, tt.want)
			}
			wake := -1
			if w := p.wake(at(tt.now), true); !w.IsZero() {
				wake = int(w.Sub(epoch).Milliseconds())
			}
			if wake != tt.wake {
				t.Errorf("wakes at %d ms, want %d", wake, tt.wake)
			}
		})
	}
}

func TestPendingRefusesWhatALevelHasNoRoomFor(t *testing.T) {
	p := newPending(policy{levels: []Level{{MaxSize: 2}, {MaxSize: 1}}})
	for i, tt := range []struct {
		level int
		want  error
	}{{0, nil}, {0, nil}, {0, infer.ErrQueueFull}, {1, nil}, {1, infer.ErrQueueFull}} {
		if _, err := p.push(&call{rows: 1, level: tt.level, queued: at(i)}); !errors.Is(err, tt.want) {
			t.Errorf("call %d: got %v, want %v", i, err, tt.want)
		}
	}
}

func TestWhoHasMostOfAFullLevelGivesWay(t *testing.T) {
	p := newPending(policy{maxRows: 8, levels: []Level{{MaxSize: 4}}})
	push := func(tenant string, ms int) (*call, *call, error) {
		c := &call{rows: 1, tenant: tenant, queued: at(ms)}
		gaveWay, err := p.push(c)
		return c, gaveWay, err
	}
	for i := range 3 {
		if _, _, err := push("flood", i); err != nil {
			t.Fatal(err)
		}
	}
	last, _, _ := push("flood", 3)
	if _, _, err := push("flood", 4); !errors.Is(err, infer.ErrQueueFull) {
		t.Errorf("alone in the queue: got %v", err)
	}
	if _, gaveWay, err := push("meek", 5); err != nil || gaveWay != last {
		t.Errorf("the latest call of the flood did not give way: %v", err)
	}
	if _, _, err := push("flood", 6); !errors.Is(err, infer.ErrOverQuota) {
		t.Errorf("with more than its share: got %v", err)
	}
	if _, gaveWay, err := push("meek", 7); err != nil || gaveWay == nil {
		t.Errorf("1 of 4 is less than a half: got %v", err)
	}
	if _, _, err := push("meek", 8); !errors.Is(err, infer.ErrQueueFull) {
		t.Errorf("half of the queue is a share: got %v", err)
	}
	if p.count != 4 {
		t.Errorf("%d calls wait", p.count)
	}
}

func TestPendingExpiresTheEarliestFirst(t *testing.T) {
	p := newPending(policy{maxRows: 4, delay: time.Hour})
	late := &call{rows: 1, queued: at(0), expires: at(20)}
	early := &call{rows: 1, queued: at(1), deadline: at(10)}
	never := &call{rows: 1, queued: at(2)}
	for _, c := range []*call{late, early, never} {
		if _, err := p.push(c); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.wake(at(0), false); !got.Equal(at(10)) {
		t.Errorf("wakes at %v, want the earliest end", got)
	}
	if c, _ := p.expired(at(9)); c != nil {
		t.Error("a call expired before its time")
	}
	if c, err := p.expired(at(30)); c != early || !errors.Is(err, infer.ErrDeadline) {
		t.Errorf("the earliest end was not first: %v", err)
	}
	if c, err := p.expired(at(30)); c != late || !errors.Is(err, infer.ErrTimeout) {
		t.Errorf("the later end was not second: %v", err)
	}
	if c, _ := p.expired(at(30)); c != nil {
		t.Error("a call without an end expired")
	}
}

// costing makes batches cost 1 ms a row and 1 ms more.
func costing(p *pending) *pending {
	for i := range 4 * fitKnown {
		p.cost.observe(1+i%4, time.Duration(2+i%4)*time.Millisecond)
	}
	return p
}

func TestOrderOfCalls(t *testing.T) {
	type arrival struct {
		ms       int
		level    int
		tenant   string
		deadline int // ms; 0: none
		expires  int // ms; 0: never
		key      string
	}
	two := []Level{{}, {}}
	tests := []struct {
		name   string
		policy policy
		calls  []arrival
		now    int
		want   [][]int // arrivals in each batch
	}{
		{
			"the higher level goes first, whenever it came",
			policy{maxRows: 2, levels: two},
			[]arrival{{ms: 0, level: 1}, {ms: 1, level: 1}, {ms: 2, level: 0}},
			2,
			[][]int{{2, 0}, {1}},
		},
		{
			"with ageing, a call of a lower level that has waited long enough goes before one of a higher",
			policy{maxRows: 1, levels: two, ageing: 5 * time.Millisecond},
			[]arrival{{ms: 0, level: 1}, {ms: 4, level: 0}, {ms: 6, level: 0}},
			6,
			[][]int{{1}, {0}, {2}},
		},
		{
			"what is past a delaying timeout goes behind the others of its level, before the next level",
			policy{maxRows: 1, levels: []Level{{Delay: true}, {}}},
			[]arrival{{ms: 0, level: 1}, {ms: 0, level: 0, expires: 5}, {ms: 6, level: 0, expires: 99}},
			6,
			[][]int{{2}, {1}, {0}},
		},
		{
			"the tenant that has used less goes first, and they take turns",
			policy{maxRows: 4, levels: two[:1]},
			[]arrival{{tenant: "a"}, {tenant: "a"}, {tenant: "a"}, {ms: 1, tenant: "b"}, {ms: 1, tenant: "b"}},
			1,
			[][]int{{0, 3, 1, 4}, {2}},
		},
		{
			"a tenant of twice the weight gets twice the rows",
			policy{maxRows: 3, levels: two[:1], weight: func(t string) float64 { return map[string]float64{"a": 1, "b": 2}[t] }},
			[]arrival{{tenant: "a"}, {tenant: "a"}, {tenant: "b"}, {tenant: "b"}, {tenant: "b"}, {tenant: "b"}},
			1,
			[][]int{{0, 2, 3}, {1, 4, 5}},
		},
		{
			"of two shapes the one with the earlier deadline goes first",
			policy{maxRows: 2},
			[]arrival{{ms: 0, key: "a", deadline: 80}, {ms: 1, key: "b", deadline: 50}, {ms: 2, key: "a", deadline: 90}},
			2,
			[][]int{{1}, {0, 2}},
		},
		{
			"a call without a deadline does not wait for ever for those with one",
			policy{maxRows: 2},
			[]arrival{{ms: 0, key: "a"}, {ms: 990, key: "b", deadline: 1100}},
			1000,
			[][]int{{0}, {1}},
		},
		{
			"nothing joins that would make another call late",
			policy{maxRows: 4},
			[]arrival{{ms: 7, deadline: 14}, {ms: 8}, {ms: 8}, {ms: 8}},
			10,
			[][]int{{0, 1, 2}, {3}},
		},
		{
			"what has waited for most of its time does not make a batch smaller",
			policy{maxRows: 8},
			[]arrival{{ms: 0, deadline: 13}, {ms: 8}, {ms: 8}, {ms: 8}, {ms: 8}, {ms: 8}, {ms: 8}, {ms: 8}},
			10,
			[][]int{{1, 2, 3, 4, 5, 6, 7}, {0}},
		},
		{
			"a call that would be late even alone is passed over",
			policy{maxRows: 4},
			[]arrival{{ms: 0, deadline: 11}, {ms: 0}},
			10,
			[][]int{{1}},
		},
		{
			"a deadline ends the delay while there is time",
			policy{maxRows: 4, delay: time.Hour},
			[]arrival{{ms: 0, deadline: 14}, {ms: 1}},
			10,
			[][]int{{0, 1}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := costing(newPending(tt.policy))
			all := make([]*call, len(tt.calls))
			for i, a := range tt.calls {
				all[i] = &call{rows: 1, key: a.key, level: a.level, tenant: a.tenant, queued: at(a.ms)}
				if a.deadline > 0 {
					all[i].deadline = at(a.deadline)
				}
				if a.expires > 0 {
					all[i].expires = at(a.expires)
				}
				if _, err := p.push(all[i]); err != nil {
					t.Fatal(err)
				}
			}
			if late, err := p.expired(at(tt.now)); late != nil && !errors.Is(err, infer.ErrDeadline) {
				t.Fatal(err)
			}
			var got [][]int
			for batch := p.next(at(tt.now), nil); len(batch) > 0; batch = p.next(at(tt.now), nil) {
				var places []int
				for _, c := range batch {
					places = append(places, slices.Index(all, c))
				}
				got = append(got, places)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("batches %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAdmission(t *testing.T) {
	busy := capacity{lanes: 1, until: 3 * time.Millisecond}
	tests := []struct {
		name    string
		waiting map[string]int // rows, by tenant
		have    capacity
		budget  int // ms
		after   int // ms until another attempt; 0: admitted
	}{
		{"nothing waits and a lane is idle -> in any case", nil, capacity{lanes: 1, free: 1}, 1, 0},
		{"the run under way and its own fit", nil, busy, 5, 0},
		{"they do not", nil, busy, 4, 2},
		{"two full batches go first", map[string]int{"": 8}, busy, 15, 0},
		{"two full batches are too many", map[string]int{"": 8}, busy, 14, 2},
		{"two lanes share them", map[string]int{"": 8}, capacity{lanes: 2, until: 3 * time.Millisecond}, 10, 0},
		{"those of another tenant are not all in the way", map[string]int{"flood": 400}, busy, 5, 0},
		{"as many of its own as of another's", map[string]int{"flood": 400, "": 4}, busy, 15, 0},
		{"and no fewer", map[string]int{"flood": 400, "": 4}, busy, 14, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := costing(newPending(policy{maxRows: 4}))
			for tenant, n := range tt.waiting {
				for range n {
					if _, err := p.push(&call{rows: 1, tenant: tenant, queued: at(0)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			err := p.admit(&call{rows: 1, queued: at(0), deadline: at(tt.budget)}, at(0), tt.have)
			if tt.after == 0 {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var refused *infer.RetryError
			if !errors.As(err, &refused) || !errors.Is(err, infer.ErrOverloaded) {
				t.Fatalf("got %v", err)
			}
			if got := refused.After.Round(time.Millisecond); got != time.Duration(tt.after)*time.Millisecond {
				t.Errorf("another attempt after %v, want %d ms", got, tt.after)
			}
		})
	}
}

func TestTuning(t *testing.T) {
	for _, tt := range []struct {
		name      string
		aim       time.Duration
		perSecond int // rows
		lanes     int
		limit     int
		enough    int
		delay     time.Duration // at least
	}{
		// A batch costs 1 ms a row and 1 ms more.
		{"two runs of the largest batch take nine tenths of the aim", 20 * time.Millisecond, 10, 1, 8, 1, 0},
		{"an aim that no batch can keep -> single rows", time.Millisecond, 10, 1, 1, 1, 0},
		{"a wide aim -> as many as there may be", time.Second, 10, 1, 16, 1, 0},
		{"rows come slowly -> nothing waits", 20 * time.Millisecond, 100, 1, 8, 1, 0},
		{"single rows would be too slow -> it waits for as many as are fast enough", 20 * time.Millisecond, 700, 1, 8, 4, time.Millisecond},
		{"two lanes can run them as they come", 20 * time.Millisecond, 700, 2, 8, 1, 0},
		{"more than can be run -> it waits for full batches", 20 * time.Millisecond, 2000, 1, 8, 8, time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := costing(newPending(policy{maxRows: 16, aim: tt.aim}))
			now := at(0)
			for range 5 * tt.perSecond {
				now = now.Add(time.Second / time.Duration(tt.perSecond))
				p.arrivals.arrive(now, 1)
			}
			p.tune(now, tt.lanes)
			if p.limit != tt.limit || p.enough != tt.enough || p.delay < tt.delay || tt.delay == 0 && p.delay != 0 || p.delay > tt.aim {
				t.Errorf("batches of %d rows, %d are enough, waits %v", p.limit, p.enough, p.delay)
			}
		})
	}
}

func TestTuningLetsAllBeUntilCostsAreKnown(t *testing.T) {
	p := newPending(policy{maxRows: 16, aim: time.Microsecond})
	if p.tune(at(0), 1); p.limit != 16 || p.delay != 0 {
		t.Errorf("batches of %d rows, waits %v", p.limit, p.delay)
	}
}

// FuzzPending drives pending through any history and demands that no call is lost
// or comes out twice, that batches keep order, levels and sizes, that nothing that
// has waited too long stays, and that nothing is left behind.
func FuzzPending(f *testing.F) {
	f.Add(uint64(1), uint8(8), uint8(2), uint8(10), false)
	f.Add(uint64(7), uint8(0), uint8(0), uint8(3), false)
	f.Add(uint64(9), uint8(5), uint8(4), uint8(0), true)
	f.Fuzz(func(t *testing.T, seed uint64, maxRows, preferred, maxCalls uint8, ageing bool) {
		rng := rand.New(rand.NewPCG(seed, 0))
		h := newHistory(t, rng, int(maxRows%17), int(preferred%17), int(maxCalls), ageing)
		for step := range 300 {
			h.now = at(step)
			switch rng.IntN(5) {
			case 0, 1:
				h.arrive()
			case 2:
				for c := range h.inside {
					h.q.remove(c)
					delete(h.inside, c)
					break
				}
			case 3:
				h.expire()
				h.batch()
			case 4:
				h.finish()
			}
			if h.q.count != len(h.inside) {
				t.Fatalf("counts %d calls, %d are inside", h.q.count, len(h.inside))
			}
		}
		h.now = at(100_000)
		h.expire()
		for len(h.inside) > 0 {
			if !h.batch() {
				t.Fatalf("%d calls never become due", len(h.inside))
			}
		}
		h.finish()
		if len(h.q.order) != 0 || len(h.q.classes) != 0 || len(h.q.moments.items) != 0 || h.q.rows != 0 {
			t.Fatal("an empty queue keeps something")
		}
		for i, s := range h.q.states {
			if s.calls != 0 || s.rows != 0 || len(s.ledger.active.items) != 0 {
				t.Fatalf("level %d keeps something: %+v", i, s)
			}
		}
	})
}

// history is a queue with what should be in it.
type history struct {
	t      *testing.T
	rng    *rand.Rand
	q      *pending
	now    time.Time
	n      int
	inside map[*call]int // and when each came
	outs   []*call       // running
}

func newHistory(t *testing.T, rng *rand.Rand, maxRows, preferred, maxCalls int, ageing bool) *history {
	p := policy{maxRows: maxRows, delay: time.Duration(rng.IntN(5)) * time.Millisecond}
	if preferred > 0 && preferred <= maxRows {
		p.preferred = []int{preferred}
	}
	for range 1 + rng.IntN(3) {
		p.levels = append(p.levels, Level{MaxSize: maxCalls, Delay: rng.IntN(2) == 0})
	}
	if ageing {
		p.ageing = time.Duration(1+rng.IntN(20)) * time.Millisecond
	}
	p.weight = func(tenant string) float64 { return float64(len(tenant)) }
	q := newPending(p)
	if rng.IntN(2) == 0 {
		costing(q)
	}
	return &history{t: t, rng: rng, q: q, inside: map[*call]int{}}
}

func (h *history) arrive() {
	c := &call{
		rows: 1 + h.rng.IntN(max(1, h.q.maxRows)), key: fmt.Sprint(h.rng.IntN(3)), tenant: []string{"a", "bb", "cccc"}[h.rng.IntN(3)],
		level: h.rng.IntN(len(h.q.levels)), queued: h.now, sure: h.rng.IntN(9) == 0,
	}
	if h.rng.IntN(2) == 0 {
		c.expires = h.now.Add(time.Duration(h.rng.IntN(20)) * time.Millisecond)
	}
	if h.rng.IntN(2) == 0 {
		c.deadline = h.now.Add(time.Duration(h.rng.IntN(40)) * time.Millisecond)
	}
	waiting := h.q.states[c.level].calls
	gaveWay, err := h.q.push(c)
	if gaveWay != nil {
		if gaveWay.level != c.level || gaveWay.tenant == c.tenant {
			h.t.Fatal("the wrong call gave way")
		}
		h.take(gaveWay)
	}
	limit := h.q.levels[c.level].MaxSize
	if err != nil && (limit == 0 || waiting < limit) {
		h.t.Fatalf("refused with %d of %d waiting: %v", waiting, limit, err)
	}
	if err == nil {
		h.n++
		h.inside[c] = h.n
	}
	if limit > 0 && h.q.states[c.level].calls > limit {
		h.t.Fatalf("%d of %d wait", h.q.states[c.level].calls, limit)
	}
}

func (h *history) take(c *call) int {
	h.t.Helper()
	n, ok := h.inside[c]
	if !ok {
		h.t.Fatal("a call came out twice, or was never put in")
	}
	delete(h.inside, c)
	return n
}

func (h *history) expire() {
	for c, err := h.q.expired(h.now); c != nil; c, err = h.q.expired(h.now) {
		if errors.Is(err, infer.ErrTimeout) == h.q.levels[c.level].Delay && errors.Is(err, infer.ErrTimeout) {
			h.t.Fatal("a call that should be delayed was refused")
		}
		h.take(c)
	}
	for c := range h.inside {
		if !c.expires.IsZero() && !c.expires.After(h.now) || !c.deadline.IsZero() && !c.deadline.After(h.now) {
			h.t.Fatal("a call that has waited too long stayed")
		}
	}
}

func (h *history) batch() bool {
	h.t.Helper()
	batch := h.q.next(h.now, nil)
	rows := 0
	last := map[string]int{}
	tightest := time.Time{}
	for i, c := range batch {
		if c.key != batch[0].key {
			h.t.Fatal("a batch mixes classes")
		}
		if i > 0 && h.q.ageing == 0 && bandOf(c) < bandOf(batch[i-1]) {
			h.t.Fatal("a lower level came before a higher one")
		}
		n := h.take(c)
		if own := fmt.Sprint(c.tenant, c.level, c.delayed); !c.delayed {
			if n < last[own] {
				h.t.Fatal("a tenant's calls are out of order")
			}
			last[own] = n
		}
		rows += c.rows
		tightest = earlier(tightest, c.deadline)
	}
	if h.q.maxRows > 0 && rows > h.q.maxRows || h.q.maxRows == 0 && len(batch) > 1 {
		h.t.Fatalf("a batch of %d rows, at most %d", rows, h.q.maxRows)
	}
	if len(batch) > 1 && !tightest.IsZero() && h.now.Add(h.q.cost.cost(rows)).After(tightest) {
		h.t.Fatal("a batch makes one of its calls late")
	}
	h.outs = append(h.outs, batch...)
	return len(batch) > 0
}

// finish settles what runs.
func (h *history) finish() {
	for _, c := range h.outs {
		h.q.settle(c.level, c.account, 1, h.rng.Float64()-c.charged)
	}
	h.outs = h.outs[:0]
}
