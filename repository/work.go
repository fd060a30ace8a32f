package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"galatea/infer"
)

// Waits after a failure, of a load and of a scan.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	lastRescan = 15 * time.Second
)

// backoff says how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	return min(firstRetry<<min(failures-1, 20), lastRetry)
}

// startLoad opens g in a worker. The load's ctx ends when plan says so, not with Run's.
func (l *loop) startLoad(ctx context.Context, g *generation) {
	ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	g.state = Loading
	l.o.Log.Info("loading", g.attrs()...)
	l.happened(g, EventLoading, "")
	d := g.Desired
	// Callers know the versions below the one that took over last, so these may be what they
	// are: one that is rolled back to, or that serves beside it after a restart.
	if m := l.settings.get(g.Name); g.Version >= m.Live {
		d.Live = m.Signature
	}
	l.workers.Go(func() {
		began := time.Now()
		s, err := l.loadSafely(ctx, d, func(phase State) {
			l.reports <- func() {
				if phase > g.state && phase < Ready {
					g.state = phase
					l.happened(g, phase.String(), "")
				}
			}
		})
		took := time.Since(began)
		l.reports <- func() { l.loaded(g, s, err, took) }
	})
}

// loadSafely makes an error of a panic, so that one model cannot stop the others.
func (l *loop) loadSafely(ctx context.Context, d Desired, phase func(State)) (s Servable, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.o.Log.Error("panic while loading", slog.String("model", d.Name), slog.Int64("version", d.Version),
				slog.Any("err", p), slog.String("stack", string(debug.Stack())))
			s, err = nil, Terminal(fmt.Errorf("panic while loading: %v", p))
		}
	}()
	s, err = l.load(ctx, d, phase)
	if s == nil && err == nil {
		err = Terminal(errors.New("the loader returned nothing"))
	}
	return s, err
}

// loaded takes the result of a load. What arrives for a load that was cancelled is
// drained without having been published: its files may have been half new.
func (l *loop) loaded(g *generation, s Servable, err error, took time.Duration) {
	g.cancel()
	if err == nil {
		g.version = newVersion(infer.ID{Name: g.Name, Version: g.Version, Digest: g.Digest}, s)
	}
	switch {
	case err == nil && g.cancelled:
		l.drain(g, "no longer wanted")
	case err == nil:
		g.state, g.attempts, g.err, g.note = Ready, 0, nil, s.Info().Note
		l.happened(g, EventReady, g.note)
		l.trialReady(g)
		l.o.Log.Info("ready", g.attrs(slog.Duration("took", took))...)
	case g.cancelled:
		l.o.Log.Info("load cancelled", g.attrs()...)
		l.remove(g)
	default:
		g.state, g.err = Failed, err
		g.attempts++
		g.terminal = errors.Is(err, ErrTerminal) || g.attempts >= l.o.LoadAttempts
		g.next = time.Now().Add(backoff(g.attempts))
		l.failed(g)
		l.o.Log.Error("failed to load", g.attrs(slog.Any("err", err), slog.Int("attempt", g.attempts), slog.Bool("final", g.terminal))...)
	}
}

// failed records a load that failed.
func (l *loop) failed(g *generation) {
	e := Event{Kind: EventFailed, Model: g.Name, Version: g.Version, Digest: g.Digest, Text: g.err.Error()}
	if g.terminal {
		e.Kind = EventRefused
		delete(l.firsts, key{g.Name, g.Version})
	}
	if gate, is := errors.AsType[*GateError](g.err); is {
		e.Gate = gate.Gate
	}
	if g.terminal {
		l.router.refusals.add(g.Name, e.Gate)
	}
	l.event(e)
}

// drain says that g is to go; the next table is without it.
func (l *loop) drain(g *generation, why string) {
	g.state, g.why = Draining, why
	l.retiring = append(l.retiring, g)
	l.o.Log.Info("draining", g.attrs(slog.String("why", why))...)
}

// retire waits, in workers, for the requests in the generations that the last table
// has dropped, and closes them.
func (l *loop) retire(ctx context.Context) {
	for _, g := range l.retiring {
		g.version.retire()
		l.happened(g, EventDraining, g.why) // after the table without it is out
		l.workers.Go(func() { l.closeIdle(ctx, g) })
	}
	l.retiring = nil
}

// closeIdle closes g's servable when it is idle, or when the drain's time is up. A
// drain outlives the end of Run's ctx.
func (l *loop) closeIdle(ctx context.Context, g *generation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.DrainTimeout)
	defer cancel()
	select {
	case <-g.version.idle:
	case <-ctx.Done():
	}
	l.reports <- func() { g.state = Closing }
	err := l.closeSafely(ctx, g.version.servable)
	l.reports <- func() { l.closed(g, err) }
}

// closeSafely makes an error of a panic.
func (l *loop) closeSafely(ctx context.Context, s Servable) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while closing: %v\n%s", p, debug.Stack())
		}
	}()
	return s.Close(ctx)
}

func (l *loop) closed(g *generation, err error) {
	g.state = Gone
	l.happened(g, EventGone, "")
	l.remove(g)
	if k := (key{g.Name, g.Version}); l.listed(k) {
		l.unloaded[k] = true
	}
	if err != nil {
		l.o.Log.Error("closed", g.attrs(slog.Any("err", err))...)
		return
	}
	l.o.Log.Info("closed", g.attrs()...)
}

// attrs names g in a log line.
func (g *generation) attrs(more ...any) []any {
	return append([]any{
		slog.String("model", g.Name), slog.Int64("version", g.Version),
		slog.String("digest", g.Digest), slog.String("state", g.state.String()),
	}, more...)
}
