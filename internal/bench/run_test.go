package bench_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"galatea/internal/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// takes is a target whose every answer takes so long.
func takes(d time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// near reports whether a duration is another, as exactly as a histogram counts.
func near(got, want time.Duration) bool { return got > want*98/100 && got < want*102/100 }

func TestCallersAskAgainWhenTheyHaveTheirAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bench.Run(t.Context(), takes(10*time.Millisecond), bench.Load{Callers: 4, WarmUp: time.Second, Duration: 2 * time.Second})
		if r.Answers != 800 || r.Failed() != 0 || !near(r.Latency.Quantile(0.99), 10*time.Millisecond) || r.Rate() < 395 || r.Rate() > 401 {
			t.Errorf("%d answers, %v failed, p99 %v, %v/s", r.Answers, r.Errors, r.Latency.Quantile(0.99), r.Rate())
		}
	})
}

func TestRequestsThatAreDueCountFromThenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bench.Run(t.Context(), takes(10*time.Millisecond), bench.Load{Callers: 100, Rate: 500, Duration: 2 * time.Second})
		if r.Answers != 1000 || !near(r.Latency.Quantile(0.99), 10*time.Millisecond) {
			t.Errorf("%d answers, p99 %v", r.Answers, r.Latency.Quantile(0.99))
		}
		// One caller can get 100 answers a second: those that are due twice as often wait.
		r = bench.Run(t.Context(), takes(10*time.Millisecond), bench.Load{Callers: 1, Rate: 200, Duration: time.Second})
		if r.Answers != 200 || !near(r.Latency.Max(), 10*time.Millisecond+995*time.Millisecond) || r.Rate() > 101 {
			t.Errorf("%d answers, the longest %v, %v/s", r.Answers, r.Latency.Max(), r.Rate())
		}
	})
}

func TestErrorsAreCountedByTheirWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := bench.Run(t.Context(), func(ctx context.Context, i int) error {
			if err := takes(time.Millisecond)(ctx, i); err != nil {
				return err
			}
			if n.Add(1)%4 == 0 {
				return errors.New("503 full")
			}
			return nil
		}, bench.Load{Callers: 1, Duration: time.Second})
		if r.Answers != 750 || r.Errors["503 full"] != 250 || r.Latency.Count() != 750 {
			t.Errorf("%d answers, %v", r.Answers, r.Errors)
		}
	})
}

func TestAnInterruptedLoadSaysWhatWasMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := bench.Run(ctx, takes(10*time.Millisecond), bench.Load{Callers: 1, WarmUp: time.Second, Duration: time.Hour})
		if r.Answers < 198 || r.Answers > 200 || r.Failed() != 0 || !near(r.Elapsed, 2*time.Second) {
			t.Errorf("%d answers in %v, %v", r.Answers, r.Elapsed, r.Errors)
		}
	})
}
