package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"galatea/infer"
)

// loop is the reconciler goroutine's own state.
type loop struct {
	*Reconciler
	workers *sync.WaitGroup
	events  chan func() // what workers report, to be run by the owner

	scans    chan scan
	scanID   int // of the last scan begun
	seenID   int // of the last scan that succeeded
	scanning bool
	again    bool // another scan is due once this one is back

	desired     []Desired // as the source says
	newcomers   []Desired // models that another repository serves
	generations []*generation
	unloaded    map[key]bool    // versions that served, were unloaded, and still have their files
	asked       map[string]bool // ModeExplicit: the models asked for
	waiters     []waiter
	began       time.Time
	first       bool // the first pass has ended
	stopping    bool
}

type key struct {
	name    string
	version int64
}

type scan struct {
	id      int
	desired []Desired
	err     error
}

// generation is one observed generation of a version.
type generation struct {
	Desired
	state    State
	attempts int
	terminal bool
	next     time.Time
	err      error
	cancel   context.CancelFunc // of its load
	dropped  bool               // its load is no longer wanted
	version  *version
}

// waiter is a Load that waits for its model.
type waiter struct {
	name string
	scan int // the first scan that can know
	done chan error
}

func newLoop(r *Reconciler, workers *sync.WaitGroup) *loop {
	l := &loop{
		Reconciler: r, workers: workers, events: make(chan func()), scans: make(chan scan),
		unloaded: map[key]bool{}, asked: map[string]bool{}, began: time.Now(),
	}
	for _, name := range r.o.LoadModels {
		l.asked[name] = true
	}
	return l
}

// finished reports whether the loop was stopped and nothing is left.
func (l *loop) finished() bool { return l.stopping && len(l.generations) == 0 && !l.scanning }

// scan asks the source, in a worker, since it may wait for a slow disk.
func (l *loop) scan(ctx context.Context) {
	if l.scanning {
		l.again = true
		return
	}
	l.scanning = true
	l.scanID++
	id := l.scanID
	l.workers.Go(func() {
		desired, err := l.source.Desired(ctx)
		l.scans <- scan{id, desired, err}
	})
}

func (l *loop) scanned(ctx context.Context, s scan) {
	l.scanning = false
	if l.stopping {
		return
	}
	if s.err != nil {
		l.o.Log.Error("read the model repository; what is served stays as it is", slog.Any("err", s.err))
	} else {
		l.desired, l.seenID = s.desired, s.id
		maps.DeleteFunc(l.unloaded, func(k key, _ bool) bool {
			return !slices.ContainsFunc(l.desired, func(d Desired) bool { return d.Name == k.name && d.Version == k.version })
		})
	}
	if l.again {
		l.again = false
		l.scan(ctx)
	}
}

// edited changes what is asked for.
func (l *loop) edited(ctx context.Context, e edit) {
	if l.stopping {
		e.done <- infer.ErrStopping
		return
	}
	if e.unload {
		if l.asked["*"] {
			delete(l.asked, "*")
			for _, d := range l.desired {
				l.asked[d.Name] = true
			}
		}
		delete(l.asked, e.name)
		e.done <- nil
		return
	}
	l.asked[e.name] = true
	l.generations = slices.DeleteFunc(l.generations, func(g *generation) bool { return g.Name == e.name && g.state == Failed })
	l.waiters = append(l.waiters, waiter{e.name, l.scanID + 1, e.done})
	l.scan(ctx)
}

// want is what the source says, as far as it is asked for.
func (l *loop) want() []Desired {
	if l.o.Mode != ModeExplicit || l.asked["*"] {
		return l.desired
	}
	var asked []Desired
	for _, d := range l.desired {
		if l.asked[d.Name] {
			asked = append(asked, d)
		}
	}
	return asked
}

func (l *loop) observed() []Observed {
	all := make([]Observed, len(l.generations))
	for i, g := range l.generations {
		all[i] = Observed{g.Name, g.Version, g.Root, g.Digest, g.state, g.attempts, g.terminal, g.next}
	}
	return all
}

// reconcile plans, acts, publishes, and tells those who wait.
func (l *loop) reconcile(ctx context.Context, now time.Time) {
	have := l.observed()
	busy := 0
	for _, o := range have {
		if o.State < Ready {
			busy++
		}
	}
	want, newcomers := separate(l.want(), have)
	l.newcomers = newcomers
	for _, a := range plan(want, have, Budget{Loads: l.o.LoadThreads - busy}, now) {
		l.act(ctx, a, want)
	}
	if !l.first && l.seenID > 0 && !l.loading() && (!l.settling() || now.Sub(l.began) > l.o.SettleGrace) {
		l.first = true
		close(l.firstPass)
	}
	l.publish(want)
	l.answer(want)
}

// loading reports whether a version is being loaded.
func (l *loop) loading() bool {
	return slices.ContainsFunc(l.generations, func(g *generation) bool { return g.state < Ready })
}

// settling reports whether a version still changes.
func (l *loop) settling() bool {
	return slices.ContainsFunc(l.want(), func(d Desired) bool { return d.Settling })
}

func (l *loop) act(ctx context.Context, a Action, want []Desired) {
	g := l.find(a)
	switch a.Op {
	case Load:
		if g == nil {
			at := slices.IndexFunc(want, func(d Desired) bool { return d.Name == a.Name && d.Version == a.Version && d.Digest == a.Digest })
			g = &generation{Desired: want[at]}
			l.generations = append(l.generations, g)
		}
		l.startLoad(ctx, g)
	case Drain:
		l.drain(g, a.Why)
	case Cancel:
		g.dropped = true
		g.cancel()
	case Forget:
		l.remove(g)
	}
}

// find returns the generation that an action is about: the one that is not on its way out.
func (l *loop) find(a Action) *generation {
	for _, g := range l.generations {
		if g.Name == a.Name && g.Version == a.Version && g.Digest == a.Digest && (g.state < Draining || g.state == Failed) {
			return g
		}
	}
	return nil
}

func (l *loop) remove(g *generation) {
	l.generations = slices.DeleteFunc(l.generations, func(o *generation) bool { return o == g })
}

func (l *loop) startLoad(ctx context.Context, g *generation) {
	ctx, g.cancel = context.WithCancel(ctx)
	g.state, g.err = Loading, nil
	delete(l.unloaded, key{g.Name, g.Version})
	l.say(slog.LevelInfo, "loading", g)
	d := g.Desired
	l.workers.Go(func() {
		s, err := l.loadSafely(ctx, d, func(phase State) {
			l.events <- func() {
				if g.state < Ready {
					g.state = phase
				}
			}
		})
		l.events <- func() { l.loaded(g, s, err) }
	})
}

// loadSafely makes an error of a panic, so that one model cannot stop the others.
func (l *loop) loadSafely(ctx context.Context, d Desired, phase func(State)) (s Servable, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Terminal(fmt.Errorf("panic while loading: %v\n%s", p, debug.Stack()))
		}
	}()
	return l.load(ctx, d, phase)
}

// Waits between attempts to load files that failed.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

func (l *loop) loaded(g *generation, s Servable, err error) {
	g.cancel()
	switch {
	case err == nil && g.dropped:
		l.say(slog.LevelInfo, "loaded, but no longer wanted", g)
		g.version = newVersion(infer.ID{Name: g.Name, Version: g.Version, Digest: g.Digest}, s)
		l.drain(g, "no longer wanted")
	case err == nil:
		g.version = newVersion(infer.ID{Name: g.Name, Version: g.Version, Digest: g.Digest}, s)
		g.state, g.attempts = Ready, 0
		l.say(slog.LevelInfo, "ready", g, slog.Duration("took", s.Info().Loaded))
	case g.dropped || l.stopping:
		l.remove(g)
	default:
		g.state, g.err = Failed, err
		g.attempts++
		g.terminal = errors.Is(err, ErrTerminal) || g.attempts >= l.o.LoadAttempts
		g.next = time.Now().Add(min(firstRetry<<min(g.attempts-1, 20), lastRetry))
		l.say(slog.LevelError, "failed to load", g, slog.Any("err", err), slog.Int("attempt", g.attempts), slog.Bool("final", g.terminal))
	}
}

// drain unpublishes g with the next table, waits for the requests in it, and closes it.
func (l *loop) drain(g *generation, why string) {
	g.state = Draining
	l.unloaded[key{g.Name, g.Version}] = true
	l.say(slog.LevelInfo, "draining", g, slog.String("why", why))
	l.publish(l.want()) // before the retirement, so that a refused lease finds the newer table
	g.version.retire()
	l.workers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), l.o.DrainTimeout) //nolint:contextcheck // a drain outlives what asked for it
		defer cancel()
		select {
		case <-g.version.idle:
		case <-ctx.Done():
		}
		l.events <- func() { g.state = Closing }
		err := g.version.servable.Close(ctx)
		l.events <- func() {
			g.state = Gone
			l.remove(g)
			if err != nil {
				l.say(slog.LevelError, "closed", g, slog.Any("err", err))
				return
			}
			l.say(slog.LevelInfo, "closed", g)
		}
	})
}

func (l *loop) say(level slog.Level, what string, g *generation, more ...any) {
	args := append([]any{slog.String("model", g.Name), slog.Int64("version", g.Version), slog.String("digest", g.Digest), slog.String("state", g.state.String())}, more...)
	l.o.Log.Log(context.Background(), level, what, args...) //nolint:sloglint // the messages are this file's constants
}

// wake says when the next attempt at a failed load, or the end of the first pass's
// patience, is due.
func (l *loop) wake(now time.Time) time.Duration {
	wait := time.Hour
	for _, g := range l.generations {
		if g.state == Failed && !g.terminal {
			wait = min(wait, g.next.Sub(now))
		}
	}
	if !l.first {
		wait = min(wait, l.began.Add(l.o.SettleGrace).Sub(now)+time.Millisecond)
	}
	return max(wait, time.Millisecond)
}

// answer tells the callers of Load whose models have come to rest.
func (l *loop) answer(want []Desired) {
	l.waiters = slices.DeleteFunc(l.waiters, func(w waiter) bool {
		if w.scan > l.seenID {
			return false
		}
		err, rest := l.outcome(w.name, want)
		if rest {
			w.done <- err
		}
		return rest
	})
}

// outcome says how a model's load ended; rest is false while it goes on.
func (l *loop) outcome(name string, want []Desired) (err error, rest bool) { //nolint:revive // the error is the outcome, not a failure to tell it
	failures := LoadError{Name: name}
	known, ready := false, false
	for _, d := range want {
		if d.Name != name {
			continue
		}
		known = true
		if d.Settling {
			return nil, false
		}
		if d.Err != nil {
			failures.Failures = append(failures.Failures, Failure{d.Version, d.Err.Error()})
		}
	}
	for _, g := range l.generations {
		if g.Name != name {
			continue
		}
		switch g.state {
		case Pending, Loading, Warming:
			return nil, false
		case Ready:
			ready = true
		case Failed:
			failures.Failures = append(failures.Failures, Failure{g.Version, g.err.Error()})
		case Draining, Closing, Gone:
		}
	}
	switch {
	case !known:
		return infer.ErrUnknownModel, true
	case len(failures.Failures) > 0:
		return &failures, true
	case !ready:
		return nil, false
	default:
		return nil, true
	}
}
