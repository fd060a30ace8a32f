package repository

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"galatea/infer"
)

// Mode says who decides which models are served; the names are Triton's.
type Mode string

// The modes.
const (
	ModeNone     Mode = "none"     // all models, looked at once
	ModePoll     Mode = "poll"     // all models, watched
	ModeExplicit Mode = "explicit" // those that were asked for, with the files that they had then
)

// Options tune a Reconciler. The zero value of each field is sensible.
type Options struct {
	Mode         Mode          // "" is ModePoll
	LoadModels   []string      // ModeExplicit: the models asked for at start; "*" is all that are there then
	LoadThreads  int           // loads at a time; 0 is 4
	LoadAttempts int           // tries at files that do not load, before they are given up; 0 is 3
	DrainTimeout time.Duration // how long requests in a version that goes may take; 0 is 30 s
	SettleGrace  time.Duration // how long the first pass waits for files that still change; 0 is 5 s
	Settings     *Settings     // what was decided before; New takes it over. nil: nothing
	Store        Store         // keeps what is decided at run time over a restart; nil: nothing does
	Log          *slog.Logger  // nil: no log
}

// Reconciler keeps what is served equal to what is wanted. Run is the one goroutine
// that changes anything; the other methods, which any goroutine may call, talk to it.
type Reconciler struct {
	source    Source
	load      Loader
	router    *Router
	o         Options
	edits     chan edit
	events    *Events
	settings  *Settings // Run's, once it runs
	firstPass chan struct{}
	stopped   chan struct{}
}

// edit is a change of what is wanted, by name.
type edit struct {
	name   string
	unload bool
	again  bool                // load though nothing has changed
	change func(l *loop) error // what else is to be done, by the owner; nil: load or unload
	done   chan error          // capacity 1
}

// New returns a reconciler that publishes to router.
func New(source Source, load Loader, router *Router, o Options) *Reconciler {
	if o.Mode == "" {
		o.Mode = ModePoll
	}
	if o.LoadThreads <= 0 {
		o.LoadThreads = 4
	}
	if o.LoadAttempts <= 0 {
		o.LoadAttempts = 3
	}
	if o.DrainTimeout <= 0 {
		o.DrainTimeout = 30 * time.Second
	}
	if o.SettleGrace <= 0 {
		o.SettleGrace = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Settings == nil {
		o.Settings = &Settings{Models: map[string]*ModelSettings{}}
	}
	return &Reconciler{
		source: source, load: load, router: router, o: o, events: newEvents(), settings: o.Settings,
		edits: make(chan edit), firstPass: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Mode returns the mode.
func (r *Reconciler) Mode() Mode { return r.o.Mode }

// FirstPass is closed when everything that was there at the start is ready or has failed.
func (r *Reconciler) FirstPass() <-chan struct{} { return r.firstPass }

// Events is the history of what changed.
func (r *Reconciler) Events() *Events { return r.events }

// Load asks for a model, and for what its files are now, and waits until that is
// ready; files that failed are tried again. It returns infer.ErrUnknownModel when the
// source has no such model (what serves of it stays), a *LoadError when a version
// fails, the source's error when it cannot be read, ErrMode outside ModeExplicit,
// infer.ErrStopping at the end of Run, and ctx's error when that ends first; the load
// goes on then.
func (r *Reconciler) Load(ctx context.Context, name string) error {
	return r.edit(ctx, edit{name: name})
}

// Reload is Load for a model whose files have not changed: what serves of it is loaded a
// second time and replaced, in every mode.
func (r *Reconciler) Reload(ctx context.Context, name string) error {
	return r.edit(ctx, edit{name: name, again: true})
}

// Unload says that a model is not wanted any more. It does not wait for the
// requests in it, and an unknown name is no error. It returns ErrMode outside
// ModeExplicit.
func (r *Reconciler) Unload(ctx context.Context, name string) error {
	return r.edit(ctx, edit{name: name, unload: true})
}

// ErrMode says that models are not loaded and unloaded by request in this mode.
var ErrMode = fmt.Errorf("models are asked for by request in mode %s only", ModeExplicit)

func (r *Reconciler) edit(ctx context.Context, e edit) error {
	if r.o.Mode != ModeExplicit && e.change == nil && !e.again {
		return ErrMode
	}
	e.done = make(chan error, 1)
	select {
	case r.edits <- e:
	case <-r.stopped:
		return infer.ErrStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-e.done:
		return err
	case <-r.stopped:
		return infer.ErrStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// LoadError says which versions of a model failed to load, in Triton's words.
type LoadError struct {
	Name     string
	Failures []Failure
}

// Failure is a version that failed to load. Version 0 is the model as a whole.
type Failure struct {
	Version int64
	Text    string
}

// Error lists the failures.
func (e *LoadError) Error() string {
	text := fmt.Sprintf("load failed for model '%s': ", e.Name)
	for _, f := range e.Failures {
		if f.Version == 0 {
			text += f.Text + ";\n"
			continue
		}
		text += fmt.Sprintf("version %d is at UNAVAILABLE state: %s;\n", f.Version, f.Text)
	}
	return text
}

// Run reconciles until ctx ends, then drains everything and returns. It may be called once.
func (r *Reconciler) Run(ctx context.Context) {
	defer close(r.stopped)
	var workers sync.WaitGroup
	defer workers.Wait()
	l := newLoop(r, &workers, time.Now())
	l.scan(ctx)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for !l.finished() {
		changed, done := r.source.Changed(), ctx.Done()
		if l.stopping {
			changed, done = nil, nil
		}
		select {
		case <-done:
			l.stop()
		case <-changed:
			if l.watching() {
				l.scan(ctx)
			}
		case s := <-l.scans:
			l.scanned(ctx, s)
		case report := <-l.reports:
			report()
		case e := <-r.edits:
			l.edited(ctx, e)
		case <-timer.C:
		}
		now := time.Now()
		l.rescan(ctx, now)
		l.reconcile(ctx, now)
		timer.Reset(l.wake(now))
	}
}
