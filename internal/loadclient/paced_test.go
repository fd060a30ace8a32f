package loadclient_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"galatea/internal/loadclient"
)

func TestAPacedLoadSendsWhatIsDue(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	for _, threads := range []int{1, 3} {
		r, err := loadclient.Run(t.Context(), loadclient.Options{
			Address: address, Requests: [][]byte{post("")}, Connections: 4, Threads: threads, Rate: 400,
			WarmUp: 25 * time.Millisecond, Duration: 50 * time.Millisecond, Patience: time.Minute,
		})
		if err != nil || r.Errors != 0 {
			t.Fatal(r.First, err)
		}
		// Due every 2.5 ms from 0 to 72.5 ms, the first ten of them in the warm-up.
		if r.Answers != 20 || r.Total != 30 || r.Latency.Count() != 20 {
			t.Errorf("%d threads: %d answers measured, %d timed, of %d", threads, r.Answers, r.Latency.Count(), r.Total)
		}
		if r.Elapsed < 50*time.Millisecond {
			t.Errorf("took %v", r.Elapsed)
		}
	}
}

func TestAPacedLoadEndsAtItsRequests(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: address, Requests: [][]byte{post("")}, Connections: 2, Rate: 1000, Duration: time.Hour, MaxRequests: 7,
	})
	if err != nil || r.Errors != 0 || r.Answers != 7 || r.Elapsed > time.Minute {
		t.Errorf("%d answers in %v, %v, %v", r.Answers, r.Elapsed, r.First, err)
	}
}

// A server that holds its first answer makes those wait that are due meanwhile, though
// the only connection cannot send them: their latency says so.
func TestWaitingForAConnectionCounts(t *testing.T) {
	const held = 100 * time.Millisecond
	var first atomic.Bool
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if first.CompareAndSwap(false, true) {
			timer := time.NewTimer(held)
			<-timer.C
		}
		_, _ = w.Write([]byte("ok"))
	})
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: address, Requests: [][]byte{post("")}, Connections: 1, Rate: 100, Duration: 50 * time.Millisecond, Patience: time.Minute,
	})
	if err != nil || r.Errors != 0 {
		t.Fatal(r.First, err)
	}
	// Due at 0, 10, 20, 30 and 40 ms; none can be answered before 100 ms.
	if r.Answers != 5 || r.Latency.Quantile(0) < 58*time.Millisecond || r.Latency.Max() < 98*time.Millisecond {
		t.Errorf("%d answers after %v to %v", r.Answers, r.Latency.Quantile(0), r.Latency.Max())
	}
	if r.Elapsed < 98*time.Millisecond {
		t.Errorf("the rate is over %v, though the last answer came later", r.Elapsed)
	}
}

func TestWhatWasDueAndCouldNotBeSentIsAnError(t *testing.T) {
	quit := make(chan struct{})
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-quit
	})
	t.Cleanup(func() { close(quit) })
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: address, Requests: [][]byte{post("")}, Connections: 2, Rate: 1000, Duration: 10 * time.Millisecond, Patience: time.Millisecond,
	})
	if err != nil || r.Answers != 0 || r.Errors != 1 {
		t.Fatalf("%d answers, %d errors, %v", r.Answers, r.Errors, err)
	}
	if want := "10 requests are still without an answer"; r.First.Error() != want {
		t.Errorf("%q, want %q", r.First, want)
	}
}
