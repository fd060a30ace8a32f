package repository

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"galatea/infer"
)

// TestChurn replaces what serves hundreds of times under many callers: new files under
// a number, new numbers, removals. No request may fail; fakeServable sees to it that
// none reaches a closed version, and that each is closed once.
func TestChurn(t *testing.T) {
	const replacements, callers = 1000, 8
	source := &fakeSource{changed: make(chan struct{}, 1)}
	closed := make(chan struct{}, replacements)
	loader := newFakeLoader(t)
	loader.dress = func(s *fakeServable) {
		s.close = func(context.Context) error { closed <- struct{}{}; return nil }
	}
	router := NewRouter()
	r := New(source, loader.load, router, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var reconciler, group sync.WaitGroup
	digest := func(i int) string { return fmt.Sprint("d", i) }
	source.set(files(latest, "1="+digest(0)), nil)
	reconciler.Go(func() { r.Run(ctx) })
	<-r.FirstPass()

	var stop atomic.Bool
	answers := make(chan struct{}, callers)
	for i := range callers {
		group.Go(func() {
			for !stop.Load() {
				if err := call(t.Context(), router, i%2 == 0); err != nil {
					t.Error(err)
					return
				}
				select {
				case answers <- struct{}{}:
				default:
				}
				runtime.Gosched() // few processors, and the reconciler needs one
			}
		})
	}
	version := 1
	for i := 1; i <= replacements; i++ {
		text := ""
		switch i % 4 {
		case 0, 1: // other files under the same number
			text = fmt.Sprintf("%d=%s", version, digest(i))
		case 2: // a newer version
			version++
			text = fmt.Sprintf("%d=%s, %d=%s", version-1, digest(i-1), version, digest(i))
		case 3: // which is removed again
			version--
			text = fmt.Sprintf("%d=%s", version, digest(i))
		}
		source.set(files(latest, text), nil)
		source.poke()
		<-closed // the one before
		for range callers {
			<-answers
		}
	}
	stop.Store(true)
	group.Wait()
	cancel()
	reconciler.Wait()
	loader.leftOpen()
	if len(loader.made) != replacements+1 {
		t.Errorf("%d generations", len(loader.made))
	}
}

// call asks for the model once, or twice under a lease, which has to be the same
// generation both times.
func call(ctx context.Context, router *Router, leased bool) error {
	if !leased {
		_, err := router.Infer(ctx, &infer.Request{Model: model("m")})
		return err
	}
	lease, err := router.Acquire(model("m"))
	if err != nil {
		return err
	}
	defer lease.Release()
	for range 2 {
		response, err := lease.Infer(ctx, &infer.Request{})
		if err != nil {
			return err
		}
		if response.Model != lease.ID() {
			return fmt.Errorf("%v answers under a lease of %v", response.Model, lease.ID())
		}
	}
	return nil
}
