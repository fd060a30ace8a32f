package infer_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"galatea/infer"
)

// memory counts how often it is given back.
type memory struct{ released atomic.Int32 }

func (m *memory) Release() { m.released.Add(1) }

func TestTheLastHolderOfARequestGivesItsMemoryBack(t *testing.T) {
	m := &memory{}
	req := &infer.Request{}
	req.Own(m)
	var wg sync.WaitGroup
	for range 10 {
		req.Retain()
		wg.Go(req.Release)
	}
	wg.Wait()
	if n := m.released.Load(); n != 0 {
		t.Fatalf("given back %d times while it is held", n)
	}
	req.Release()
	if n := m.released.Load(); n != 1 {
		t.Fatalf("given back %d times", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("a request was released twice")
		}
	}()
	req.Release()
}

func TestAMessageWithoutMemoryNeedsNoRelease(*testing.T) {
	req := &infer.Request{}
	req.Retain()
	req.Release()
	req.Release()
	(&infer.Response{}).Release()
	(*infer.Response)(nil).Release()
}

func TestAResponseIsReleasedOnce(t *testing.T) {
	m := &memory{}
	resp := &infer.Response{}
	resp.Own(m)
	resp.Release()
	resp.Release()
	if n := m.released.Load(); n != 1 {
		t.Errorf("given back %d times", n)
	}
}

func TestTheFirstMiddlewareSeesARequestFirst(t *testing.T) {
	var order string
	named := func(name string) infer.Middleware {
		return func(next infer.Handler) infer.Handler {
			return infer.HandlerFunc(func(ctx context.Context, req *infer.Request) (*infer.Response, error) {
				order += name
				return next.Infer(ctx, req)
			})
		}
	}
	last := infer.HandlerFunc(func(context.Context, *infer.Request) (*infer.Response, error) { order += "."; return nil, nil })
	if _, err := infer.Chain(last, named("a"), named("b")).Infer(t.Context(), nil); err != nil || order != "ab." {
		t.Errorf("the order is %s: %v", order, err)
	}
}

func TestHistogramsCountUpToAndAtTheirBounds(t *testing.T) {
	var h infer.Histogram
	if h.Count() != 0 || h.Quantile(0.5) != 0 || len(h.Cumulative()) != 0 {
		t.Errorf("an empty one has %d, %v, %v", h.Count(), h.Quantile(0.5), h.Cumulative())
	}
	bounds := []float64{1, 2, 4}
	for _, v := range []float64{0.5, 1, 1.5, 2, 3, 100} {
		h.Observe(bounds, v)
	}
	snapshot := h
	h.Observe(bounds, 1)
	if got := snapshot.Cumulative(); got[1] != 2 || got[2] != 4 || got[4] != 5 || snapshot.Count() != 6 || snapshot.Sum() != 108 {
		t.Errorf("%v, %d, %v", got, snapshot.Count(), snapshot.Sum())
	}
	for q, want := range map[float64]float64{0: 1, 0.4: 2, 0.7: 4, 1: 4} {
		if got := snapshot.Quantile(q); got != want {
			t.Errorf("the quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Count() != 7 {
		t.Error("the copy and the original are one")
	}
}

func TestDurationsAddUp(t *testing.T) {
	var d infer.Duration
	d.Add(time.Second)
	d.Add(2 * time.Second)
	if d != (infer.Duration{Count: 2, Total: 3 * time.Second}) {
		t.Errorf("%+v", d)
	}
}

func TestSentinelsAreApart(t *testing.T) {
	all := infer.Sentinels()
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
	if id := (infer.ID{Name: "m", Version: 3}); id.String() != "m/3" {
		t.Errorf("%v", id)
	}
}
