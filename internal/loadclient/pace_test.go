package loadclient

import (
	"slices"
	"testing"
	"time"
)

func TestWorkersShareASchedule(t *testing.T) {
	var all []time.Duration
	for worker := range uint64(3) {
		p := pace{rate: 250, next: worker, step: 3}
		for range 4 {
			all = append(all, p.due())
			p.advance()
		}
	}
	slices.Sort(all)
	for i, at := range all {
		if want := time.Duration(i) * 4 * time.Millisecond; at != want {
			t.Errorf("request %d is due at %v, want %v", i, at, want)
		}
	}
}

func TestAScheduleDoesNotDrift(t *testing.T) {
	p := pace{rate: 3, next: 3 * 3600, step: 1}
	if p.due() != time.Hour {
		t.Errorf("3 a second for an hour end at %v", p.due())
	}
	if p = (pace{}); p.paced() {
		t.Error("no rate is a pace")
	}
}

func TestTheLongestIdleIsFirst(t *testing.T) {
	r := newRing(3)
	r.push(0)
	r.push(1)
	r.push(2)
	var order []int
	for range 4 {
		i := r.pop()
		order = append(order, i)
		r.push(i)
	}
	r.pop()
	r.push(1)
	for r.n > 0 {
		order = append(order, r.pop())
	}
	if want := []int{0, 1, 2, 0, 2, 0, 1}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}
