package repository

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"galatea/infer"
)

// Router brings requests to versions. It reads an immutable table, without a lock.
type Router struct {
	table    atomic.Pointer[table]
	refusals refusals
}

// table is what is published: never changed, only replaced.
type table struct {
	models map[string]*modelEntry
	index  []Status
	ready  bool // the first pass over the sources has ended
	strict bool // and every known version is ready or was unloaded on purpose
}

// modelEntry is a model's published versions.
type modelEntry struct {
	versions map[int64]*version
	known    map[int64]bool // every version in the index
	standard *version       // what a request without a version gets; nil: none is ready
	order    []int64        // ascending, of versions
	labels   standing       // which versions the labels stand for
	promised []string       // labels that are to stand for a version
	trial    *TrialInfo     // a rollout that goes on; nil: none
}

var (
	_ infer.Handler  = (*Router)(nil)
	_ infer.Acquirer = (*Router)(nil)
)

// NewRouter returns a router that knows no model yet.
func NewRouter() *Router {
	r := &Router{}
	r.table.Store(&table{models: map[string]*modelEntry{}})
	return r
}

// Infer sends the request to the version that its Ref names. Errors: those of
// Acquire, and the version's own.
func (r *Router) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	v, err := r.acquire(req.Model)
	if err != nil {
		return nil, err
	}
	defer v.release()
	return v.servable.Infer(ctx, req)
}

// Acquire leases the version that ref names: the exact one, or the model's default.
// Errors: infer.ErrUnknownModel, ErrUnknownVersion, ErrNoVersion, ErrNotReady.
func (r *Router) Acquire(ref infer.Ref) (infer.Lease, error) {
	v, err := r.acquire(ref)
	if err != nil {
		return nil, err
	}
	return &lease{version: v}, nil
}

// acquire looks again when the version it found was retired meanwhile: a newer
// table, published before the retirement, says what took its place.
func (r *Router) acquire(ref infer.Ref) (*version, error) {
	for {
		v, err := r.table.Load().find(ref)
		if err != nil || v.acquire() {
			return v, err
		}
	}
}

func (t *table) find(ref infer.Ref) (*version, error) {
	m := t.models[ref.Name]
	switch {
	case m == nil:
		return nil, infer.ErrUnknownModel
	case ref.Label != "":
		return m.labelled(ref.Label)
	case ref.Version == 0 && m.standard == nil:
		return nil, infer.ErrNoVersion
	case ref.Version == 0:
		return m.standard, nil
	case m.versions[ref.Version] != nil:
		return m.versions[ref.Version], nil
	case m.known[ref.Version]:
		return nil, infer.ErrNotReady
	default:
		return nil, infer.ErrUnknownVersion
	}
}

// labelled finds the version that a label stands for.
func (m *modelEntry) labelled(label string) (*version, error) {
	if v := m.versions[m.labels[label]]; v != nil {
		return v, nil
	}
	if slices.Contains(m.promised, label) {
		return nil, infer.ErrNotReady
	}
	return nil, infer.ErrUnknownLabel
}

// Trial describes the rollout of a model that goes on.
func (r *Router) Trial(name string) (TrialInfo, bool) {
	if m := r.table.Load().models[name]; m != nil && m.trial != nil {
		return *m.trial, true
	}
	return TrialInfo{}, false
}

// Trials describes all rollouts that go on.
func (r *Router) Trials() []TrialInfo {
	var all []TrialInfo
	for _, m := range r.table.Load().models {
		if m.trial != nil {
			all = append(all, *m.trial)
		}
	}
	slices.SortFunc(all, func(a, b TrialInfo) int { return cmp.Compare(a.Model, b.Model) })
	return all
}

// Names returns which versions a model's labels stand for, and which one answers without
// a version, 0 for none. The caller must not change the map.
func (r *Router) Names(name string) (labels map[string]int64, standard int64) {
	m := r.table.Load().models[name]
	if m == nil {
		return nil, 0
	}
	if m.standard != nil {
		standard = m.standard.id.Version
	}
	return m.labels, standard
}

// Find returns the error that Acquire would at this moment, without a lease.
func (r *Router) Find(ref infer.Ref) error {
	_, err := r.table.Load().find(ref)
	return err
}

// Admit finds the version as Find does, and asks it whether it would refuse a request
// that was received then and is to be answered by deadline.
func (r *Router) Admit(ref infer.Ref, received, deadline time.Time) error {
	v, err := r.table.Load().find(ref)
	if err != nil {
		return err
	}
	if a, can := v.servable.(infer.Admitter); can {
		return a.Admit(received, deadline)
	}
	return nil
}

// Info describes the version that ref names. Errors are Acquire's.
func (r *Router) Info(ref infer.Ref) (Info, error) {
	v, err := r.acquire(ref)
	if err != nil {
		return Info{}, err
	}
	defer v.release()
	return v.servable.Info(), nil
}

// Versions lists the ready versions of a model, ascending; none for one that is not known.
func (r *Router) Versions(name string) []int64 {
	if m := r.table.Load().models[name]; m != nil {
		return m.order
	}
	return nil
}

// Each calls f for every ready version, by name and version.
func (r *Router) Each(f func(Info)) {
	for _, s := range r.table.Load().index {
		if s.State != StateReady {
			continue
		}
		if info, err := r.Info(infer.Ref{Name: s.Name, Version: s.Version}); err == nil {
			f(info)
		}
	}
}

// Index lists everything that is known, by name and version. The caller must not change it.
func (r *Router) Index() []Status { return r.table.Load().index }

// Ready reports whether the first pass over the sources has ended; it never turns
// false again. With strict, whether every known version is ready now or was
// unloaded on purpose, too: Triton's rule.
func (r *Router) Ready(strict bool) bool {
	t := r.table.Load()
	return t.ready && (!strict || t.strict)
}
