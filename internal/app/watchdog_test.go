package app

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
	"galatea/repository"
)

// lanes is a loaded version with two lanes, the second of which runs.
type lanes struct{ began atomic.Pointer[time.Time] }

func (l *lanes) run() {
	now := time.Now()
	l.began.Store(&now)
}

func (l *lanes) Each(f func(repository.Info)) {
	f(repository.Info{ID: infer.ID{Name: "digits", Version: 2}, Stats: infer.Stats{Lanes: []infer.LaneStats{{}, {BusySince: *l.began.Load()}}, Pending: 7}})
}

// record keeps what is logged.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func TestWatchdogNamesAStuckLaneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text record
		models := &lanes{}
		models.run()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			watchdog(ctx, models, slog.New(slog.NewTextHandler(&text, nil)))
		}()
		time.Sleep(stuckAfter - time.Second)
		synctest.Wait()
		if text.String() != "" {
			t.Errorf("too early: %s", text.String())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := text.String()
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, "model=digits version=2 instance=1") || !strings.Contains(got, "waiting=7") {
			t.Errorf("want one line that names the lane, got %q", got)
		}
		models.run() // another execution
		time.Sleep(time.Minute)
		synctest.Wait()
		if strings.Count(text.String(), "\n") != 2 {
			t.Errorf("the next stuck execution is not named: %q", text.String())
		}
		cancel()
		<-done
	})
}
