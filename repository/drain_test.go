package repository

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

// holding makes every servable keep its requests until the channel is closed.
func holding(hold chan struct{}) func(*bench) {
	return func(b *bench) { b.loader.dress = func(s *fakeServable) { s.hold = hold } }
}

func TestDrainWaitsForTheLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := begin(t, Options{}, files(latest, "1=a"), holding(hold))
		answers := make(chan string, 2)
		ask := func() {
			r, err := b.router.Infer(t.Context(), &infer.Request{Model: model("m")})
			if err != nil {
				t.Error(err)
				return
			}
			answers <- r.Model.Digest
		}
		go ask()
		synctest.Wait()
		b.has(files(latest, "1=b"))
		go ask()
		b.after(29 * time.Second)
		b.shows("m/1 READY")
		if b.loader.nth(0).closed.Load() != 0 {
			t.Error("closed with a request in it")
		}
		close(hold)
		if got := <-answers + <-answers; got != "ab" && got != "ba" {
			t.Errorf("%s answered", got)
		}
		synctest.Wait()
		if b.loader.nth(0).closed.Load() != 1 {
			t.Error("not closed after its last request")
		}
	})
}

func TestDrainEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := begin(t, Options{DrainTimeout: 10 * time.Second}, files(latest, "m/1=a, n/1=x"), holding(hold))
		go func() { _, _ = b.router.Infer(t.Context(), &infer.Request{Model: model("m")}) }()
		synctest.Wait()
		b.has(files(latest, "n/1=x"))
		b.shows("m/1 UNLOADING", "n/1 READY")
		if b.ready() != [2]bool{true, true} {
			t.Error("what goes on purpose counts against strict readiness")
		}
		if _, err := b.router.Acquire(infer.Ref{Name: "m", Version: 1}); !errors.Is(err, infer.ErrNotReady) {
			t.Errorf("got %v", err)
		}
		b.after(10*time.Second - 1)
		b.shows("m/1 UNLOADING", "n/1 READY")
		b.after(1)
		b.shows("n/1 READY")
		close(hold) // the request that outlasted it; its lease still counts
		synctest.Wait()
		if _, err := b.router.Acquire(model("m")); !errors.Is(err, infer.ErrUnknownModel) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDrainGivesCloseWhatIsLeftOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		b := begin(t, Options{DrainTimeout: 10 * time.Second}, files(latest, "1=a"), func(b *bench) {
			b.loader.dress = func(s *fakeServable) {
				s.close = func(ctx context.Context) error {
					deadline, _ := ctx.Deadline()
					left = time.Until(deadline)
					return nil
				}
			}
		})
		lease, err := b.router.Acquire(model("m"))
		if err != nil {
			t.Fatal(err)
		}
		b.has(nil)
		b.after(4 * time.Second)
		lease.Release()
		synctest.Wait()
		if left != 6*time.Second {
			t.Errorf("%v left", left)
		}
	})
}

func TestCloseThatFailsOrPanicsIsTheEndAllTheSame(t *testing.T) {
	for name, end := range map[string]func(context.Context) error{
		"fails":  func(context.Context) error { return errBoom },
		"panics": func(context.Context) error { panic("oh") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) {
					b.loader.dress = func(s *fakeServable) { s.close = end }
				})
				b.has(nil)
				b.shows()
			})
		})
	}
}

func TestShutdownDrainsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := begin(t, Options{LoadThreads: 2}, files(everything, "a/1=w, a/2=x, b/1=slow, c/1=stubborn, d/1=bad, e/1=late"), holding(hold), func(b *bench) {
			b.loader.on("slow", lasting(time.Minute))
			b.loader.on("stubborn", func(context.Context, func(State)) error { time.Sleep(5 * time.Second); return nil })
			b.loader.on("bad", failing(errBoom))
		})
		b.shows("a/1 READY", "a/2 READY", "b/1 LOADING", "c/1 LOADING", "d/1 LOADING: waiting for other models to load", "e/1 LOADING: waiting for other models to load")
		done := make(chan error, 1)
		go func() {
			_, err := b.router.Infer(t.Context(), &infer.Request{Model: model("a")})
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		b.cancel()
		b.after(2 * time.Second)
		b.shows("a/2 UNLOADING", "c/1 LOADING")
		if _, err := b.router.Acquire(model("a")); !errors.Is(err, infer.ErrNoVersion) {
			t.Errorf("a request after the end: %v", err)
		}
		close(hold)
		if err := <-done; err != nil {
			t.Error(err)
		}
		<-b.done
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if b.passed() {
			t.Error("the first pass has ended with the shutdown")
		}
		b.shows()
	})
}

func TestShutdownDuringAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) { b.source.delay = time.Minute })
		b.cancel()
		<-b.done
		if len(b.loader.made) != 0 {
			t.Error("something was loaded")
		}
	})
}

func TestShutdownBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) { b.source.delay = time.Second })
		b.has(files(latest, "1=b"))
		b.cancel()
		<-b.done
	})
}

func TestResourceOrderHoldsWhileALoadIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Policy{Latest: 1}
		p.Rollout.ResourceFirst = true
		tries := 0
		b := begin(t, Options{}, trying(p, 1, "a"), func(b *bench) {
			b.loader.on("b", func(context.Context, func(State)) error {
				for _, s := range b.loader.made {
					if s.closed.Load() == 0 {
						t.Errorf("try %d beside %v", tries+1, s.id)
					}
				}
				if tries++; tries < 3 {
					return errBoom
				}
				return nil
			})
		})
		b.has(trying(p, 1, "a", 2, "b"))
		b.after(time.Minute)
		b.serves(model("m"), "b")

		b.loader.on("c", failing(errBoom))
		b.has(trying(p, 1, "a", 2, "b", 3, "c"))
		b.after(time.Minute)
		b.serves(model("m"), "b") // once the newest is given up
	})
}
