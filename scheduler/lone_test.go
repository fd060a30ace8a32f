package scheduler

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"galatea/backend"
)

// A lane is offered to callers who come alone, and to nobody when they come together.
func TestLaneIsOfferedToThoseWhoComeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lanes := func(context.Context, int) (backend.Instance, error) { return newSlow(), nil }
		q, err := Start(t.Context(), lanes, Options{Signature: benchSignature, MaxBatchSize: benchRows})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() {
			resp, err := q.Infer(t.Context(), benchRequest())
			if err != nil {
				t.Error(err)
			}
			resp.Release()
		}
		for range 2 * fitKnown {
			ask()
		}
		synctest.Wait()
		if q.lone.offer.Load() == nil {
			t.Error("no lane is offered to a caller who comes alone")
		}
		for range 10 {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(ask)
			}
			wg.Wait()
		}
		synctest.Wait()
		if q.lone.offer.Load() != nil {
			t.Error("a lane is offered where callers come together")
		}
		if n := q.lone.queued.Load(); n != 0 {
			t.Errorf("%d calls are counted as queued, and none is", n)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// slow is an instance whose runs take a little while.
type slow struct{ *idle }

func newSlow() slow { return slow{newIdle()} }

func (s slow) Run(ctx context.Context, b *backend.Batch) error {
	<-afterAWhile(ctx)
	return s.idle.Run(ctx, b)
}

// afterAWhile is closed after 100 us, or when ctx ends.
func afterAWhile(ctx context.Context) <-chan struct{} {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Microsecond)
	context.AfterFunc(ctx, cancel)
	return ctx.Done()
}
