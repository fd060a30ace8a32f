package repository

import (
	"cmp"
	"fmt"
	"slices"
)

// publish stores a new table: the ready generations, and the index of all that is known.
func (l *loop) publish(want []Desired) {
	t := &table{models: map[string]*modelEntry{}, ready: l.first, strict: true}
	for _, g := range l.generations {
		if g.state == Ready {
			t.entry(g.Name).add(g)
		}
	}
	t.index = l.index(want)
	for _, s := range t.index {
		if s.Version != 0 {
			t.entry(s.Name).known[s.Version] = true
		}
		if s.State != StateReady && s.State != "" && s.Reason != reasonUnloaded {
			t.strict = false
		}
	}
	l.router.table.Store(t)
}

func (t *table) entry(name string) *modelEntry {
	if t.models[name] == nil {
		t.models[name] = &modelEntry{versions: map[int64]*version{}, known: map[int64]bool{}}
	}
	return t.models[name]
}

// add publishes a ready generation. Of two with the same number the later one, which
// replaces the other, wins.
func (m *modelEntry) add(g *generation) {
	if m.versions[g.Version] == nil {
		m.order = append(m.order, g.Version)
		slices.Sort(m.order)
	}
	m.versions[g.Version] = g.version
	m.standard = m.versions[m.order[len(m.order)-1]]
}

const (
	reasonUnloaded = "unloaded"
	reasonSettling = "waiting until its files stop changing"
)

// index lists every version that is known: those with a generation, those that were
// unloaded, those that cannot be loaded, and by name alone the models that nobody
// has asked for.
func (l *loop) index(want []Desired) []Status {
	rows := map[key]Status{}
	for _, d := range l.desired {
		if l.o.Mode == ModeExplicit && !l.asked["*"] && !l.asked[d.Name] {
			if _, known := l.hasGeneration(d.Name); !known && !l.unloaded[key{d.Name, d.Version}] {
				rows[key{d.Name, 0}] = Status{Name: d.Name, Root: d.Root}
			}
		}
		if l.unloaded[key{d.Name, d.Version}] {
			rows[key{d.Name, d.Version}] = Status{d.Name, d.Version, StateUnavailable, reasonUnloaded, d.Root}
		}
	}
	for _, g := range l.generations {
		k := key{g.Name, g.Version}
		rows[k] = merge(rows[k], g.status())
	}
	for _, d := range want {
		k := key{d.Name, d.Version}
		switch {
		case d.Err != nil:
			rows[k] = merge(rows[k], Status{d.Name, d.Version, StateUnavailable, d.Err.Error(), d.Root})
		case d.Settling:
			rows[k] = merge(rows[k], Status{d.Name, d.Version, StateLoading, reasonSettling, d.Root})
		}
	}
	for _, d := range l.newcomers {
		k := key{d.Name, d.Version}
		rows[k] = merge(rows[k], Status{d.Name, d.Version, StateUnavailable, d.Err.Error(), d.Root})
	}
	all := make([]Status, 0, len(rows))
	for _, s := range rows {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return all
}

func (l *loop) hasGeneration(name string) (*generation, bool) {
	for _, g := range l.generations {
		if g.Name == name {
			return g, true
		}
	}
	return nil, false
}

func (g *generation) status() Status {
	s := Status{Name: g.Name, Version: g.Version, Root: g.Root}
	switch g.state {
	case Pending, Loading, Warming:
		s.State = StateLoading
	case Ready:
		s.State = StateReady
	case Draining, Closing, Gone:
		s.State = StateUnloading
	case Failed:
		s.State, s.Reason = StateUnavailable, g.err.Error()
	}
	return s
}

// merge combines two rows about one version number: what serves decides the state,
// and what the other says about its files becomes part of the reason.
func merge(a, b Status) Status {
	if a.Name == "" || a.Reason == reasonUnloaded {
		return b
	}
	order := []string{StateReady, StateUnavailable, StateLoading, StateUnloading}
	if slices.Index(order, b.State) < slices.Index(order, a.State) {
		a, b = b, a
	}
	if a.State == StateReady && b.State != StateUnloading && b.State != StateReady {
		text := map[string]string{StateLoading: "are being loaded", StateUnavailable: "are refused"}[b.State]
		a.Reason = fmt.Sprintf("serves the previous files; the new ones %s", text)
		if b.Reason != "" {
			a.Reason += ": " + b.Reason
		}
	}
	return a
}
