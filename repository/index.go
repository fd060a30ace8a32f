package repository

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons in the index that are no failures' texts.
const (
	reasonUnloaded = "unloaded" // Triton's word
	reasonSettling = "waiting until its files stop changing"
	reasonPending  = "waiting for other models to load"
	reasonGone     = "its files are gone; it serves until another version is ready"
	reasonNoModel  = "not found in the model repository"
)

// publish stores a new table: the ready generations, and the index of all that is
// known. rows are the relevant versions of what is wanted.
func (l *loop) publish(rows []Desired) {
	t := &table{models: map[string]*modelEntry{}, index: l.index(rows), ready: l.first, strict: true}
	for _, g := range l.generations.all {
		if g.state == Ready && l.serving(g.Name, g.Version) == g {
			t.entry(g.Name).add(g)
		}
	}
	for name, m := range t.models {
		if g := l.standard(name); g != nil {
			m.standard = g.version
			l.wentLive(g)
		}
		m.trial = l.trial(name)
		m.labels = l.names[name]
	}
	for name, to := range l.targets {
		for label := range to {
			if label != "" {
				t.entry(name).promised = append(t.entry(name).promised, label)
			}
		}
	}
	for _, s := range t.index {
		if s.Version != 0 {
			t.entry(s.Name).known[s.Version] = true
		}
		if s.Version == 0 && t.models[s.Name] != nil && t.models[s.Name].standard != nil {
			continue // a remark about a model that serves
		}
		if s.State == StateLoading || s.State == StateUnavailable && s.Reason != reasonUnloaded {
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

// add publishes a ready generation.
func (m *modelEntry) add(g *generation) {
	if m.versions[g.Version] == nil {
		m.order = append(m.order, g.Version)
		slices.Sort(m.order)
	}
	m.versions[g.Version] = g.version
}

// wentLive notes that g is what a request without a version gets now.
func (l *loop) wentLive(g *generation) {
	digest := plainDigest(g.Digest)
	which := fmt.Sprintf("%d/%s", g.Version, digest)
	if l.live[g.Name] == which {
		return
	}
	l.live[g.Name] = which
	l.happened(g, EventLive, "")
	m := l.settings.of(g.Name)
	changed := m.accept(digest) || m.Live != g.Version
	m.Live = g.Version
	if c := g.version.servable.Info().Config; c != nil {
		if s := c.RequestSignature(); m.Signature == nil || fmt.Sprint(*m.Signature) != fmt.Sprint(s) {
			m.Signature, changed = &s, true
		}
	}
	if changed {
		l.save(nil)
	}
}

// rows is the index while it is made. Several things may be said of one number: by
// an old generation, by the one that replaces it, and by the files.
type rows map[key]Status

func (r rows) add(s Status) {
	k := key{s.Name, s.Version}
	old, known := r[k]
	if !known || old.Reason == reasonUnloaded {
		r[k] = s
		return
	}
	r[k] = merge(old, s)
}

// index lists every version that is known: those with a generation, those whose files
// are held, and those that were unloaded; and by name alone the models that nobody has
// asked for.
func (l *loop) index(relevant []Desired) []Status {
	all := rows{}
	wanted := map[key]Desired{}
	for _, d := range l.wanted {
		wanted[key{d.Name, d.Version}] = d
		if d.Withdrawn != "" && l.serving(d.Name, d.Version) == nil {
			all.add(Status{d.Name, d.Version, StateUnavailable, d.Withdrawn, d.Root})
		}
	}
	for _, d := range l.desired {
		if l.unloaded[key{d.Name, d.Version}] {
			all.add(Status{d.Name, d.Version, StateUnavailable, reasonUnloaded, d.Root})
		}
	}
	for _, g := range l.generations.all {
		s := g.status()
		switch d, is := wanted[key{g.Name, g.Version}]; {
		case g.state == Ready && !is:
			s.Reason = reasonGone
		case g.state == Ready && d.Withdrawn != "":
			s.Reason = d.Withdrawn + "; it serves until another version is ready"
		case g.state == Ready && l.onTrial(g):
			if t := l.trial(g.Name); t != nil {
				s.Reason = t.Plan.Describe(t.Step)
			}
		}
		all.add(s)
	}
	for _, d := range relevant {
		switch {
		case d.Err != nil:
			all.add(Status{d.Name, d.Version, StateUnavailable, d.Err.Error(), d.Root})
		case d.Settling && !l.readyAs(d):
			all.add(Status{d.Name, d.Version, StateLoading, reasonSettling, d.Root})
		}
	}
	for _, d := range l.newcomers {
		all.addNewcomer(d)
	}
	l.addByName(all)
	for name := range l.targets {
		for _, text := range l.missingNames(name) {
			all.addNote(name, text)
		}
	}
	index := make([]Status, 0, len(all))
	for _, s := range all {
		index = append(index, s)
	}
	slices.SortFunc(index, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return index
}

// readyAs reports whether a version serves from just these files.
func (l *loop) readyAs(d Desired) bool {
	g := l.serving(d.Name, d.Version)
	return g != nil && g.Digest == d.Digest
}

// addNote adds a text about a model as a whole.
func (r rows) addNote(name, text string) {
	k := key{name, 0}
	s, known := r[k]
	if !known {
		s = Status{Name: name, State: StateUnavailable}
	}
	if s.Reason != "" {
		text = s.Reason + "; " + text
	}
	s.Reason = text
	r[k] = s
}

// addNewcomer adds what is not served because another repository's model of this name is.
func (r rows) addNewcomer(d Desired) {
	k := key{d.Name, d.Version}
	s, known := r[k]
	if !known {
		r[k] = Status{d.Name, d.Version, StateUnavailable, d.Err.Error(), d.Root}
		return
	}
	text := fmt.Sprintf("%v: the one in %s is not served", d.Err, d.Root)
	if s.Reason != "" {
		text = s.Reason + "; " + text
	}
	s.Reason = text
	r[k] = s
}

// addByName adds the models that nobody has asked for, and those that were asked for
// but are not there.
func (l *loop) addByName(all rows) {
	if l.o.Mode != ModeExplicit || !l.taken || l.stopping {
		return
	}
	named := map[string]bool{}
	for k := range all {
		named[k.name] = true
	}
	for _, d := range l.desired {
		if !named[d.Name] && !l.asks.names[d.Name] {
			all[key{d.Name, 0}] = Status{Name: d.Name, Root: d.Root}
		}
	}
	for name, asked := range l.asks.names {
		if asked && !named[name] {
			all[key{name, 0}] = Status{Name: name, State: StateUnavailable, Reason: reasonNoModel}
		}
	}
}

func (g *generation) status() Status {
	s := Status{Name: g.Name, Version: g.Version, Root: g.Root}
	switch g.state {
	case Pending:
		s.State, s.Reason = StateLoading, reasonPending
	case Loading, Warming:
		s.State = StateLoading
		if g.attempts > 0 {
			s.Reason = fmt.Sprintf("attempt %d, after: %v", g.attempts+1, g.err)
		}
	case Ready:
		s.State, s.Reason = StateReady, g.note
	case Draining, Closing, Gone:
		s.State = StateUnloading
	case Failed:
		s.State, s.Reason = StateUnavailable, g.failure()
	}
	return s
}

// failure says why g failed, and what follows.
func (g *generation) failure() string {
	switch {
	case !g.terminal:
		return fmt.Sprintf("%v (attempt %d; the next one at %s)", g.err, g.attempts, g.next.UTC().Format(time.RFC3339))
	case !errors.Is(g.err, ErrTerminal):
		return fmt.Sprintf("%v (given up after attempt %d)", g.err, g.attempts)
	default:
		return g.err.Error()
	}
}

// merge combines two rows about one version number: what serves decides the state,
// and what the other says about its files becomes part of the reason.
func merge(a, b Status) Status {
	order := []string{StateReady, StateUnavailable, StateLoading, StateUnloading}
	if slices.Index(order, b.State) < slices.Index(order, a.State) {
		a, b = b, a
	}
	if a.State == StateReady && b.State != StateUnloading && b.State != StateReady {
		text := map[string]string{StateLoading: "are being loaded", StateUnavailable: "are refused"}[b.State]
		a.Reason = "serves the previous files; the new ones " + text
		if b.Reason != "" {
			a.Reason += ": " + b.Reason
		}
	}
	return a
}
