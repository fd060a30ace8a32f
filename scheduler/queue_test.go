package scheduler_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/infer"
	"galatea/scheduler"
	"galatea/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var signature = tensor.Signature{
	Inputs:  []tensor.Spec{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{-1, 2}}},
	Outputs: []tensor.Spec{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{-1, 2}}},
}

func start(t *testing.T, b *fake.Backend, o scheduler.Options) *scheduler.Queue {
	t.Helper()
	return startOf(t, b, signature, o)
}

func startOf(t *testing.T, b *fake.Backend, s tensor.Signature, o scheduler.Options) *scheduler.Queue {
	t.Helper()
	o.Signature = s
	m, err := b.Load(t.Context(), backend.Artifact{Signature: s})
	if err != nil {
		t.Fatal(err)
	}
	lanes := func(ctx context.Context, _ int) (backend.Instance, error) {
		return m.NewInstance(ctx, backend.Device{})
	}
	q, err := scheduler.Start(t.Context(), lanes, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if models, instances := b.Open(); models != 0 || instances != 0 {
			t.Errorf("%d models and %d instances are left open", models, instances)
		}
	})
	return q
}

func request(rows int, value float32) *infer.Request {
	var data []byte
	for range rows * 2 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(value))
	}
	return &infer.Request{Rows: rows, Inputs: []tensor.Tensor{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{int64(rows), 2}, Data: data}}}
}

// ask sends a request and checks that the answer is its own.
func ask(ctx context.Context, t *testing.T, q infer.Handler, rows int, value float32) error {
	t.Helper()
	resp, err := q.Infer(ctx, request(rows, value))
	if err != nil {
		return err
	}
	defer resp.Release()
	y := resp.Outputs[0]
	if !y.Shape.Equal(tensor.Shape{int64(rows), 2}) || len(y.Data) != rows*8 {
		t.Errorf("answer of shape %v and %d bytes for %d rows", y.Shape, len(y.Data), rows)
	}
	for i := 0; i < len(y.Data); i += 4 {
		if got := math.Float32frombits(binary.LittleEndian.Uint32(y.Data[i:])); got != 2*value {
			t.Errorf("answer %v for %v", got, value)
		}
	}
	return nil
}

func TestCallersGetTheirOwnRowsOfOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{}
		q := start(t, b, scheduler.Options{MaxBatchSize: 64, MaxQueueDelay: time.Millisecond})
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if err := ask(t.Context(), t, q, 1+i%3, float32(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := b.Sizes(); !slices.Equal(got, []int{19}) {
			t.Errorf("runs of %v rows, want one of 19", got)
		}
		if s := q.Stats(); s.Success.Count != 10 || s.Rows != 19 || s.Executions != 1 {
			t.Errorf("counted %d requests, %d rows, %d runs", s.Success.Count, s.Rows, s.Executions)
		}
	})
}

func TestPartialBatchGoesWhenItsDelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{}, scheduler.Options{MaxBatchSize: 8, MaxQueueDelay: 5 * time.Millisecond})
		before := time.Now()
		if err := ask(t.Context(), t, q, 1, 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took != 5*time.Millisecond {
			t.Errorf("a lone request took %v, want exactly its delay", took)
		}
	})
}

func TestBatchGrowsWhileTheLaneIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{Delay: func(int) time.Duration { return 10 * time.Millisecond }}
		q := start(t, b, scheduler.Options{MaxBatchSize: 4})
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _ = ask(t.Context(), t, q, 1, 3) })
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if got := b.Sizes(); !slices.Equal(got, []int{1, 4, 1}) {
			t.Errorf("runs of %v rows, want 1, 4 and 1", got)
		}
	})
}

func TestModelThatDoesNotBatchRunsOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{Delay: func(int) time.Duration { return time.Millisecond }}
		q := start(t, b, scheduler.Options{Instances: 2})
		before := time.Now()
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _ = ask(t.Context(), t, q, 3, 3) })
		}
		wg.Wait()
		if took := time.Since(before); took != 3*time.Millisecond {
			t.Errorf("6 requests of 1 ms on 2 instances took %v", took)
		}
		if got := b.Sizes(); !slices.Equal(got, []int{3, 3, 3, 3, 3, 3}) {
			t.Errorf("runs of %v rows", got)
		}
	})
}

func TestOnlyTheGuiltyRequestOfABatchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poison := math.Float32bits(13)
		b := &fake.Backend{Fault: func(_ int, b *backend.Batch) error {
			for d := b.Inputs[0].Data; len(d) > 0; d = d[4:] {
				if binary.LittleEndian.Uint32(d) == poison {
					return errors.New("index 13 is out of range")
				}
			}
			return nil
		}}
		q := start(t, b, scheduler.Options{MaxBatchSize: 64, MaxQueueDelay: time.Millisecond})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				err := ask(t.Context(), t, q, 1, float32(i))
				if i == 13 && !errors.Is(err, infer.ErrExecution) || i != 13 && err != nil {
					t.Errorf("request %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestWrongNumberOfRowsFailsLoudly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Rows: func(rows int) int { return rows + 1 }}, scheduler.Options{MaxBatchSize: 4})
		if err := ask(t.Context(), t, q, 2, 1); !errors.Is(err, infer.ErrExecution) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPanicInTheBackendIsOneFailedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{Fault: func(run int, _ *backend.Batch) error {
			if run == 1 {
				panic("boom")
			}
			return nil
		}}
		q := start(t, b, scheduler.Options{MaxBatchSize: 4})
		if err := ask(t.Context(), t, q, 1, 1); !errors.Is(err, infer.ErrExecution) {
			t.Errorf("got %v", err)
		}
		if err := ask(t.Context(), t, q, 1, 1); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}

func TestLostInstanceIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{}
		made := 0
		b.InstanceError = func(backend.Device) error {
			if made++; made == 2 {
				return errors.New("the device is resetting")
			}
			return nil
		}
		b.Fault = func(run int, _ *backend.Batch) error {
			if run == 1 {
				return infer.ErrInstanceLost
			}
			return nil
		}
		q := start(t, b, scheduler.Options{})
		if err := ask(t.Context(), t, q, 1, 1); !errors.Is(err, infer.ErrInstanceLost) {
			t.Errorf("got %v", err)
		}
		if err := ask(t.Context(), t, q, 1, 1); err != nil {
			t.Errorf("after the loss: %v", err)
		}
		if made != 3 {
			t.Errorf("made %d instances, want the first, a failure and the second", made)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return time.Second }}, scheduler.Options{MaxBatchSize: 1, Levels: []scheduler.Level{{MaxSize: 2}}})
		var wg sync.WaitGroup
		var full int
		var mu sync.Mutex
		for range 5 {
			wg.Go(func() {
				if err := ask(t.Context(), t, q, 1, 1); errors.Is(err, infer.ErrQueueFull) {
					mu.Lock()
					full++
					mu.Unlock()
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if full != 2 {
			t.Errorf("%d of 5 refused, want 2: one runs and two wait", full)
		}
		if got := q.Stats().Failure["REJECTED"].Count; got != 2 {
			t.Errorf("counted %d rejected", got)
		}
	})
}

func TestExpiredRequestIsAnsweredOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return time.Second }},
			scheduler.Options{MaxBatchSize: 1, Levels: []scheduler.Level{{Timeout: 20 * time.Millisecond, TimeoutOverride: true}}})
		var wg sync.WaitGroup
		wg.Go(func() { _ = ask(t.Context(), t, q, 1, 1) })
		synctest.Wait()
		for _, tt := range []struct{ wish, want time.Duration }{
			{0, 20 * time.Millisecond}, {5 * time.Millisecond, 5 * time.Millisecond}, {time.Minute, 20 * time.Millisecond},
		} {
			before := time.Now()
			req := request(1, 1)
			req.Timeout = tt.wish
			if _, err := q.Infer(t.Context(), req); !errors.Is(err, infer.ErrTimeout) {
				t.Errorf("timeout %v: got %v", tt.wish, err)
			}
			if took := time.Since(before); took != tt.want {
				t.Errorf("timeout %v: answered after %v, want %v", tt.wish, took, tt.want)
			}
		}
		wg.Wait()
	})
}

func TestCallerWhoLeavesFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return time.Second }}, scheduler.Options{MaxBatchSize: 1, Levels: []scheduler.Level{{MaxSize: 1}}})
		var wg sync.WaitGroup
		wg.Go(func() { _ = ask(t.Context(), t, q, 1, 1) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := ask(ctx, t, q, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if got := q.Stats().Pending; got != 0 {
			t.Errorf("%d requests wait after their callers left", got)
		}
		wg.Wait()
	})
}

func TestRunStopsWhenAllItsCallersHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return time.Hour }}, scheduler.Options{MaxBatchSize: 8, MaxQueueDelay: time.Millisecond})
		before := time.Now()
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10*(i+1))*time.Millisecond)
				defer cancel()
				_ = ask(ctx, t, q, 1, 1)
			})
		}
		wg.Wait()
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took != 30*time.Millisecond {
			t.Errorf("the run ended after %v, want when the last caller left", took)
		}
	})
}

func TestRequestMemoryIsReleasedOnceByTheLastHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return time.Second }}, scheduler.Options{MaxBatchSize: 1})
		released := make(chan time.Time, 1)
		req := request(1, 1)
		req.Own(memory(func() { released <- time.Now() }))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := q.Infer(ctx, req)
		req.Release()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if when := <-released; when.Before(began.Add(time.Millisecond)) {
			t.Errorf("released after %v, while its caller held it", when.Sub(began))
		}
	})
}

type memory func()

func (m memory) Release() { m() }

func TestCloseAnswersEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, &fake.Backend{Delay: func(int) time.Duration { return 10 * time.Millisecond }}, scheduler.Options{MaxBatchSize: 1})
		var answered, stopped int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := ask(t.Context(), t, q, 1, 1)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					answered++
				case errors.Is(err, infer.ErrStopping):
					stopped++
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Millisecond)
		defer cancel()
		if err := q.Close(ctx); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if answered != 3 || stopped != 7 {
			t.Errorf("%d answered and %d refused, want 3 within the drain and 7 after", answered, stopped)
		}
		if err := ask(t.Context(), t, q, 1, 1); !errors.Is(err, infer.ErrStopping) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Closing while callers arrive must answer each of them, whichever side wins.
func TestCloseRacesWithCallers(t *testing.T) {
	for range 50 {
		b := &fake.Backend{}
		q := start(t, b, scheduler.Options{MaxBatchSize: 4, Instances: 2})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					if err := ask(context.Background(), t, q, 1, 1); err != nil {
						if !errors.Is(err, infer.ErrStopping) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
