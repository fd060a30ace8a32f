package repository

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"galatea/infer"
)

// loop is the reconciler goroutine's own state.
type loop struct {
	*Reconciler
	workers *sync.WaitGroup
	reports chan func() // what workers have to say, to be run by the owner
	began   time.Time

	scans    chan scan
	scanID   int // of the last scan begun
	scanning bool
	again    bool      // another scan is due once this one is back
	misses   int       // scans that failed since the last good one
	nextScan time.Time // after one that failed; zero: none is due

	desired     []Desired             // as the source says
	taken       bool                  // a scan has succeeded
	wanted      []Desired             // what of desired is asked for and not a newcomer
	newcomers   []Desired             // models that another repository serves
	refused     map[refusal]bool      // what has been logged
	wantedOf    map[string][]*Desired // wanted, by model
	generations generations
	retiring    []*generation // draining, to be retired once a table without them is out
	settings    *Settings
	saver       saver
	targets     map[string]map[string]int64 // where the names of each model are to stand; "" is the default
	names       map[string]standing         // where they stand
	forced      map[string]int              // how often a model was asked to load again though nothing had changed
	live        map[string]string           // which generation answers for each model without a version
	firsts      map[key]string              // files that were there before any version of their model took over, which need no trial
	unloaded    map[key]bool                // versions that served, were unloaded, and still have their files
	asks        asks
	first       bool // the first pass has ended
	stopping    bool
}

type key struct {
	name    string
	version int64
}

// scan is what the source answered.
type scan struct {
	id      int
	desired []Desired
	err     error
}

// generation is one observed generation of a version.
type generation struct {
	Desired
	state     State
	attempts  int
	terminal  bool
	next      time.Time
	err       error              // of the last load
	note      string             // of the servable, for the index
	why       string             // it is drained
	cancel    context.CancelFunc // of the load that goes on
	cancelled bool
	tried     bool // its number was on trial when that was looked up last
	version   *version
}

func newLoop(r *Reconciler, workers *sync.WaitGroup, now time.Time) *loop {
	l := &loop{
		Reconciler: r, workers: workers, reports: make(chan func()), scans: make(chan scan), began: now,
		unloaded: map[key]bool{}, asks: newAsks(r.o.LoadModels), settings: r.settings,
		forced: map[string]int{}, live: map[string]string{}, firsts: map[key]string{},
	}
	maps.Copy(l.asks.names, l.settings.Asked)
	return l
}

// stop makes the loop want nothing any more.
func (l *loop) stop() {
	l.stopping, l.desired = true, nil
	l.asks.answerAll(infer.ErrStopping)
}

// finished reports whether the loop was stopped and nothing is left.
func (l *loop) finished() bool {
	return l.stopping && len(l.generations.all) == 0 && !l.scanning && !l.saver.busy
}

// watching reports whether a change in the source matters.
func (l *loop) watching() bool { return l.o.Mode == ModePoll || !l.first || l.settling() }

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
	if l.stopping || ctx.Err() != nil {
		return
	}
	if s.err != nil {
		l.misses++
		l.nextScan = time.Now().Add(min(backoff(l.misses), lastRescan))
		l.o.Log.Error("read the model repository; what is served stays as it is", slog.Any("err", s.err))
		l.asks.sourceFailed(s)
	} else {
		l.misses, l.nextScan = 0, time.Time{}
		l.take(s)
	}
	if l.again {
		l.again = false
		l.scan(ctx)
	}
}

// take makes what the source says the desired state.
func (l *loop) take(s scan) {
	if l.o.Mode == ModeExplicit {
		l.takeAsked(s)
	} else {
		l.asks.look(s.id, groupDesired(s.desired), func(string) bool { return true })
		if l.watching() {
			l.desired = s.desired
		} else {
			l.takeForced(s)
		}
	}
	l.taken = true
	l.forgetGone()
	maps.DeleteFunc(l.unloaded, func(k key, _ bool) bool { return !l.listed(k) })
	maps.DeleteFunc(l.firsts, func(k key, _ string) bool { return !l.listed(k) })
}

// forgetGone forgets what versions of models took over that are not there any more, so
// that others of that name begin anew. Names and withdrawals stay: a model may come back.
func (l *loop) forgetGone() {
	for name, m := range l.settings.Models {
		if (m.Signature != nil || len(m.Accepted) > 0) && l.known(name) != nil {
			m.Live, m.Signature, m.Accepted, m.Trial = 0, nil, nil, nil
			delete(l.live, name)
			l.save(nil)
		}
	}
}

// listed reports whether the source has the version.
func (l *loop) listed(k key) bool {
	return slices.ContainsFunc(l.desired, func(d Desired) bool { return d.Name == k.name && d.Version == k.version })
}

// rescan begins the scan that is due after one that failed.
func (l *loop) rescan(ctx context.Context, now time.Time) {
	if l.nextScan.IsZero() || now.Before(l.nextScan) || l.stopping {
		return
	}
	l.nextScan = time.Time{}
	if l.watching() {
		l.scan(ctx)
	}
}

// want is what the source says, as far as it is asked for.
func (l *loop) want() []Desired {
	if l.o.Mode != ModeExplicit {
		return slices.Clone(l.desired)
	}
	return slices.DeleteFunc(slices.Clone(l.desired), func(d Desired) bool { return !l.asks.names[d.Name] })
}

func (l *loop) observed() []Observed {
	all := make([]Observed, len(l.generations.all))
	for i, g := range l.generations.all {
		all[i] = Observed{g.Name, g.Version, g.Root, g.Digest, g.Gate, g.state, g.cancelled, g.attempts, g.terminal, g.next}
	}
	return all
}

// reconcile plans, acts, publishes, and tells those who wait.
func (l *loop) reconcile(ctx context.Context, now time.Time) {
	have := l.observed()
	free := l.o.LoadThreads
	for _, o := range have {
		if o.State == Loading || o.State == Warming {
			free--
		}
	}
	l.wanted, l.newcomers = separate(l.want(), have)
	l.wantedOf = byModel(l.wanted)
	l.aim()
	l.complain()
	for _, a := range plan(l.wanted, have, Budget{Loads: free}, now) {
		l.act(ctx, a)
	}
	ended := !l.first && l.passed(now)
	l.first = l.first || ended
	rows := relevant(l.wanted, l.observed())
	l.moveNames()
	l.publish(rows)
	l.write()
	l.retire(ctx) // after the publication, so that a refused lease finds the newer table
	if ended {
		close(l.firstPass)
	}
	l.asks.answer(rows, l.generations.all)
}

// passed reports whether all that was there at the start is ready or has failed.
func (l *loop) passed(now time.Time) bool {
	loading := slices.ContainsFunc(l.generations.all, func(g *generation) bool { return g.state < Ready })
	return l.taken && !l.stopping && !loading && (!l.settling() || now.Sub(l.began) >= l.o.SettleGrace)
}

// settling reports whether a version still changes.
func (l *loop) settling() bool {
	return slices.ContainsFunc(l.want(), func(d Desired) bool { return d.Settling })
}

func (l *loop) act(ctx context.Context, a Action) {
	g := l.find(a)
	switch a.Op {
	case Enlist, Load:
		of := l.wantedOf[a.Name]
		d := *of[slices.IndexFunc(of, func(d *Desired) bool { return d.Version == a.Version && d.Digest == a.Digest })]
		added := g == nil
		if added {
			g = &generation{}
		}
		if g.Gate != d.Gate { // it is tried anew
			g.attempts, g.terminal = 0, false
		}
		g.Desired = d
		if added {
			l.generations.add(g)
		}
		g.Trial, g.Withdrawn = false, "" // these are looked up, for they change
		if a.Op == Load {
			l.startLoad(ctx, g)
		}
	case Drain:
		l.drain(g, a.Why)
	case Cancel:
		if g.state == Pending {
			l.remove(g)
			return
		}
		g.cancelled = true
		g.cancel()
	case Forget:
		l.remove(g)
	}
}

// find returns the generation that an action is about: the one that is not on its way out.
func (l *loop) find(a Action) *generation {
	for _, g := range l.generations.of[a.Name] {
		if g.Version == a.Version && g.Digest == a.Digest && g.state.stays() {
			return g
		}
	}
	return nil
}

func (l *loop) remove(g *generation) {
	l.generations.drop(func(o *generation) bool { return o == g })
}

// wake says in how long there may be something to do that nothing announces.
func (l *loop) wake(now time.Time) time.Duration {
	wait := time.Hour
	at := func(t time.Time) {
		if t.After(now) {
			wait = min(wait, t.Sub(now))
		}
	}
	for _, g := range l.generations.all {
		if g.state == Failed && !g.terminal {
			at(g.next)
		}
	}
	if !l.first {
		at(l.began.Add(l.o.SettleGrace))
	}
	at(l.nextScan)
	return wait
}
