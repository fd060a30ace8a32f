package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
	"galatea/repository"
)

// lanes is a loaded version with the given lanes.
type lanes []infer.LaneStats

func (l *lanes) Each(f func(repository.Info)) {
	f(repository.Info{ID: infer.ID{Name: "digits", Version: 2}, Stats: infer.Stats{Lanes: *l, Pending: 7}})
}

func TestWatchdogNamesAStuckLaneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		models := &lanes{{}, {BusySince: time.Now()}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			watchdog(ctx, models, slog.New(slog.NewTextHandler(&text, nil)))
		}()
		time.Sleep(stuckAfter - time.Second)
		synctest.Wait()
		if text.Len() > 0 {
			t.Errorf("too early: %s", text.String())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := text.String()
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, "model=digits version=2 instance=1") || !strings.Contains(got, "waiting=7") {
			t.Errorf("want one line that names the lane, got %q", got)
		}
		(*models)[1].BusySince = time.Now() // another execution
		time.Sleep(time.Minute)
		synctest.Wait()
		if strings.Count(text.String(), "\n") != 2 {
			t.Errorf("the next stuck execution is not named: %q", text.String())
		}
		cancel()
		<-done
	})
}
