package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"galatea/backend"
	"galatea/backend/onnx"
	"galatea/internal/gauge"
	"galatea/internal/latency"
	"galatea/internal/workload"
)

// cell is a way to run a model in a plain loop.
type cell struct {
	Batch   int  `json:"batch"`
	Threads int  `json:"threads"` // of one operator
	Loops   int  `json:"loops"`   // side by side, on one session
	Spin    bool `json:"spin"`    // idle threads spin
}

func (c cell) String() string {
	spin := ""
	if c.Spin {
		spin = ", spinning"
	}
	return fmt.Sprintf("batch %d, %d threads, %d loops%s", c.Batch, c.Threads, c.Loops, spin)
}

// plainArgs describe one measurement.
type plainArgs struct {
	Model    string
	Cell     cell
	Duration time.Duration
}

// plainResult is what it measured.
type plainResult struct {
	Rate float64       // rows a second
	P50  time.Duration // of a run
	CPU  time.Duration // for a row
}

// plainPart runs models without anything around them.
type plainPart struct {
	runtime *onnx.Runtime
	root    string
	models  map[sessionKey]backend.Model
}

type sessionKey struct {
	model   string
	threads int
	spin    bool
}

func startPlain(_ context.Context, setup json.RawMessage) (part, any, error) {
	var s gatewaySetup
	if err := json.Unmarshal(setup, &s); err != nil {
		return nil, nil, err
	}
	p, err := openPlain(s)
	return p, nil, err
}

func openPlain(s gatewaySetup) (*plainPart, error) {
	r, err := onnx.Open(s.Library, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	return &plainPart{runtime: r, root: s.Root, models: map[sessionKey]backend.Model{}}, err
}

func (p *plainPart) answer(ctx context.Context, what string, args json.RawMessage) (any, error) {
	switch what {
	case "measure":
		var a plainArgs
		if err := json.Unmarshal(args, &a); err != nil {
			return nil, err
		}
		return p.measure(ctx, a)
	case "answers": // the argument is a model
		var model string
		if err := json.Unmarshal(args, &model); err != nil {
			return nil, err
		}
		s, err := workload.Named(model)
		if err != nil {
			return nil, err
		}
		m, err := p.model(ctx, s, 1, false)
		if err != nil {
			return nil, err
		}
		return s.Answers(ctx, m)
	case "usage":
		return processUsage()
	default:
		return nil, fmt.Errorf("no answer to %q", what)
	}
}

func (p *plainPart) close() error {
	var errs []error
	for _, m := range p.models {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// model opens a session, or returns the one that is open.
func (p *plainPart) model(ctx context.Context, s workload.Model, threads int, spin bool) (backend.Model, error) {
	key := sessionKey{s.Name, threads, spin}
	if m := p.models[key]; m != nil {
		return m, nil
	}
	o := backend.Options{IntraOpThreads: threads, Entries: map[string]string{"session.intra_op.allow_spinning": "0"}}
	if spin { // for as long as the runtime has them by default
		o.Entries["session.intra_op.allow_spinning"] = "1"
	}
	m, err := p.runtime.Load(ctx, backend.Artifact{
		Name: s.Name, File: s.File(p.root), Signature: s.Signature(), Devices: []backend.Device{{}}, Options: o,
	})
	if err == nil {
		p.models[key] = m
	}
	return m, err
}

// measure runs the cell's loops for the given time.
func (p *plainPart) measure(ctx context.Context, a plainArgs) (plainResult, error) {
	s, err := workload.Named(a.Model)
	if err != nil {
		return plainResult{}, err
	}
	m, err := p.model(ctx, s, a.Cell.Threads, a.Cell.Spin)
	if err != nil {
		return plainResult{}, err
	}
	loops := make([]plainLoop, a.Cell.Loops)
	for i := range loops {
		if loops[i].instance, err = m.NewInstance(ctx, backend.Device{}); err != nil {
			return plainResult{}, err
		}
	}
	before, err := gauge.ProcessCPU()
	if err != nil {
		return plainResult{}, err
	}
	var wg sync.WaitGroup
	for i := range loops {
		wg.Go(func() { loops[i].run(ctx, s, a) })
	}
	wg.Wait()
	after, err := gauge.ProcessCPU()
	var total plainResult
	var all latency.Histogram
	for i := range loops {
		err = errors.Join(err, loops[i].err, loops[i].instance.Close())
		total.Rate += loops[i].rate
		all.Merge(&loops[i].runs)
	}
	total.P50 = all.Quantile(0.5)
	// Each loop's first run is not in its histogram.
	total.CPU = (after - before) / time.Duration(a.Cell.Batch*(int(all.Count())+len(loops)))
	return total, err
}

// plainLoop runs one instance.
type plainLoop struct {
	instance backend.Instance
	runs     latency.Histogram
	rate     float64
	err      error
}

// run executes the same batch again and again, the first time unmeasured. The rows
// lie where the runtime reads them, and the answers stay where it wrote them.
func (l *plainLoop) run(ctx context.Context, s workload.Model, a plainArgs) {
	x := s.Batch(a.Cell.Batch)
	if _, l.err = workload.Run(ctx, l.instance, x); l.err != nil {
		return
	}
	began := time.Now()
	for at := began; at.Sub(began) < a.Duration || l.runs.Count() < 2; {
		if _, l.err = workload.Run(ctx, l.instance, x); l.err != nil {
			return
		}
		now := time.Now()
		l.runs.Record(now.Sub(at))
		at = now
		l.rate = float64(a.Cell.Batch) * float64(l.runs.Count()) / at.Sub(began).Seconds()
	}
}
