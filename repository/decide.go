package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"galatea/config"
	"galatea/infer"
)

// ErrChoice says that what was asked for cannot be done with the versions that there
// are. It is wrapped with the reason.
var ErrChoice = errors.New("not possible now")

func notPossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrChoice, fmt.Sprintf(format, args...))
}

// SetLabel lets a label stand for a version, which must be ready, until the model's
// config says something else of it; version 0 gives it back to the config. A label of
// "" is what a request without a version gets. It returns when that is in effect and
// kept. Errors: infer.ErrUnknownModel, ErrUnknownVersion, ErrNotReady, ErrChoice, the
// Store's, and those of a ctx that ends.
func (r *Reconciler) SetLabel(ctx context.Context, name, label string, version int64) error {
	if label != "" && !config.ValidLabel(label) {
		return notPossible("%q is not a label: expected a letter, then up to 127 letters, digits, dots, dashes and underscores", label)
	}
	return r.edit(ctx, edit{name: name, change: func(l *loop) error { return l.setLabel(name, label, version) }})
}

// RollBack takes the version out of service that is on trial, or loads to be, or else the
// one that a request without a version gets, and lets the one before it answer. Only this
// generation is meant: other files under the same number serve again. why is for the
// index and the log. It returns the version that is withdrawn. Errors are SetLabel's.
func (r *Reconciler) RollBack(ctx context.Context, name, why string) (version int64, err error) {
	err = r.edit(ctx, edit{name: name, change: func(l *loop) (err error) {
		version, err = l.rollBack(name, why)
		return err
	}})
	return version, err
}

// Promote ends a trial: the version takes over. With a version, that version is
// readmitted if it was withdrawn. Errors are SetLabel's.
func (r *Reconciler) Promote(ctx context.Context, name string, version int64, why string) error {
	return r.edit(ctx, edit{name: name, change: func(l *loop) error { return l.promote(name, version, why) }})
}

// Judge is Promote or RollBack for who watches a trial: it does nothing unless the
// trial of this very generation still goes on.
func (r *Reconciler) Judge(ctx context.Context, t TrialInfo, take bool, why string) error {
	return r.edit(ctx, edit{name: t.Model, change: func(l *loop) error {
		current := l.settings.get(t.Model).Trial
		if current == nil || current.Version != t.Version || current.Digest != t.Digest {
			return nil
		}
		if take {
			return l.promote(t.Model, 0, why)
		}
		_, err := l.rollBack(t.Model, why)
		return err
	}})
}

// Advance notes that a trial has come to a step of its plan.
func (r *Reconciler) Advance(ctx context.Context, t TrialInfo, step int) error {
	return r.edit(ctx, edit{name: t.Model, change: func(l *loop) error {
		current := l.settings.get(t.Model).Trial
		if current == nil || current.Version != t.Version || current.Digest != t.Digest {
			return nil
		}
		current.Step, current.Since = step, time.Now()
		l.event(Event{Kind: EventTrial, Model: t.Model, Version: t.Version, Digest: t.Digest, Text: t.Plan.Describe(step)})
		return nil
	}})
}

// known returns an error unless the model has files or serves.
func (l *loop) known(name string) error {
	if slices.ContainsFunc(l.desired, func(d Desired) bool { return d.Name == name }) ||
		len(l.generations.of[name]) > 0 {
		return nil
	}
	return infer.ErrUnknownModel
}

func (l *loop) setLabel(name, label string, version int64) error {
	if err := l.known(name); err != nil {
		return err
	}
	if version != 0 {
		switch g := l.serving(name, version); {
		case g == nil && l.listed(key{name, version}):
			return infer.ErrNotReady
		case g == nil:
			return infer.ErrUnknownVersion
		case label == "" && l.onTrial(g):
			return notPossible("version %d is on trial: promote it first", version)
		}
	}
	policy := l.policy(name)
	m := l.settings.of(name)
	if label == "" {
		m.Default = pin(version, policy.Default)
		return nil
	}
	m.setLabel(label, version, policy.Labels[label])
	return nil
}

func pin(version, config int64) *Pin {
	if version == 0 {
		return nil
	}
	return &Pin{Version: version, Config: config}
}

// policy is the model's, as its config has it.
func (l *loop) policy(name string) Policy {
	for _, d := range l.wantedOf[name] {
		return d.Policy
	}
	return Policy{}
}

func (l *loop) rollBack(name, why string) (version int64, err error) {
	if err := l.known(name); err != nil {
		return 0, err
	}
	m := l.settings.of(name)
	var digest string
	if d, tried := l.trying(name); tried {
		version, digest = d.Version, plainDigest(d.Digest)
	} else {
		g := l.standard(name)
		switch {
		case g == nil:
			return 0, infer.ErrNoVersion
		case l.before(g) == 0:
			return 0, notPossible("version %d of '%s' has no other to roll back to", g.Version, name)
		}
		version, digest = g.Version, plainDigest(g.Digest)
	}
	m.withdraw(Withdrawal{Version: version, Digest: digest, Why: why, At: time.Now().UTC()})
	if m.Trial != nil && m.Trial.Version == version {
		m.Trial = nil
	}
	m.Accepted = slices.DeleteFunc(m.Accepted, func(d string) bool { return d == digest })
	if m.Live == version {
		m.Live = 0
	}
	if m.Default != nil && m.Default.Version == version {
		m.Default = nil
	}
	l.o.Log.Warn("rolled back", slog.String("model", name), slog.Int64("version", version), slog.String("digest", digest), slog.String("why", why))
	l.event(Event{Kind: EventWithdrawn, Model: name, Version: version, Digest: digest, Text: why})
	return version, nil
}

// trying finds the version of a model that is on trial, or is being loaded for that.
func (l *loop) trying(name string) (Desired, bool) {
	t := l.settings.get(name).Trial
	for _, d := range l.wantedOf[name] {
		if t != nil && d.Trial && d.Version == t.Version && plainDigest(d.Digest) == t.Digest {
			return *d, true
		}
	}
	return Desired{}, false
}

// before returns the version that answers when g does not; 0: there is none.
func (l *loop) before(g *generation) int64 {
	best := int64(0)
	for _, d := range l.wantedOf[g.Name] {
		if d.Version != g.Version && d.Withdrawn == "" && d.Err == nil && !d.Settling && !l.refusedAlready(*d) {
			best = max(best, d.Version)
		}
	}
	for _, o := range l.generations.of[g.Name] {
		if o.Version != g.Version && o.state == Ready && !l.onTrial(o) {
			best = max(best, o.Version)
		}
	}
	return best
}

func (l *loop) refusedAlready(d Desired) bool {
	return slices.ContainsFunc(l.generations.of[d.Name], func(g *generation) bool {
		return g.Version == d.Version && g.Digest == d.Digest && g.state == Failed && g.terminal && g.Gate == d.Gate
	})
}

func (l *loop) promote(name string, version int64, why string) error {
	if err := l.known(name); err != nil {
		return err
	}
	m := l.settings.of(name)
	g := l.trialOf(name)
	switch {
	case version != 0 && (g == nil || g.Version != version):
		if !l.listed(key{name, version}) {
			return infer.ErrUnknownVersion
		}
		m.readmit(version)
		for _, d := range l.wantedOf[name] {
			if d.Version == version {
				m.accept(plainDigest(d.Digest)) // so that it needs no trial
			}
		}
		return nil
	case g == nil:
		return notPossible("no version of '%s' is on trial", name)
	}
	l.takeOver(g, why)
	return nil
}

// takeOver ends a trial in g's favour.
func (l *loop) takeOver(g *generation, why string) {
	m := l.settings.of(g.Name)
	m.Trial = nil
	m.accept(plainDigest(g.Digest))
	l.o.Log.Info("promoted", g.attrs(slog.String("why", why))...)
	l.happened(g, EventPromoted, why)
}

// plainDigest is a digest as the source has it, without the mark of a forced load.
func plainDigest(digest string) string {
	plain, _, _ := strings.Cut(digest, "#")
	return plain
}

// standard returns the generation that a request without a version gets, or nil: the
// default's; else the newest that is wanted and not on trial; else the newest that is there
// and not on trial.
func (l *loop) standard(name string) *generation {
	if version, set := l.names[name][""]; set {
		if g := l.serving(name, version); g != nil {
			return g
		}
	}
	wanted := map[int64]bool{}
	for _, d := range l.wantedOf[name] {
		if d.Withdrawn == "" {
			wanted[d.Version] = true
		}
	}
	rank := func(g *generation) int {
		if wanted[g.Version] {
			return 1
		}
		return 0
	}
	var best *generation
	for _, g := range l.generations.of[name] {
		if g.state != Ready || l.serving(name, g.Version) != g || l.onTrial(g) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(g), rank(best)), cmp.Compare(g.Version, best.Version)) > 0 {
			best = g
		}
	}
	return best
}
