package scheduler

import (
	"math/rand/v2"
	"testing"
)

func needs(resources map[string]int, priority int) Demand {
	d := Demand{Resources: map[Resource]int{}, Priority: priority}
	for name, n := range resources {
		d.Resources[Resource{Name: name}] = n
	}
	return d
}

func TestRunsShareWhatThereIs(t *testing.T) {
	l := &Limiter{}
	l.SetLimits(map[string]int{"memory": 3})
	lane := func(n int) *permit { return l.register(needs(map[string]int{"memory": n}, 0), func() {}) }
	a, b, c := lane(2), lane(2), lane(1)
	for _, p := range []*permit{a, b, c} {
		l.ask(p)
	}
	if !a.granted || b.granted || c.granted {
		t.Fatalf("granted %v %v %v, want the first alone: the second waits for the same, and the third must not pass it", a.granted, b.granted, c.granted)
	}
	l.release(a)
	if !b.granted || !c.granted {
		t.Errorf("granted %v %v once 2 of 3 are back", b.granted, c.granted)
	}
}

func TestWhoNeedsOtherThingsDoesNotWait(t *testing.T) {
	l := &Limiter{}
	a := l.register(needs(map[string]int{"x": 1}, 0), func() {})
	b := l.register(needs(map[string]int{"x": 1}, 0), func() {})
	c := l.register(needs(map[string]int{"y": 1}, 0), func() {})
	for _, p := range []*permit{a, b, c} {
		l.ask(p)
	}
	if b.granted || !c.granted {
		t.Errorf("granted %v %v", b.granted, c.granted)
	}
}

func TestWithoutALimitThereIsAsMuchAsTheGreatestDemand(t *testing.T) {
	l := &Limiter{}
	one, four := l.register(needs(map[string]int{"r": 1}, 0), func() {}), l.register(needs(map[string]int{"r": 4}, 0), func() {})
	l.ask(four)
	if l.ask(one); !four.granted || one.granted {
		t.Errorf("granted %v %v", four.granted, one.granted)
	}
	l.release(four)
	if !one.granted {
		t.Error("what came back was not given on")
	}
	l.unregister(four)
	l.unregister(one)
	if len(l.used) != 0 || len(l.lanes) != 0 || len(l.waiting) != 0 {
		t.Errorf("left behind: %+v", l)
	}
}

func TestPriorityIsHowOftenTheTurnComes(t *testing.T) {
	l := &Limiter{}
	often, seldom := l.register(needs(map[string]int{"r": 1}, 1), func() {}), l.register(needs(map[string]int{"r": 1}, 3), func() {})
	turns := map[*permit]int{}
	l.ask(often)
	l.ask(seldom)
	for range 400 {
		for _, p := range []*permit{often, seldom} {
			if p.granted {
				turns[p]++
				l.ask(p) // for the next run
				break
			}
		}
	}
	if turns[seldom] < 80 || turns[often] < 2*turns[seldom] {
		t.Errorf("%d turns of priority 1 and %d of priority 3", turns[often], turns[seldom])
	}
}

func FuzzLimiter(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(5))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		l := &Limiter{}
		names := []string{"a", "b", "c"}
		limits := map[string]int{}
		for _, n := range names {
			if rng.IntN(2) == 0 {
				limits[n] = rng.IntN(5)
			}
		}
		l.SetLimits(limits)
		var all []*permit
		for range 1 + rng.IntN(6) {
			demand := map[string]int{}
			for _, n := range names {
				if rng.IntN(2) == 0 {
					demand[n] = 1 + rng.IntN(4)
				}
			}
			var p *permit
			p = l.register(needs(demand, rng.IntN(4)), func() {
				if p.waits || !p.granted {
					t.Fatal("told of a permit that is not there")
				}
			})
			all = append(all, p)
		}
		for range 200 {
			p := all[rng.IntN(len(all))]
			if rng.IntN(2) == 0 {
				l.ask(p)
			} else {
				l.release(p)
			}
			used := map[Resource]int{}
			for _, p := range all {
				if p.granted {
					for r, n := range p.demand.Resources {
						used[r] += n
					}
				}
			}
			for r, n := range used {
				if n > l.limitLocked(r) || n != l.used[r] {
					t.Fatalf("%d of %v are in use, counted %d, limit %d", n, r, l.used[r], l.limitLocked(r))
				}
			}
		}
		for range all { // whoever holds gives back; then everybody must get a turn
			for _, p := range all {
				if p.granted {
					l.release(p)
				}
			}
		}
		for _, p := range all {
			l.ask(p)
		}
		turns := map[*permit]bool{}
		for range 10 * len(all) {
			for _, p := range all {
				if p.granted {
					turns[p] = true
					l.release(p)
				}
			}
		}
		if len(turns) != len(all) {
			t.Fatalf("%d of %d got a turn", len(turns), len(all))
		}
		if len(l.used) != 0 || len(l.waiting) != 0 {
			t.Fatal("something is left in use")
		}
	})
}
