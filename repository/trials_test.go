package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"galatea/config"
	"galatea/infer"
	"galatea/tensor"
)

// canary is a policy under which new versions go on trial.
func canary() Policy {
	return Policy{Rollout: config.Plan{Strategy: config.StrategyCanary, Steps: []config.Step{{Percent: 5, Duration: time.Hour}}}}
}

// trying are versions of m under a policy, by number and digest.
func trying(p Policy, versions ...any) []Desired {
	var all []Desired
	for pair := range slices.Chunk(versions, 2) {
		all = append(all, Desired{Name: "m", Version: int64(pair[0].(int)), Digest: pair[1].(string), Root: "r", Policy: p})
	}
	return all
}

// refusing is a load that a check refuses.
func refusing() error { return &GateError{Gate: "golden", Err: errBoom} }

func TestOtherFilesUnderANumberOnTrialDoNotPromoteIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"))
		b.has(trying(canary(), 1, "a", 2, "b"))
		b.serves(model("m"), "a")

		settling := trying(canary(), 1, "a", 2, "c")
		settling[1].Settling = true
		b.has(settling)
		b.serves(model("m"), "a")

		b.has(trying(canary(), 1, "a", 2, "c"))
		b.serves(model("m"), "a")
		b.serves(infer.Ref{Name: "m", Version: 2}, "c")
		if trial, is := b.router.Trial("m"); !is || trial.Digest != "c" {
			t.Errorf("trial %+v, %v: want the new files'", trial, is)
		}
	})
}

func TestFilesRefusedUnderANumberOnTrialDoNotPromoteIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"), func(b *bench) { b.loader.on("c", failing(refusing())) })
		b.has(trying(canary(), 1, "a", 2, "b"))
		b.has(trying(canary(), 1, "a", 2, "c"))
		b.serves(model("m"), "a")
		b.after(time.Minute)
		b.serves(model("m"), "a")
	})
}

func TestOtherFilesUnderEveryNumberDoNotEndATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"), func(b *bench) { b.loader.on("a2", lasting(time.Second)) })
		b.has(trying(canary(), 1, "a", 2, "b"))
		b.has(trying(canary(), 1, "a2", 2, "b2")) // as another config has it
		b.serves(model("m"), "a")
		b.after(time.Minute)
		b.serves(model("m"), "a2")
		if trial, is := b.router.Trial("m"); !is || trial.Digest != "b2" || trial.Stable != 1 {
			t.Errorf("trial %+v, %v: want the new files'", trial, is)
		}
	})
}

func TestForcedLoadDuringATrialReplacesBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"))
		b.has(trying(canary(), 1, "a", 2, "b"))
		if err := b.Reload(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.serves(model("m"), "a#1")
		b.serves(infer.Ref{Name: "m", Version: 2}, "b#1")
		if open := len(b.loader.made) - 2; b.loader.nth(0).closed.Load() != 1 || b.loader.nth(1).closed.Load() != 1 || open != 2 {
			t.Errorf("the earlier generations are still there")
		}
	})
}

func TestRefusedVersionOfAModelLoadedByForceHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"), func(b *bench) { b.loader.on("c#1", failing(refusing())) })
		if err := b.Reload(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		b.has(trying(canary(), 1, "a", 2, "b", 3, "c"))
		b.after(time.Minute)
		b.serves(infer.Ref{Name: "m", Version: 2}, "b#1")
	})
}

func TestVersionOutsideThePolicyHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := canary()
		p.Specific = []int64{1, 2}
		b := begin(t, Options{}, trying(p, 1, "a"))
		b.has(trying(p, 1, "a", 2, "b", 3, "c"))
		b.serves(infer.Ref{Name: "m", Version: 2}, "b")
	})
}

func TestTrialAgainstAVersionThatIsRefusedAtARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := &Settings{Models: map[string]*ModelSettings{"m": {Accepted: []string{"a"}}}}
		b := begin(t, Options{Settings: settings}, trying(canary(), 1, "a", 2, "b"), func(b *bench) { b.loader.on("a", failing(refusing())) })
		b.after(time.Minute)
		b.serves(model("m"), "b")
	})
}

func TestOtherFilesOfTheVersionThatServesAtARestartKeepATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := &Settings{Models: map[string]*ModelSettings{}}
		b := begin(t, Options{Settings: settings}, trying(canary(), 1, "a"))
		b.has(trying(canary(), 1, "a", 2, "b"))
		b.end()
		b = begin(t, Options{Settings: settings}, trying(canary(), 1, "a2", 2, "b2"))
		b.serves(model("m"), "a2")
	})
}

func TestRollBackOfATrialThatStillLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, trying(canary(), 1, "a"), func(b *bench) { b.loader.on("b", lasting(time.Second)) })
		b.has(trying(canary(), 1, "a", 2, "b"))
		version, err := b.RollBack(t.Context(), "m", "bad")
		if err != nil || version != 2 {
			t.Errorf("rolled back %d, %v: want the version that is to be tried", version, err)
		}
		b.after(time.Minute)
		b.serves(model("m"), "a")
	})
}

func TestRefusedNameInTheStateIsNoCrash(t *testing.T) {
	for _, text := range []string{`{"models":{"m":{"labels":{"stable":null}}}}`, `{"models":{"m":{"trial":{"version":1,"digest":"a","step":-1}}}}`} {
		if _, err := LoadSettings(kept(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// kept is a Store that has a text.
type kept string

func (k kept) Load() ([]byte, error) { return []byte(k), nil }
func (kept) Save([]byte) error       { return nil }

func TestOlderVersionsWithOtherTensorsServeAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := &Settings{Models: map[string]*ModelSettings{"m": {Live: 2, Signature: &tensor.Signature{}}}}
		var mu sync.Mutex
		live := map[int64]bool{}
		source := &fakeSource{changed: make(chan struct{}, 1), desired: trying(Policy{All: true}, 1, "a", 2, "b", 3, "c")}
		loader := newFakeLoader(t)
		r := New(source, func(ctx context.Context, d Desired, phase func(State)) (Servable, error) {
			mu.Lock()
			live[d.Version] = d.Live != nil
			mu.Unlock()
			return loader.load(ctx, d, phase)
		}, NewRouter(), Options{Settings: settings})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		synctest.Wait()
		cancel()
		<-done
		if want := map[int64]bool{1: false, 2: true, 3: true}; !maps.Equal(live, want) {
			t.Errorf("compared with the version that served last: %v, want %v", live, want)
		}
	})
}

func TestWhatIsThereAtTheFirstStartNeedsNoTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := canary()
		p.All = true
		b := begin(t, Options{}, trying(p, 1, "a", 2, "b", 3, "c"), func(b *bench) {
			b.loader.on("b", lasting(time.Second))
			b.loader.on("c", failing(refusing()))
		})
		b.serves(model("m"), "a")
		b.after(time.Minute)
		b.serves(model("m"), "b")

		regated := trying(p, 1, "a", 2, "b", 3, "c")
		regated[2].Gate = "mended"
		b.loader.on("c", nil)
		b.has(regated) // what was refused then has to prove itself
		b.serves(model("m"), "b")
		b.serves(infer.Ref{Name: "m", Version: 3}, "c")
		b.has(trying(p, 1, "a", 2, "b", 4, "d"))
		b.serves(model("m"), "b")
	})
}

// Version 1 stays, whatever its files are, and nobody promotes another one.
func TestNothingTakesOverWithoutItsTrial(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			h := history{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, settings: &Settings{Models: map[string]*ModelSettings{}}, p: canary()}
			h.p.Latest = 1 + h.IntN(2)
			h.files = trying(h.p, 1, "first")
			h.start()
			for step := range 150 {
				h.happen()
				h.b.has(h.files)
				_, live := h.b.router.Names("m")
				if live > 1 || live < h.live {
					t.Fatalf("seed %d, step %d: version %d answers, after %d; %+v", seed, step, live, h.live, h.settings.get("m"))
				}
				h.live = live
			}
		})
	}
}

// history is what happens to a model, at random.
type history struct {
	*rand.Rand
	t        *testing.T
	b        *bench
	settings *Settings
	p        Policy
	files    []Desired
	digests  int
	live     int64 // what has answered since the start
}

func (h *history) start() {
	h.live = 0
	h.b = begin(h.t, Options{Settings: h.settings}, h.files, func(b *bench) {
		for i := range 200 {
			if h.IntN(4) == 0 {
				b.loader.on(fmt.Sprint("d", i), lasting(time.Duration(h.IntN(5000))*time.Millisecond))
			}
			b.loader.on(fmt.Sprint("bad", i), failing(refusing()))
		}
	})
}

func (h *history) happen() {
	h.files = slices.Clone(h.files) // the source has them
	version := 1 + h.IntN(4)
	at := slices.IndexFunc(h.files, func(d Desired) bool { return d.Version == int64(version) })
	switch h.IntN(10) {
	case 0, 1, 2:
		h.drop(version, at)
	case 3, 4:
		if at >= 0 {
			h.files[at].Settling = !h.files[at].Settling
		}
	case 5:
		if at > 0 {
			h.files = slices.Delete(h.files, at, at+1)
		}
	case 6:
		if _, err := h.b.RollBack(h.t.Context(), "m", "bad"); err != nil && !errors.Is(err, ErrChoice) && !errors.Is(err, infer.ErrNoVersion) {
			h.t.Errorf("roll back: %v", err)
		}
	case 7:
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Second)
		_ = h.b.Reload(ctx, "m") // it may take longer
		cancel()
	case 8:
		if h.IntN(5) == 0 {
			h.b.end()
			h.start()
		}
	default:
		h.b.after(time.Duration(h.IntN(4000)) * time.Millisecond)
	}
}

// drop puts other files under a number; at is where it is, -1 for nowhere.
func (h *history) drop(version, at int) {
	h.digests++
	digest := fmt.Sprint("d", h.digests)
	if version > 1 && h.IntN(3) == 0 {
		digest = fmt.Sprint("bad", h.digests)
	}
	d := trying(h.p, version, digest)
	if at < 0 {
		h.files = append(h.files, d...)
		return
	}
	h.files[at] = d[0]
}
