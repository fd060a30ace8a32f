package repository

import (
	"context"
	"fmt"
	"testing"

	"galatea/infer"
)

// benchServable answers with nothing, at once.
type benchServable struct{ id infer.ID }

var benchResponse infer.Response

func (benchServable) Infer(context.Context, *infer.Request) (*infer.Response, error) {
	return &benchResponse, nil
}
func (s benchServable) Info() Info                { return Info{ID: s.id} }
func (benchServable) Close(context.Context) error { return nil }

// benchRouter serves so many models of one version each.
func benchRouter(models int) *Router {
	t := &table{models: map[string]*modelEntry{}, ready: true}
	for i := range models {
		id := infer.ID{Name: fmt.Sprintf("model_%d", i), Version: 1}
		v := newVersion(id, benchServable{id})
		t.models[id.Name] = &modelEntry{versions: map[int64]*version{1: v}, known: map[int64]bool{1: true}, standard: v, order: []int64{1}}
	}
	r := NewRouter()
	r.table.Store(t)
	return r
}

// BenchmarkRoute finds a version, leases it, asks it and gives the lease back.
func BenchmarkRoute(b *testing.B) {
	for _, models := range []int{1, 1000} {
		r := benchRouter(models)
		ref := infer.Ref{Name: fmt.Sprintf("model_%d", models/2)}
		b.Run(fmt.Sprintf("models=%d", models), func(b *testing.B) {
			req := &infer.Request{Model: ref}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Infer(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("models=%d/parallel", models), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				req := &infer.Request{Model: ref}
				for pb.Next() {
					if _, err := r.Infer(b.Context(), req); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkLease is the way of a pipeline, which holds a lease over several steps.
func BenchmarkLease(b *testing.B) {
	r := benchRouter(1)
	b.ReportAllocs()
	for b.Loop() {
		l, err := r.Acquire(infer.Ref{Name: "model_0", Version: 1})
		if err != nil {
			b.Fatal(err)
		}
		l.Release()
	}
}
