package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/infer"
	"galatea/scheduler"
)

// linear is a model that takes so long a row, and so long a run.
func linear(row, run time.Duration) *fake.Backend {
	return &fake.Backend{Delay: func(rows int) time.Duration { return time.Duration(rows)*row + run }}
}

// learn runs batches of several sizes, so that their cost is known.
func learn(t *testing.T, q *scheduler.Queue) {
	t.Helper()
	for i := range 20 {
		if err := ask(t.Context(), t, q, 1+i%4, 1); err != nil {
			t.Fatal(err)
		}
	}
}

func within(d time.Duration) *infer.Request {
	req := request(1, 1)
	req.Deadline = time.Now().Add(d)
	return req
}

func TestDeadlineIsKept(t *testing.T) {
	for _, tt := range []struct {
		name  string
		knows bool // what batches cost
		wait  time.Duration
		want  time.Duration
		err   error
	}{
		{"in the queue, while costs are unknown: when it passes", false, 20 * time.Millisecond, 20 * time.Millisecond, infer.ErrDeadline},
		{"in the queue, once costs are known: at once, since it cannot be kept", true, 20 * time.Millisecond, 0, infer.ErrOverloaded},
		{"with time enough: it is answered", true, 110 * time.Millisecond, 105 * time.Millisecond, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := start(t, linear(5*time.Millisecond, 0), scheduler.Options{MaxBatchSize: 64})
				if tt.knows {
					learn(t, q)
				}
				var wg sync.WaitGroup
				wg.Go(func() { _ = ask(t.Context(), t, q, 20, 1) }) // 100 ms
				synctest.Wait()
				before := time.Now()
				resp, err := q.Infer(t.Context(), within(tt.wait))
				resp.Release()
				if !errors.Is(err, tt.err) || err != nil && tt.err == nil {
					t.Errorf("got %v, want %v", err, tt.err)
				}
				if took := time.Since(before); took != tt.want {
					t.Errorf("answered after %v, want %v", took, tt.want)
				}
				wg.Wait()
			})
		})
	}
}

func TestDeadlineEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, linear(time.Hour, 0), scheduler.Options{MaxBatchSize: 8, RequestTimeout: 50 * time.Millisecond})
		before := time.Now()
		if _, err := q.Infer(t.Context(), within(time.Minute)); !errors.Is(err, infer.ErrDeadline) {
			t.Errorf("got %v", err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took != 50*time.Millisecond {
			t.Errorf("answered, and the run stopped, after %v, want the model's own 50 ms", took)
		}
		if s := q.Stats(); s.Refused["deadline"] != 1 {
			t.Errorf("counted %v", s.Refused)
		}
	})
}

func TestRequestThatCannotMakeItIsRefusedBeforeItCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := linear(10*time.Millisecond, 0)
		q := start(t, b, scheduler.Options{MaxBatchSize: 1, Levels: make([]scheduler.Level, 2)})
		for range 20 {
			_ = ask(t.Context(), t, q, 1, 1)
		}
		runs := len(b.Sizes())
		var wg sync.WaitGroup
		wg.Go(func() { _ = ask(t.Context(), t, q, 1, 1) })
		synctest.Wait()
		low := within(25 * time.Millisecond) // it would make it
		low.Priority = 2
		before := time.Now()
		wg.Go(func() {
			if _, err := q.Infer(t.Context(), low); !errors.Is(err, infer.ErrDeadline) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(before); took != 15*time.Millisecond {
				t.Errorf("refused after %v, want as soon as a run would end too late", took)
			}
		})
		synctest.Wait()
		wg.Go(func() { _ = ask(t.Context(), t, q, 1, 1) }) // of a higher level
		wg.Wait()
		if got := len(b.Sizes()) - runs; got != 2 {
			t.Errorf("%d runs, want none for the request that could not make it", got)
		}
	})
}

func TestIdleQueueNeverRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := 100 * time.Millisecond
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return delay }}, scheduler.Options{MaxBatchSize: 4})
		for range 20 {
			_ = ask(t.Context(), t, q, 1, 1)
		}
		delay = time.Millisecond // it has become faster, which only a run can show
		resp, err := q.Infer(t.Context(), within(50*time.Millisecond))
		if err != nil {
			t.Error(err)
		}
		resp.Release()
	})
}

func TestOrderOfAnswersIsPreserved(t *testing.T) {
	for _, preserve := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := &fake.Backend{Fault: func(run int, _ *backend.Batch) error {
				if run == 3 {
					return errors.New("no")
				}
				return nil
			}, Delay: func(rows int) time.Duration { return time.Duration(rows) * 10 * time.Millisecond }}
			q := start(t, b, scheduler.Options{MaxBatchSize: 8, Instances: 4, PreserveOrdering: preserve, Levels: []scheduler.Level{{MaxSize: 1}}})
			answered := make([]time.Time, 6)
			var wg sync.WaitGroup
			for i, rows := range []int{4, 1, 2, 3, 8, 1} { // the third one fails, the fifth waits, the sixth is refused
				wg.Go(func() {
					_ = ask(t.Context(), t, q, rows, 1)
					answered[i] = time.Now()
				})
				synctest.Wait()
			}
			wg.Wait()
			if got := slices.IsSortedFunc(answered, time.Time.Compare); got != preserve {
				t.Errorf("preserve %v: answered in order: %v", preserve, got)
			}
		})
	}
}

func TestCallerWhoLeavesDoesNotHoldUpTheAnswersBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, linear(10*time.Millisecond, 0), scheduler.Options{MaxBatchSize: 1, Instances: 2, PreserveOrdering: true})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 { // two run, one waits
			wg.Go(func() { _ = ask(ctx, t, q, 1, 1) })
		}
		synctest.Wait()
		wg.Go(func() {
			if err := ask(t.Context(), t, q, 1, 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestHigherLevelsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, linear(10*time.Millisecond, 0), scheduler.Options{MaxBatchSize: 1, Levels: make([]scheduler.Level, 3), DefaultLevel: 2})
		var mu sync.Mutex
		var got []uint64
		var wg sync.WaitGroup
		wg.Go(func() { _ = ask(t.Context(), t, q, 1, 1) })
		for _, level := range []uint64{3, 0, 2, 99, 1} { // 0 and 99 are of the default one
			synctest.Wait()
			wg.Go(func() {
				req := request(1, 1)
				req.Priority = level
				resp, err := q.Infer(t.Context(), req)
				if err != nil {
					t.Error(err)
				}
				resp.Release()
				mu.Lock()
				got = append(got, level)
				mu.Unlock()
			})
		}
		wg.Wait()
		if want := []uint64{1, 0, 2, 99, 3}; !slices.Equal(got, want) {
			t.Errorf("answered in the order %v, want %v", got, want)
		}
	})
}

func TestDelayedRequestIsAnsweredBehindTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, linear(10*time.Millisecond, 0), scheduler.Options{MaxBatchSize: 1, Levels: []scheduler.Level{{Timeout: 15 * time.Millisecond, Delay: true}}})
		var mu sync.Mutex
		var got []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 5 * time.Millisecond)
				if err := ask(t.Context(), t, q, 1, 1); err != nil {
					t.Error(err)
				}
				mu.Lock()
				got = append(got, i)
				mu.Unlock()
			})
		}
		wg.Wait()
		// 0 runs at 0, 1 at 10, 2 is 10 ms old at 20 and runs; at 30, 3 has waited for 15 ms and goes behind 4.
		if want := []int{0, 1, 2, 4, 3}; !slices.Equal(got, want) {
			t.Errorf("answered in the order %v, want %v", got, want)
		}
	})
}

func TestModelsShareResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := &scheduler.Limiter{}
		var mu sync.Mutex
		running, most := 0, 0
		model := func(count int) *scheduler.Queue {
			b := linear(10*time.Millisecond, 0)
			delay := b.Delay
			b.Delay = func(rows int) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				running += count
				most = max(most, running)
				time.AfterFunc(delay(rows)-1, func() {
					mu.Lock()
					defer mu.Unlock()
					running -= count
				})
				return delay(rows)
			}
			return start(t, b, scheduler.Options{MaxBatchSize: 1, Instances: 2, Limiter: limiter, Demand: func(int) scheduler.Demand {
				return scheduler.Demand{Resources: map[scheduler.Resource]int{{Name: "memory"}: count}}
			}})
		}
		limiter.SetLimits(map[string]int{"memory": 3})
		one, two := model(1), model(2)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				q := one
				if i%2 == 0 {
					q = two
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(50+20*i)*time.Millisecond)
				defer cancel()
				_ = ask(ctx, t, q, 1, 1) // some leave while they wait
			})
		}
		wg.Wait()
		if most != 3 {
			t.Errorf("up to %d of 3 in use at a time", most)
		}
		for _, q := range []*scheduler.Queue{one, two} {
			if err := ask(t.Context(), t, q, 1, 1); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
	})
}
