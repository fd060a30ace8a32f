package rollout

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"galatea/config"
	"galatea/infer"
)

// Judge is told what a trial has led to.
type Judge interface {
	// Advance says that the trial has come to its next step.
	Advance(ctx context.Context, t Trial, step int) error
	// Judge ends it: the new version takes over, or is rolled back.
	Judge(ctx context.Context, t Trial, take bool, why string) error
}

// Options tune a Director.
type Options struct {
	Trial  func(model string) (Trial, bool) // the trial of a model that goes on; called for every request
	Trials func() []Trial                   // all that go on
	Judge  Judge
	Every  time.Duration // between looks at the trials; 0 is 200 ms
	Log    *slog.Logger  // nil: no log
}

// Director places the requests of models that have a trial.
type Director struct {
	next infer.Handler
	o    Options

	copies sync.WaitGroup // requests that run a second time

	mu   sync.Mutex
	runs map[string]*run // by digest
}

var _ infer.Handler = (*Director)(nil)

// New returns a Director in front of next, which answers a request without a version
// with the version that serves.
func New(next infer.Handler, o Options) *Director {
	if o.Every <= 0 {
		o.Every = 200 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Director{next: next, o: o, runs: map[string]*run{}}
}

// Sticky returns the header by which a model's callers are placed now; "": none.
func (d *Director) Sticky(ref infer.Ref) string {
	if ref.Version != 0 || ref.Label != "" {
		return ""
	}
	t, goesOn := d.o.Trial(ref.Name)
	if !goesOn {
		return ""
	}
	return t.Plan.StickyHeader
}

// Infer answers a request. A request that the new version fails to answer for a reason of
// its own is answered by the old one.
func (d *Director) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	if req.Model.Version != 0 || req.Model.Label != "" {
		return d.next.Infer(ctx, req)
	}
	t, goesOn := d.o.Trial(req.Model.Name)
	if !goesOn {
		return d.next.Infer(ctx, req)
	}
	r := d.run(&t)
	if t.Plan.Strategy == config.StrategyShadow {
		return d.shadow(ctx, req, &t, r)
	}
	return d.canary(ctx, req, &t, r)
}

// run finds what is known of a trial.
func (d *Director) run(t *Trial) *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.runs[t.Digest]
	if r == nil {
		r = newRun(t)
		d.runs[t.Digest] = r
	}
	return r
}

func (d *Director) canary(ctx context.Context, req *infer.Request, t *Trial, r *run) (*infer.Response, error) {
	if !r.chosen(t, req.Affinity, t.percent()) {
		return d.stable(ctx, req, t, r)
	}
	began := time.Now()
	req.Model.Version = t.Version
	resp, err := d.next.Infer(ctx, req)
	req.Model.Version = 0
	took := time.Since(began)
	switch {
	case err == nil:
		r.count(t, func(c *Counts) { c.Requests++; c.Latency += took })
		if every(&r.sampled, t.Plan.ComparePercent) {
			got := func() *infer.Response { return resp }
			d.again(ctx, req, t, r, 0, got)
		}
		return resp, nil
	case ctx.Err() != nil:
		return nil, err // the caller's own doing
	}
	resp, stableErr := d.next.Infer(ctx, req)
	// A request that neither takes is the caller's own doing, too.
	if !gone(err) && (stableErr == nil || !errors.Is(err, infer.ErrInvalid)) {
		r.count(t, func(c *Counts) { c.Requests++; c.Errors++ })
	}
	return resp, stableErr
}

// gone reports whether the version is not there any more, which is no fault of its.
func gone(err error) bool {
	for _, is := range []error{infer.ErrNotReady, infer.ErrUnknownVersion, infer.ErrNoVersion, infer.ErrUnknownModel, infer.ErrStopping} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// stable lets the version answer that serves, and counts how it does.
func (d *Director) stable(ctx context.Context, req *infer.Request, t *Trial, r *run) (*infer.Response, error) {
	began := time.Now()
	resp, err := d.next.Infer(ctx, req)
	took := time.Since(began)
	switch {
	case err == nil:
		r.count(t, func(c *Counts) { c.StableRequests++; c.StableLatency += took })
	case ctx.Err() == nil && !errors.Is(err, infer.ErrInvalid) && !gone(err):
		r.count(t, func(c *Counts) { c.StableRequests++; c.StableErrors++ })
	}
	return resp, err
}

func (d *Director) shadow(ctx context.Context, req *infer.Request, t *Trial, r *run) (*infer.Response, error) {
	resp, err := d.stable(ctx, req, t, r)
	if err == nil && r.chosen(t, "", t.percent()) {
		d.again(ctx, req, t, r, t.Version, func() *infer.Response { return resp })
	}
	return resp, err
}

// copyTimeout is how long a request may take that nobody waits for.
const copyTimeout = 30 * time.Second

// again runs a request a second time, behind its caller's back, and compares what comes
// of it with the first answer. version is who answers now: 0, the one that serves, or the
// new one. Where enough such requests run already, nothing happens.
func (d *Director) again(ctx context.Context, req *infer.Request, t *Trial, r *run, version int64, first func() *infer.Response) {
	select {
	case r.copies <- struct{}{}:
	default:
		return
	}
	answer := copied(first())
	second := &infer.Request{
		Model: infer.Ref{Namespace: req.Model.Namespace, Name: req.Model.Name, Version: version}, ID: req.ID,
		Inputs: append(req.Inputs[:0:0], req.Inputs...), Outputs: req.Outputs, Priority: req.Priority, Tenant: req.Tenant,
	}
	req.Retain()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), copyTimeout)
	d.copies.Go(func() {
		defer func() {
			cancel()
			req.Release()
			<-r.copies
		}()
		began := time.Now()
		resp, err := d.next.Infer(ctx, second)
		took := time.Since(began)
		defer resp.Release()
		switch {
		case err == nil && version != 0:
			r.count(t, func(c *Counts) { c.Requests++; c.Latency += took })
			r.compared(t, resp.Outputs, answer)
		case err == nil:
			r.compared(t, answer, resp.Outputs)
		case version != 0 && !gone(err):
			r.count(t, func(c *Counts) { c.Requests++; c.Errors++ })
		}
	})
}

// Counts returns what the trial has shown in its present step.
func (d *Director) Counts(t Trial) Counts { return d.run(&t).snapshot(&t) }

// Run looks at the trials until ctx ends, and then waits for the requests that still run
// a second time.
func (d *Director) Run(ctx context.Context) {
	defer d.copies.Wait()
	ticker := time.NewTicker(d.o.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		d.look(ctx, time.Now())
	}
}

// look decides about each trial.
func (d *Director) look(ctx context.Context, now time.Time) {
	trials := d.o.Trials()
	d.forget(trials)
	for _, t := range trials {
		verdict, why := Decide(t.Plan, t.Step, now.Sub(t.Since), d.Counts(t))
		var err error
		switch verdict {
		case GoOn:
		case NextStep:
			err = d.o.Judge.Advance(ctx, t, t.Step+1)
		case Promote, RollBack:
			err = d.o.Judge.Judge(ctx, t, verdict == Promote, why)
		}
		if err != nil && ctx.Err() == nil {
			d.o.Log.Error("carry out a rollout", slog.String("model", t.Model), slog.Int64("version", t.Version), slog.Any("err", err))
		}
	}
}

// forget drops what is known of trials that are over.
func (d *Director) forget(trials []Trial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	goesOn := map[string]bool{}
	for _, t := range trials {
		goesOn[t.Digest] = true
	}
	for digest := range d.runs {
		if !goesOn[digest] {
			delete(d.runs, digest)
		}
	}
}
