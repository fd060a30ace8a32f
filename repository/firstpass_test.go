package repository

import (
	"testing"
	"testing/synctest"
	"time"
)

// ready reports both kinds of readiness.
func (b *bench) ready() [2]bool { return [2]bool{b.router.Ready(false), b.router.Ready(true)} }

func (b *bench) passed() bool {
	select {
	case <-b.FirstPass():
		return true
	default:
		return false
	}
}

func TestFirstPassEndsWhenEverythingIsReadyOrHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(latest, "a/1=x, b/1=slow, c/1=bad"), func(b *bench) {
			b.loader.on("slow", lasting(time.Minute))
			b.loader.on("bad", failing(Terminal(errBoom)))
		})
		if b.passed() || b.ready() != [2]bool{} {
			t.Error("it has ended while b loads")
		}
		b.serves(model("a"), "x")
		b.shows("a/1 READY", "b/1 LOADING", "c/1 UNAVAILABLE: boom")
		b.after(time.Minute)
		if !b.passed() || b.ready() != [2]bool{true, false} {
			t.Errorf("it has not ended, or c counts as ready: %v", b.ready())
		}
		b.has(files(latest, "a/1=x, b/1=slow"))
		if b.ready() != [2]bool{true, true} {
			t.Error("not strictly ready without c")
		}
		b.has(files(latest, "a/1=x, b/1=slow, d/1=bad"))
		if b.ready() != [2]bool{true, false} {
			t.Error("a bad drop after the first pass turns ready false, or leaves strict true")
		}
	})
}

func TestFirstPassOfAnEmptyRepositoryEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, nil)
		if !b.passed() || b.ready() != [2]bool{true, true} {
			t.Error("it has not ended")
		}
	})
}

func TestFirstPassWaitsForSettlingFilesAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{SettleGrace: 5 * time.Second}, files(latest, "1=a settling"))
		b.after(5*time.Second - 1)
		if b.passed() {
			t.Error("it does not wait")
		}
		b.after(1)
		if !b.passed() {
			t.Error("it still waits")
		}
		b.shows("m/1 LOADING: waiting until its files stop changing")
		if b.ready() != [2]bool{true, false} {
			t.Errorf("got %v", b.ready())
		}
		b.has(files(latest, "1=a"))
		b.shows("m/1 READY")
	})
}

func TestFirstPassEndsWithTheLoadThatWasSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{Mode: ModeNone}, files(latest, "1=a settling"), func(b *bench) {
			b.loader.on("a", lasting(time.Minute))
		})
		b.after(time.Second)
		b.has(files(latest, "1=a"))
		b.after(time.Minute - 1)
		if b.passed() {
			t.Error("it has ended while a version loads")
		}
		b.after(1)
		if !b.passed() {
			t.Error("it has not ended")
		}
	})
}
