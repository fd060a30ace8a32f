package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
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
				if !p.push(all[i]) {
					t.Fatalf("call %d was refused", i)
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
			if w := p.wake(true); !w.IsZero() {
				wake = int(w.Sub(epoch).Milliseconds())
			}
			if wake != tt.wake {
				t.Errorf("wakes at %d ms, want %d", wake, tt.wake)
			}
		})
	}
}

func TestPendingRefusesWhatDoesNotFit(t *testing.T) {
	p := newPending(policy{maxCalls: 2})
	for i, want := range []bool{true, true, false} {
		if got := p.push(&call{rows: 1, queued: at(i)}); got != want {
			t.Errorf("call %d accepted: %v, want %v", i, got, want)
		}
	}
}

func TestPendingExpiresTheOldestDeadlineFirst(t *testing.T) {
	p := newPending(policy{maxRows: 4, delay: time.Hour})
	late := &call{rows: 1, queued: at(0), expires: at(20)}
	early := &call{rows: 1, queued: at(1), expires: at(10)}
	never := &call{rows: 1, queued: at(2)}
	for _, c := range []*call{late, early, never} {
		p.push(c)
	}
	if got := p.wake(false); !got.Equal(at(10)) {
		t.Errorf("wakes at %v, want the earliest deadline", got)
	}
	if c := p.expired(at(9)); c != nil {
		t.Error("a call expired before its deadline")
	}
	if c := p.expired(at(30)); c != early {
		t.Error("the earliest deadline was not first")
	}
	if c := p.expired(at(30)); c != late {
		t.Error("the later deadline was not second")
	}
	if c := p.expired(at(30)); c != nil {
		t.Error("a call without a deadline expired")
	}
}

// FuzzPending drives pending through any history and demands that no call is lost
// or comes out twice, that batches keep order and sizes, and that nothing expired
// stays.
func FuzzPending(f *testing.F) {
	f.Add(uint64(1), uint8(8), uint8(2), uint8(10))
	f.Add(uint64(7), uint8(0), uint8(0), uint8(3))
	f.Add(uint64(9), uint8(5), uint8(4), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, maxRows, preferred, maxCalls uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		p := policy{maxRows: int(maxRows % 17), delay: time.Duration(rng.IntN(5)) * time.Millisecond, maxCalls: int(maxCalls)}
		if n := int(preferred % 17); n > 0 && n <= p.maxRows {
			p.preferred = []int{n}
		}
		q := newPending(p)
		inside := map[*call]int{}
		for step := range 300 {
			now := at(step)
			switch rng.IntN(4) {
			case 0, 1:
				c := &call{rows: 1 + rng.IntN(max(1, p.maxRows)), key: fmt.Sprint(rng.IntN(3)), queued: now}
				if rng.IntN(2) == 0 {
					c.expires = now.Add(time.Duration(rng.IntN(20)) * time.Millisecond)
				}
				if q.push(c) {
					inside[c] = step
				} else if len(inside) < p.maxCalls {
					t.Fatalf("refused with %d of %d waiting", len(inside), p.maxCalls)
				}
			case 2:
				for c := range inside {
					q.remove(c)
					delete(inside, c)
					break
				}
			case 3:
				for c := q.expired(now); c != nil; c = q.expired(now) {
					take(t, inside, c)
				}
				for c := range inside {
					if !c.expires.IsZero() && !c.expires.After(now) {
						t.Fatal("an expired call stayed")
					}
				}
				checkBatch(t, p, inside, q.next(now, nil))
			}
			if q.count != len(inside) {
				t.Fatalf("counts %d calls, %d are inside", q.count, len(inside))
			}
		}
		for now := at(1000); len(inside) > 0; {
			batch := q.next(now, nil)
			if len(batch) == 0 {
				t.Fatalf("%d calls never become due", len(inside))
			}
			checkBatch(t, p, inside, batch)
		}
		if len(q.order) != 0 || len(q.classes) != 0 || len(q.expiry) != 0 {
			t.Fatal("an empty queue keeps something")
		}
	})
}

func take(t *testing.T, inside map[*call]int, c *call) int {
	t.Helper()
	step, ok := inside[c]
	if !ok {
		t.Fatal("a call came out twice, or was never put in")
	}
	delete(inside, c)
	return step
}

func checkBatch(t *testing.T, p policy, inside map[*call]int, batch []*call) {
	t.Helper()
	rows, last := 0, -1
	for _, c := range batch {
		if c.key != batch[0].key {
			t.Fatal("a batch mixes classes")
		}
		step := take(t, inside, c)
		if step < last {
			t.Fatal("a batch is out of order")
		}
		rows, last = rows+c.rows, step
	}
	if p.maxRows > 0 && rows > p.maxRows || p.maxRows == 0 && len(batch) > 1 {
		t.Fatalf("a batch of %d rows, at most %d", rows, p.maxRows)
	}
}
