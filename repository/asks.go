package repository

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"galatea/infer"
)

// asks is what callers of Load and Unload said, in ModeExplicit.
type asks struct {
	names   map[string]bool // the models asked for; false: unloaded before the first scan
	all     bool            // until the first scan: every model is asked for
	waiters []*waiter
}

// waiter is a Load that waits for its model.
type waiter struct {
	name  string
	scan  int  // the first scan that sees the files as they were when Load was called
	taken bool // that scan is taken
	done  chan error
}

func newAsks(models []string) asks {
	a := asks{names: map[string]bool{}}
	for _, name := range models {
		if name == "*" {
			a.all = true
			continue
		}
		a.names[name] = true
	}
	return a
}

// edited changes what is asked for: at once by an Unload, with its scan by a Load.
func (l *loop) edited(ctx context.Context, e edit) {
	switch {
	case l.stopping:
		e.done <- infer.ErrStopping
	case e.change != nil:
		if err := e.change(l); err != nil {
			e.done <- err
			return
		}
		l.save(e.done)
	case e.unload:
		l.asks.withdraw(e.name)
		l.asks.answerIf(func(w *waiter) (error, bool) {
			return &LoadError{e.name, []Failure{{0, "it was unloaded meanwhile"}}}, w.name == e.name
		})
		l.keepAsked(e.name, false)
		l.save(e.done)
	default:
		if e.again {
			l.forced[e.name]++
		}
		l.asks.waiters = append(l.asks.waiters, &waiter{name: e.name, scan: l.scanID + 1, done: e.done})
		l.scan(ctx)
	}
}

// keepAsked remembers what was asked for, in ModeExplicit. That a model was unloaded is
// worth it only where it would be loaded at the next start.
func (l *loop) keepAsked(name string, asked bool) {
	if l.settings.Asked == nil {
		l.settings.Asked = map[string]bool{}
	}
	if asked || slices.Contains(l.o.LoadModels, name) || slices.Contains(l.o.LoadModels, "*") && (!l.taken || l.known(name) == nil) {
		l.settings.Asked[name] = asked
	} else {
		delete(l.settings.Asked, name)
	}
	l.save(nil)
}

// takeAsked takes what the source says of the models that a Load waits for, of those
// that were still settling, and of those that nobody asked for. The others stay as
// they were asked for, whatever became of their files; and so does a model that serves
// and has no files any more.
func (l *loop) takeAsked(s scan) {
	before, found := groupDesired(l.desired), groupDesired(s.desired)
	serves := func(name string) bool {
		return slices.ContainsFunc(l.generations.of[name], func(g *generation) bool { return g.state == Ready })
	}
	l.asks.expand(found)
	retried := l.asks.look(s.id, found, serves)
	for name := range retried {
		if l.asks.names[name] { // there is such a model
			l.keepAsked(name, true)
		}
	}
	l.generations.drop(func(g *generation) bool { return retried[g.Name] && g.state == Failed })
	l.desired = nil
	for _, name := range names(before, nil) {
		asked := l.asks.names[name]
		fresh := !asked || l.asks.waits(name) || slices.ContainsFunc(before[name], func(d Desired) bool { return d.Settling })
		gone := len(found[name]) == 0
		if !fresh || gone && asked && serves(name) {
			found[name] = before[name]
		}
	}
	for _, name := range names(found, nil) {
		l.desired = append(l.desired, found[name]...)
	}
}

// takeForced takes what the source says of the models that are to be loaded again, in
// ModeNone; the others stay as they were at the start.
func (l *loop) takeForced(s scan) {
	waits := func(d Desired) bool { return l.asks.waits(d.Name) }
	again := slices.DeleteFunc(s.desired, func(d Desired) bool { return !waits(d) })
	l.desired = append(slices.DeleteFunc(slices.Clone(l.desired), waits), again...)
}

// withdraw says that a model is not asked for any more.
func (a *asks) withdraw(name string) {
	if a.all {
		a.names[name] = false
		return
	}
	delete(a.names, name)
}

// expand replaces "all" by the names that there are.
func (a *asks) expand(found map[string][]Desired) {
	if !a.all {
		return
	}
	a.all = false
	for name := range found {
		if _, said := a.names[name]; !said {
			a.names[name] = true
		}
	}
	maps.DeleteFunc(a.names, func(_ string, asked bool) bool { return !asked })
}

// look takes up the Loads whose files a scan has seen, and answers those for a model
// that is not there. It returns the names of the models to be tried anew.
func (a *asks) look(scan int, found map[string][]Desired, serves func(string) bool) map[string]bool {
	retried := map[string]bool{}
	for _, w := range a.waiters {
		if !w.taken && w.scan <= scan {
			w.taken = true
			a.names[w.name] = true // of no effect outside of ModeExplicit
			retried[w.name] = true
		}
	}
	a.answerIf(func(w *waiter) (error, bool) {
		gone := w.taken && len(found[w.name]) == 0
		if gone && !serves(w.name) {
			a.withdraw(w.name)
		}
		return infer.ErrUnknownModel, gone
	})
	return retried
}

// waits reports whether a Load of the model waits whose scan is taken.
func (a *asks) waits(name string) bool {
	return slices.ContainsFunc(a.waiters, func(w *waiter) bool { return w.taken && w.name == name })
}

// sourceFailed answers those who waited for a scan that failed.
func (a *asks) sourceFailed(s scan) {
	a.answerIf(func(w *waiter) (error, bool) {
		return fmt.Errorf("read the model repository: %w", s.err), !w.taken && w.scan <= s.id
	})
}

// answer tells the callers of Load whose models have come to rest. rows are the
// relevant versions of what is wanted.
func (a *asks) answer(rows []Desired, have []*generation) {
	a.answerIf(func(w *waiter) (error, bool) {
		if !w.taken {
			return nil, false
		}
		return outcome(w.name, rows, have)
	})
}

func (a *asks) answerAll(err error) {
	a.answerIf(func(*waiter) (error, bool) { return err, true })
}

// answerIf answers the waiters for whom f says so.
func (a *asks) answerIf(f func(*waiter) (error, bool)) {
	a.waiters = slices.DeleteFunc(a.waiters, func(w *waiter) bool {
		err, done := f(w)
		if done {
			w.done <- err
		}
		return done
	})
}

// outcome says how a model's load ended; rest is false while it goes on.
func outcome(name string, rows []Desired, have []*generation) (err error, rest bool) { //nolint:revive // the error is the outcome, not a failure to tell it
	for _, g := range have {
		if g.Name == name && g.state < Ready {
			return nil, false
		}
	}
	versions := slices.ContainsFunc(rows, func(d Desired) bool { return d.Name == name && d.Version != 0 })
	failures := map[int64]string{}
	for _, d := range rows {
		switch {
		case d.Name != name, d.Version == 0 && versions:
		case d.Settling:
			return nil, false
		case d.Err != nil:
			failures[d.Version] = d.Err.Error()
		default:
			for _, g := range have {
				if g.Name == name && g.Version == d.Version && g.Digest == d.Digest && g.state == Failed {
					failures[d.Version] = g.err.Error()
				}
			}
		}
	}
	if len(failures) == 0 {
		return nil, true
	}
	loadError := &LoadError{Name: name}
	for version, text := range failures {
		loadError.Failures = append(loadError.Failures, Failure{version, text})
	}
	slices.SortFunc(loadError.Failures, func(a, b Failure) int { return cmp.Compare(a.Version, b.Version) })
	return loadError, true
}
