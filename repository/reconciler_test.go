package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

func TestFailingLoadIsTriedAgainAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := begin(t, Options{LoadAttempts: 4}, files(latest, "1=bad"), func(b *bench) {
			b.loader.on("bad", failing(errBoom))
		})
		b.shows("m/1 UNAVAILABLE: boom (attempt 1; the next one at 2000-01-01T00:00:01Z)")
		b.after(time.Hour)
		b.shows("m/1 UNAVAILABLE: boom (given up after attempt 4)")
		var after []time.Duration
		for _, at := range b.loader.at {
			after = append(after, at.Sub(start))
		}
		if want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}; !slices.Equal(after, want) {
			t.Errorf("tried after %v, want %v", after, want)
		}
		b.has(files(latest, "1=good"))
		b.serves(model("m"), "good")
	})
}

func TestFailingLoadThatWorksLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"))
		b.loader.on("b", failing(errBoom))
		b.has(files(latest, "1=a, 2=b"))
		b.serves(model("m"), "a")
		b.shows("m/1 READY", "m/2 UNAVAILABLE: boom (attempt 1; the next one at 2000-01-01T00:00:01Z)")
		b.loader.on("b", lasting(time.Second))
		b.after(1500 * time.Millisecond)
		b.shows("m/1 READY", "m/2 LOADING: attempt 2, after: boom")
		b.after(time.Second)
		b.shows("m/1 UNAVAILABLE: unloaded", "m/2 READY")
		b.serves(model("m"), "b")
		b.has(files(latest, "2=c"))
		b.shows("m/2 READY")
		if b.loader.count("a") != 1 {
			t.Error("the older version was loaded again")
		}
	})
}

func TestFailingNewestAtAColdStartIsStoodInFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a, 2=b"), func(b *bench) {
			b.loader.on("a", lasting(1500*time.Millisecond))
			b.loader.on("b", failing(errBoom))
		})
		b.after(1500 * time.Millisecond)
		b.serves(model("m"), "a")
		if b.loader.count("b") != 2 || b.loader.count("a") != 1 {
			t.Errorf("%d loads of the newest, %d of the stand-in", b.loader.count("b"), b.loader.count("a"))
		}
		b.after(time.Minute)
		b.shows("m/1 READY", "m/2 UNAVAILABLE: boom (given up after attempt 3)")
	})
}

func TestTerminalFailureIsNotTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(context.Context, func(State)) error
		reason string
	}{
		{"an error that says so", failing(fmt.Errorf("load: %w", Terminal(errBoom))), "load: boom"},
		{"a panic in the loader", func(context.Context, func(State)) error { panic("oh") }, "panic while loading: oh"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, Options{}, files(latest, "a/1=bad, b/1=x"), func(b *bench) { b.loader.on("bad", row.before) })
				b.after(time.Hour)
				b.shows("a/1 UNAVAILABLE: "+row.reason, "b/1 READY")
				if n := b.loader.count("bad"); n != 1 {
					t.Errorf("tried %d times", n)
				}
			})
		})
	}
}

func TestTerminalKeepsTheTextAndTheCause(t *testing.T) {
	err := Terminal(errBoom)
	if err.Error() != "boom" || !errors.Is(err, ErrTerminal) || !errors.Is(err, errBoom) {
		t.Errorf("got %v", err)
	}
}

func TestLoaderThatReturnsNothingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{changed: make(chan struct{}, 1), desired: files(latest, "1=a")}
		router := NewRouter()
		r := New(source, func(context.Context, Desired, func(State)) (Servable, error) { return nil, nil }, router, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		<-r.FirstPass()
		if rows := router.Index(); len(rows) != 1 || rows[0].Reason != "the loader returned nothing" {
			t.Errorf("got %v", rows)
		}
		cancel()
	})
}

func TestPhasesOnlyMoveForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) {
			b.loader.on("a", func(_ context.Context, phase func(State)) error {
				for _, s := range []State{Loading, Warming, Ready, Loading, Pending, Gone} {
					phase(s)
					time.Sleep(time.Second)
				}
				return nil
			})
		})
		for range 6 {
			b.shows("m/1 LOADING")
			b.after(time.Second)
		}
		b.shows("m/1 READY")
	})
}

func TestLoadIsCancelledWhenItsFolderGoesAway(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(ended chan<- error) func(context.Context, func(State)) error
	}{
		{"a loader that listens", func(ended chan<- error) func(context.Context, func(State)) error {
			return func(ctx context.Context, _ func(State)) error {
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
		}},
		{"a loader that does not -> its result is drained", func(ended chan<- error) func(context.Context, func(State)) error {
			return func(ctx context.Context, _ func(State)) error {
				time.Sleep(time.Minute)
				ended <- ctx.Err()
				return nil
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 1)
				b := begin(t, Options{}, files(latest, "1=a"))
				b.loader.on("b", row.before(ended))
				b.has(files(latest, "1=a, 2=b"))
				b.shows("m/1 READY", "m/2 LOADING")
				b.has(files(latest, "1=a"))
				b.serves(model("m"), "a")
				b.serves(infer.Ref{Name: "m", Version: 2}, "")
				b.after(time.Minute)
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("the load's ctx says %v", err)
				}
				b.shows("m/1 READY")
				b.serves(model("m"), "a")
			})
		})
	}
}

func TestLoadOfFilesThatChangeMeanwhileIsNeverPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) {
			b.loader.on("a", func(context.Context, func(State)) error { time.Sleep(time.Minute); return nil })
		})
		b.after(time.Second)
		b.has(files(latest, "1=b settling"))
		b.has(files(latest, "1=a")) // as they were; but what was read may be half of both
		b.after(time.Minute - time.Second)
		b.shows("m/1 LOADING")
		if b.loader.nth(0).closed.Load() != 1 {
			t.Error("the first load's result is not closed")
		}
		b.after(time.Minute)
		b.serves(model("m"), "a")
		if n := b.loader.count("a"); n != 2 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestLoadThatWasCancelledAndIsWantedAgainIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) {
			b.loader.on("a", func(ctx context.Context, _ func(State)) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return ctx.Err()
			})
		})
		b.has(files(latest, "1=b settling"))
		b.has(files(latest, "1=a"))
		b.loader.on("a", nil)
		b.after(time.Second)
		b.shows("m/1 READY")
	})
}

func TestFailedFilesThatMoveAreTriedAtTheirNewPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) { b.loader.on("a", failing(errBoom)) })
		moved := files(latest, "1=a")
		moved[0].Root = "/moved"
		b.has(moved)
		b.loader.on("a", nil)
		b.after(time.Second)
		if row := b.router.Index()[0]; row.State != StateReady || row.Root != "/moved" {
			t.Errorf("got %+v", row)
		}
	})
}

func TestLoadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{LoadThreads: 2}, files(latest, "a/1=w, b/1=x, c/1=y, d/1=z"), func(b *bench) {
			for _, digest := range []string{"w", "x", "y", "z"} {
				b.loader.on(digest, func(ctx context.Context, phase func(State)) error {
					phase(Warming)
					return lasting(time.Minute)(ctx, phase)
				})
			}
		})
		b.shows("a/1 LOADING", "b/1 LOADING", "c/1 LOADING: waiting for other models to load", "d/1 LOADING: waiting for other models to load")
		b.has(files(latest, "a/1=w, b/1=x, c/1=y"))
		b.shows("a/1 LOADING", "b/1 LOADING", "c/1 LOADING: waiting for other models to load")
		b.has(files(latest, "a/1=w, b/1=x, c/1=y, d/1=z"))
		b.after(time.Minute)
		b.shows("a/1 READY", "b/1 READY", "c/1 LOADING", "d/1 LOADING")
		if b.passed() {
			t.Error("the first pass has ended")
		}
		b.after(time.Minute)
		if b.loader.most != 2 || !b.passed() {
			t.Errorf("%d loads at a time", b.loader.most)
		}
	})
}

func TestFailureIsTriedAgainOnceAWorkerIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{LoadThreads: 1}, files(latest, "a/1=bad, b/1=slow"), func(b *bench) {
			b.loader.on("bad", failing(errBoom))
			b.loader.on("slow", lasting(time.Minute))
		})
		b.after(30 * time.Second)
		b.loader.on("bad", nil)
		b.shows("a/1 UNAVAILABLE: boom (attempt 1; the next one at 2000-01-01T00:00:01Z)", "b/1 LOADING")
		b.after(30 * time.Second)
		b.shows("a/1 READY", "b/1 READY")
	})
}

func TestSourceErrorKeepsWhatServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"))
		b.source.set(nil, errBoom)
		b.source.poke()
		b.after(time.Second / 2)
		b.serves(model("m"), "a")
		b.shows("m/1 READY")
		b.source.set(files(latest, "1=b"), nil)
		b.after(time.Second) // it looks again by itself
		b.serves(model("m"), "b")
	})
}

func TestSourceErrorAtStartIsNotAnEmptyRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{Mode: ModeNone}, nil, func(b *bench) { b.source.set(nil, errBoom) })
		b.after(10 * time.Minute)
		if b.passed() || b.router.Ready(false) {
			t.Error("the first pass has ended without a look at the repository")
		}
		if n := b.source.scanned(); n < 30 || n > 60 {
			t.Errorf("looked %d times in ten minutes", n)
		}
		b.source.set(files(latest, "1=a"), nil)
		b.after(lastRescan)
		b.serves(model("m"), "a")
	})
}

func TestChangesDuringAScanLeadToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) { b.source.delay = time.Second })
		b.has(files(latest, "1=b"))
		b.has(files(latest, "1=c"))
		b.after(2 * time.Second)
		b.serves(model("m"), "c")
		if n := b.source.scanned(); n != 2 {
			t.Errorf("%d scans", n)
		}
	})
}

func TestModeNoneLooksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{Mode: ModeNone}, files(latest, "1=a, 2=b settling"))
		b.has(files(latest, "1=a, 2=b"))
		b.serves(model("m"), "b")
		b.has(files(latest, "1=a, 2=c"))
		b.serves(model("m"), "b")
		if n := b.source.scanned(); n != 2 {
			t.Errorf("%d scans", n)
		}
	})
}

func TestForcedLoadInModeNoneLeavesOtherModelsAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{Mode: ModeNone}, files(latest, "a/1=x, b/1=y"))
		b.source.set(files(latest, "a/1=x, b/1=changed, c/1=z"), nil)
		if err := b.Reload(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		b.serves(model("a"), "x#1")
		b.shows("a/1 READY", "b/1 READY")
		b.serves(model("b"), "y")
		if err := b.Reload(t.Context(), "nobody"); !errors.Is(err, infer.ErrUnknownModel) {
			t.Errorf("a model that is not there: %v", err)
		}
	})
}

func TestOtherModesRefuseLoadAndUnload(t *testing.T) {
	for _, mode := range []Mode{"", ModeNone, ModePoll} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, Options{Mode: mode}, files(latest, "1=a"))
				if err := b.Load(t.Context(), "m"); !errors.Is(err, ErrMode) {
					t.Errorf("load: %v", err)
				}
				if err := b.Unload(t.Context(), "m"); !errors.Is(err, ErrMode) {
					t.Errorf("unload: %v", err)
				}
				if want := cmp.Or(mode, ModePoll); b.Mode() != want {
					t.Errorf("mode %s, want %s", b.Mode(), want)
				}
				b.serves(model("m"), "a")
			})
		})
	}
}

func TestWaitingCostsNothing(t *testing.T) {
	// Whatever is overdue and cannot be done must not make the loop spin: with a bubble's
	// clock that would never reach the hour.
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{LoadThreads: 1}, files(latest, "a/1=bad, b/1=slow, c/1=x settling"), func(b *bench) {
			b.loader.on("bad", failing(errBoom))
			b.loader.on("slow", lasting(2*time.Hour))
		})
		before := b.router.table.Load()
		b.after(20 * time.Second)
		published := b.router.table.Load()
		b.after(50 * time.Minute)
		if b.router.table.Load() != published {
			t.Error("a table was published while nothing happened")
		}
		if before == published {
			t.Error("no table was published for the retry that was due, or for the grace that ended")
		}
	})
}
