package repository

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"galatea/infer"
)

func TestVersionRetiredNeverReturns(t *testing.T) {
	v := newVersion(infer.ID{}, nil)
	if !v.acquire() || !v.acquire() {
		t.Fatal("a live version gives leases")
	}
	v.release()
	v.retire()
	if v.acquire() {
		t.Error("a retired version gave a lease while another was out")
	}
	select {
	case <-v.idle:
		t.Error("idle while a lease is out")
	default:
	}
	v.release()
	<-v.idle
	if v.acquire() {
		t.Error("a retired version gave a lease")
	}
}

func TestVersionWithoutLeasesIsIdleOnceRetired(t *testing.T) {
	v := newVersion(infer.ID{}, nil)
	if v.acquire() {
		v.release()
	}
	select {
	case <-v.idle:
		t.Fatal("idle before it is retired")
	default:
	}
	v.retire()
	<-v.idle
}

func TestVersionReleasedTooOftenPanics(t *testing.T) {
	for name, prepare := range map[string]func(*version){
		"live":               func(*version) {},
		"retired":            func(v *version) { v.retire() },
		"retired with lease": func(v *version) { v.acquire(); v.retire(); v.release() },
	} {
		t.Run(name, func(t *testing.T) {
			v := newVersion(infer.ID{}, nil)
			prepare(v)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			v.release()
		})
	}
}

func TestLeaseCountsItsFirstReleaseOnly(t *testing.T) {
	v := newVersion(infer.ID{Name: "m", Version: 7}, &fakeServable{t: t})
	r := NewRouter()
	r.table.Store(&table{models: map[string]*modelEntry{"m": {standard: v}}})
	first, err := r.Acquire(model("m"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Acquire(model("m"))
	if err != nil {
		t.Fatal(err)
	}
	if first.ID().Version != 7 {
		t.Errorf("got %v", first.ID())
	}
	if _, err := second.Infer(t.Context(), &infer.Request{}); err != nil {
		t.Error(err)
	}
	first.Release()
	first.Release()
	v.retire()
	select {
	case <-v.idle:
		t.Error("the second lease was given back by the first")
	default:
	}
	second.Release()
	<-v.idle
}

// TestVersionAcquireReleaseRetireRace closes a version, as the reconciler does, when it
// is idle: nobody may be in it then, and nobody may come in any more.
func TestVersionAcquireReleaseRetireRace(t *testing.T) {
	for range 200 {
		v := newVersion(infer.ID{}, nil)
		var inside, entered atomic.Int64
		var closed atomic.Bool
		var group sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			group.Go(func() {
				<-start
				for v.acquire() {
					inside.Add(1)
					entered.Add(1)
					if closed.Load() {
						t.Error("a lease on a closed version")
					}
					inside.Add(-1)
					v.release()
				}
			})
		}
		close(start)
		for entered.Load() < 20 {
			if v.acquire() {
				entered.Add(1)
				v.release()
			}
		}
		v.retire()
		<-v.idle
		if n := inside.Load(); n != 0 {
			t.Errorf("idle with %d inside", n)
		}
		closed.Store(true)
		group.Wait()
	}
}

func TestRouterFindsVersions(t *testing.T) {
	one, three := newVersion(infer.ID{Version: 1}, &fakeServable{t: t}), newVersion(infer.ID{Version: 3}, &fakeServable{t: t})
	r := NewRouter()
	r.table.Store(&table{models: map[string]*modelEntry{
		"m": {
			versions: map[int64]*version{1: one, 3: three}, known: map[int64]bool{1: true, 2: true, 3: true},
			standard: three, order: []int64{1, 3},
		},
		"loading": {known: map[int64]bool{1: true}},
	}})
	for _, row := range []struct {
		name string
		ref  infer.Ref
		want int64
		err  error
	}{
		{"no version named -> the newest ready one", infer.Ref{Name: "m"}, 3, nil},
		{"a version named -> exactly that", infer.Ref{Name: "m", Version: 1}, 1, nil},
		{"a version that is not ready -> said so", infer.Ref{Name: "m", Version: 2}, 0, infer.ErrNotReady},
		{"a version that there is not -> unknown version", infer.Ref{Name: "m", Version: 9}, 0, infer.ErrUnknownVersion},
		{"a model that there is not -> unknown model", infer.Ref{Name: "x"}, 0, infer.ErrUnknownModel},
		{"a model without a ready version -> no version", infer.Ref{Name: "loading"}, 0, infer.ErrNoVersion},
		{"a version of a model without a ready one -> not ready", infer.Ref{Name: "loading", Version: 1}, 0, infer.ErrNotReady},
	} {
		t.Run(row.name, func(t *testing.T) {
			lease, err := r.Acquire(row.ref)
			if !errors.Is(err, row.err) {
				t.Fatalf("got %v, want %v", err, row.err)
			}
			if _, inferErr := r.Infer(t.Context(), &infer.Request{Model: row.ref}); row.err != nil && !errors.Is(inferErr, row.err) {
				t.Errorf("Infer says %v, want %v", inferErr, row.err)
			}
			if _, infoErr := r.Info(row.ref); row.err != nil && !errors.Is(infoErr, row.err) {
				t.Errorf("Info says %v, want %v", infoErr, row.err)
			}
			if err == nil {
				if lease.ID().Version != row.want {
					t.Errorf("got version %d, want %d", lease.ID().Version, row.want)
				}
				lease.Release()
			}
		})
	}
	if got := r.Versions("m"); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("got versions %v", got)
	}
	if got := r.Versions("x"); got != nil {
		t.Errorf("got versions %v of a model that there is not", got)
	}
}

func TestNewRouterKnowsNothing(t *testing.T) {
	r := NewRouter()
	if r.Ready(false) || r.Ready(true) || len(r.Index()) != 0 {
		t.Error("it is ready, or knows something")
	}
	r.Each(func(Info) { t.Error("it has a version") })
	if _, err := r.Infer(t.Context(), &infer.Request{Model: model("m")}); !errors.Is(err, infer.ErrUnknownModel) {
		t.Errorf("got %v", err)
	}
}
