package repository

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"galatea/config"
)

// TrialInfo describes a rollout that goes on, to who carries it out.
type TrialInfo struct {
	Model   string
	Version int64
	Digest  string
	Stable  int64 // the version that serves meanwhile
	Lanes   int   // instances of the version on trial
	Step    int
	Since   time.Time // of the step
	Plan    config.Plan
}

// aim tells the plan what was decided at run time: which versions have names, which are
// withdrawn, and which are on trial.
func (l *loop) aim() {
	l.targets = map[string]map[string]int64{}
	for i := range l.wanted {
		d := &l.wanted[i]
		m := l.settings.get(d.Name)
		if l.targets[d.Name] == nil {
			if l.settings.Models[d.Name] != nil && !d.Policy.Unknown && l.settings.of(d.Name).dropStale(d.Policy) {
				l.save(nil)
				m = l.settings.get(d.Name)
			}
			l.targets[d.Name] = m.names(d.Policy)
		}
		d.Policy.Kept = l.names[d.Name].kept(l.targets[d.Name])
		if why := m.withdrawn(d.Version, d.Digest); why != "" {
			d.Withdrawn = "rolled back: " + why
		}
	}
	for name, versions := range l.wantedOf {
		l.tryNext(name, versions)
	}
	for i := range l.wanted {
		l.wanted[i].Digest = l.loadDigest(&l.wanted[i])
	}
	for _, g := range l.generations.all {
		if d, listed := l.sought(g); listed {
			g.tried = d.Trial
		}
	}
}

// tryNext puts the newest version that has not taken over yet on trial, where the model
// has a strategy and an older version has. Others that are newer than that one wait. A
// trial whose version is not there any more is over.
func (l *loop) tryNext(name string, versions []*Desired) {
	m := l.settings.get(name)
	next := l.next(versions)
	if next == nil {
		if m.Trial != nil && !versions[0].Policy.Unknown {
			l.settings.of(name).Trial = nil
			l.save(nil)
		}
		return
	}
	for _, d := range versions {
		if d.Trial && d != next && l.candidate(d) {
			d.Withdrawn = fmt.Sprintf("waits for the trial of version %d", next.Version)
		}
	}
	if m.Trial == nil || m.Trial.Version != next.Version || m.Trial.Digest != next.Digest {
		l.settings.of(name).Trial = &Trial{Version: next.Version, Digest: next.Digest, Since: time.Now().UTC()}
		l.save(nil)
	}
}

// next marks the versions of a model that have not taken over yet, and returns the one to
// be tried; nil: none.
func (l *loop) next(versions []*Desired) *Desired {
	if m := l.settings.get(versions[0].Name); m.Live == 0 && len(m.Accepted) == 0 {
		for _, d := range versions {
			if !d.Settling && !l.unfit(d) {
				l.firsts[key{d.Name, d.Version}] = d.Digest
			}
		}
	}
	strategy := versions[0].Policy.Rollout.Strategy
	proven := l.proven(versions)
	if proven == 0 || strategy != config.StrategyCanary && strategy != config.StrategyShadow {
		return nil
	}
	var next *Desired
	for _, d := range versions {
		if d.Version <= proven {
			continue
		}
		// What was on trial stays so until it is gone: while the files under its number are
		// others, whatever comes of these, and when it was rolled back.
		g := l.serving(d.Name, d.Version)
		d.Trial = g != nil && g.tried
		if l.candidate(d) {
			d.Trial = true
			if next == nil || d.Version > next.Version {
				next = d
			}
		}
	}
	return next
}

// proven returns the newest version that needs no trial, since it has taken over: with
// these files or, where it answers, with those before them. One that cannot serve does
// not count, or there would be nothing to try others against.
func (l *loop) proven(versions []*Desired) int64 {
	m := l.settings.get(versions[0].Name)
	newest := int64(0)
	for _, d := range versions {
		taken := slices.Contains(m.Accepted, d.Digest) || d.Version == m.Live
		if taken && d.Withdrawn == "" && d.Policy.admits(d.Version) && (l.serving(d.Name, d.Version) != nil || !l.unfit(d)) {
			newest = max(newest, d.Version)
		}
	}
	return newest
}

// unfit reports whether a version's files cannot be loaded, as far as that is known.
func (l *loop) unfit(d *Desired) bool {
	loaded := *d
	loaded.Digest = l.loadDigest(d)
	return d.Err != nil || l.refusedAlready(loaded)
}

// loadDigest is a version's digest with the mark of a forced load.
func (l *loop) loadDigest(d *Desired) string {
	if n := l.forced[d.Name]; n > 0 {
		return fmt.Sprintf("%s#%d", d.Digest, n)
	}
	return d.Digest
}

// candidate reports whether a version can be tried beside the one that serves. Other
// files under a number that serves already cannot, unless that is on trial itself: the
// number stands for one of them.
func (l *loop) candidate(d *Desired) bool {
	g := l.serving(d.Name, d.Version)
	return d.Version != 0 && l.firsts[key{d.Name, d.Version}] != d.Digest && d.Withdrawn == "" && d.Policy.admits(d.Version) && !d.Settling && !l.unfit(d) &&
		(g == nil || g.tried || plainDigest(g.Digest) == d.Digest)
}

// onTrial reports whether a generation is one that is on trial, or waits for that.
func (l *loop) onTrial(g *generation) bool {
	if d, listed := l.sought(g); listed {
		return d.Trial
	}
	return g.tried
}

// sought finds what is wanted of a generation's number.
func (l *loop) sought(g *generation) (d *Desired, listed bool) {
	for _, d := range l.wantedOf[g.Name] {
		if d.Version == g.Version {
			return d, true
		}
	}
	return nil, false
}

// trialOf returns the model's generation that is on trial and ready, or nil.
func (l *loop) trialOf(name string) *generation {
	t := l.settings.get(name).Trial
	for _, g := range l.generations.of[name] {
		if t != nil && g.state == Ready && g.Version == t.Version && plainDigest(g.Digest) == t.Digest && l.onTrial(g) {
			return g
		}
	}
	return nil
}

// trialReady says that a trial can begin, since its version is ready.
func (l *loop) trialReady(g *generation) {
	t := l.settings.get(g.Name).Trial
	if t == nil || t.Version != g.Version || t.Digest != plainDigest(g.Digest) || !l.onTrial(g) {
		return
	}
	t.Since = time.Now().UTC()
	plan := l.policy(g.Name).Rollout
	l.happened(g, EventTrial, plan.Describe(t.Step))
	l.o.Log.Info("on trial", g.attrs(slog.String("why", plan.Describe(t.Step)))...)
	l.save(nil)
}

// trial describes the model's trial, where one goes on and another version serves.
func (l *loop) trial(name string) *TrialInfo {
	g := l.trialOf(name)
	if g == nil {
		return nil
	}
	stable := l.standard(name)
	if stable == nil || stable == g {
		return nil
	}
	t := l.settings.get(name).Trial
	plan := l.policy(name).Rollout
	lanes := 1
	if c := g.version.servable.Info().Config; c != nil {
		lanes = c.Lanes()
	}
	return &TrialInfo{
		Lanes: lanes, Model: name, Version: g.Version, Digest: t.Digest, Stable: stable.Version,
		Step: min(t.Step, max(0, len(plan.Steps)-1)), Since: t.Since, Plan: plan,
	}
}

// saver writes the settings, one version of them at a time.
type saver struct {
	busy    bool
	again   bool
	waiters []chan error // of the next write
}

// save keeps the settings as they are now and then answers done, if there is one. What
// is decided holds even where it cannot be kept; who asked is told.
func (l *loop) save(done chan error) {
	if done != nil {
		l.saver.waiters = append(l.saver.waiters, done)
	}
	l.saver.again = true
}

// write begins a write that is due, in a worker.
func (l *loop) write() {
	if l.saver.busy || !l.saver.again {
		return
	}
	waiters := l.saver.waiters
	store := l.o.Store
	if store == nil {
		l.saver = saver{}
		for _, w := range waiters {
			w <- nil
		}
		return
	}
	l.saver = saver{busy: true}
	data, err := l.settings.encode()
	l.workers.Go(func() {
		if err == nil {
			err = store.Save(data)
		}
		l.reports <- func() {
			l.saver.busy = false
			if err != nil {
				err = fmt.Errorf("in effect, but it would not survive a restart: %w", err)
				l.o.Log.Error("keep what was decided", slog.Any("err", err))
			}
			for _, w := range waiters {
				w <- err
			}
		}
	})
}
