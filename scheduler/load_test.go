package scheduler_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"galatea/backend"
	"galatea/infer"
	"galatea/scheduler"
)

// arrivals sends requests of one row at random moments, so many a second on
// average, for the given time, and waits for all answers. It reports when each was
// sent, how long it took and its error.
func arrivals(t *testing.T, q *scheduler.Queue, seed uint64, perSecond float64, lasts time.Duration, next func() *infer.Request) []outcome {
	rng := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	var all []outcome
	var wg sync.WaitGroup
	for began := time.Now(); time.Since(began) < lasts; {
		time.Sleep(time.Duration(rng.ExpFloat64() / perSecond * float64(time.Second)))
		wg.Go(func() {
			req, sent := next(), time.Now()
			resp, err := q.Infer(t.Context(), req)
			resp.Release()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, outcome{time.Since(sent), err})
		})
	}
	wg.Wait()
	return all
}

type outcome struct {
	took time.Duration
	err  error
}

func answered(all []outcome) (n int, p99 time.Duration) {
	var took []time.Duration
	for _, o := range all {
		if o.err == nil {
			took = append(took, o.took)
		}
	}
	slices.Sort(took)
	if len(took) == 0 {
		return 0, 0
	}
	return len(took), took[len(took)*99/100]
}

// The model of these tests: batches of at most 8 rows, 5 ms a row and 10 ms a run:
// 160 rows a second at the most.
func loaded(t *testing.T, o scheduler.Options) *scheduler.Queue {
	o.MaxBatchSize = 8
	q := start(t, linear(5*time.Millisecond, 10*time.Millisecond), o)
	learn(t, q)
	return q
}

const capacity = 160 // rows a second

func TestOverloadIsRefusedAtOnceAndTheRestIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := loaded(t, scheduler.Options{})
		const deadline, lasts = 200 * time.Millisecond, time.Minute
		all := arrivals(t, q, 1, 1.5*capacity, lasts, func() *infer.Request { return within(deadline) })
		late, refused, told := 0, 0, time.Duration(0)
		for _, o := range all {
			switch {
			case errors.Is(o.err, infer.ErrOverloaded):
				refused++
				told = max(told, o.took)
				var again *infer.RetryError
				if !errors.As(o.err, &again) || again.After <= 0 || again.After > deadline {
					t.Fatalf("another attempt after %v", again)
				}
			case o.err != nil || o.took > deadline:
				late++
			}
		}
		n, _ := answered(all)
		rate := float64(n) / lasts.Seconds()
		t.Logf("of %d requests at 1.5 times the capacity: %d answered in time (%.2f of the capacity), %d refused at once, %d late", len(all), n, rate/capacity, refused, late)
		if rate < 0.9*capacity || late*100 > n || told != 0 {
			t.Errorf("%.0f a second, want %d; %d late; the longest refusal took %v", rate, capacity, late, told)
		}
	})
}

// The largest batch takes longer than any caller waits, and nobody knows it yet.
func TestOverloadFromTheFirstRequestOnIsAnswered(t *testing.T) {
	for _, instances := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			q := start(t, linear(5*time.Millisecond, 10*time.Millisecond), scheduler.Options{MaxBatchSize: 64, Instances: instances})
			const lasts = 20 * time.Second
			all := arrivals(t, q, 1, 1.5*capacity*float64(instances), lasts, func() *infer.Request { return within(200 * time.Millisecond) })
			n, _ := answered(all)
			rate := float64(n) / lasts.Seconds() / float64(instances)
			t.Logf("%d instances: %.2f of the capacity is answered", instances, rate/capacity)
			if rate < 0.85*capacity {
				t.Errorf("%.0f a second, want %d", rate, capacity)
			}
		})
	}
}

// A tenant asks for three quarters of its half of the instances, beside one that uses
// its own half, and then beside one that asks for 20 times as much.
func TestFloodOfOneTenantDoesNotHurtAnother(t *testing.T) {
	const lasts = 20 * time.Second
	for _, deadline := range []time.Duration{0, 400 * time.Millisecond} {
		meek := func(flood float64) (all []outcome) {
			synctest.Test(t, func(t *testing.T) {
				q := loaded(t, scheduler.Options{Levels: []scheduler.Level{{MaxSize: 256}}})
				ask := func(tenant string) func() *infer.Request {
					return func() *infer.Request {
						req := request(1, 1)
						if req.Tenant = tenant; deadline > 0 {
							req.Deadline = time.Now().Add(deadline)
						}
						return req
					}
				}
				var wg sync.WaitGroup
				if flood > 0 {
					wg.Go(func() { arrivals(t, q, 2, flood, lasts, ask("flood")) })
				}
				all = arrivals(t, q, 1, 0.375*capacity, lasts, ask("meek"))
				wg.Wait()
			})
			return all
		}
		fair, flooded := meek(0.5*capacity), meek(20*0.5*capacity)
		n, p99 := answered(fair)
		m, flooded99 := answered(flooded)
		t.Logf("deadline %v: %d of %d answered, p99 %v; flooded: %d of %d, p99 %v (%.2f times)", deadline, n, len(fair), p99, m, len(flooded), flooded99, float64(flooded99)/float64(p99))
		if float64(m)/float64(len(flooded)) < 0.95*float64(n)/float64(len(fair)) {
			t.Errorf("the flood costs the other tenant %d of %d answers", len(flooded)-m, len(flooded))
		}
		if flooded99 > p99*3/2 {
			t.Errorf("the flood moves the other tenant's p99 from %v to %v", p99, flooded99)
		}
	}
}

// Callers come alone, then together, then alone again; some leave, and the queue is
// closed in the middle. A call that nobody wakes ends the test: all would be asleep.
func TestLoneAndManyCallersAreAllAnswered(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			b := linear(20*time.Microsecond, 50*time.Microsecond)
			b.Fault = func(run int, _ *backend.Batch) error {
				if run%41 == 40 {
					return infer.ErrInstanceLost
				}
				return nil
			}
			q := start(t, b, scheduler.Options{MaxBatchSize: 8, Instances: 1 + int(seed%3)})
			var wg sync.WaitGroup
			var mu sync.Mutex
			answers := 0
			for range 300 {
				wait, patience := time.Duration(rng.IntN(400))*time.Microsecond, time.Duration(20+rng.IntN(2000))*time.Microsecond
				if rng.IntN(3) == 0 {
					wait = 0
				}
				time.Sleep(wait)
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					err := ask(ctx, t, q, 1, 1)
					mu.Lock()
					defer mu.Unlock()
					if answers++; err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, infer.ErrInstanceLost) && !errors.Is(err, infer.ErrStopping) {
						t.Error(err)
					}
				})
			}
			if seed%2 == 0 {
				if err := q.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			wg.Wait()
			if answers != 300 {
				t.Errorf("%d of 300 calls were answered", answers)
			}
		})
	}
}

func TestAutoKeepsItsAim(t *testing.T) {
	const aim = 150 * time.Millisecond
	for _, load := range []float64{0.1, 0.4, 0.7} {
		synctest.Test(t, func(t *testing.T) {
			q := loaded(t, scheduler.Options{AimP99: aim})
			all := arrivals(t, q, 1, load*capacity, 30*time.Second, func() *infer.Request { return request(1, 1) })
			n, p99 := answered(all)
			t.Logf("at %.1f of the capacity: p99 %v", load, p99)
			if n != len(all) || p99 > aim {
				t.Errorf("%d of %d answered, p99 %v, want %v", n, len(all), p99, aim)
			}
		})
	}
}
