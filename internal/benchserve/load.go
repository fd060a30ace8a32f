package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/loadclient"
	"galatea/internal/workload"
)

// loadSetup is what the client keeps for the whole run.
type loadSetup struct {
	Models  map[string][][]byte    // requests by model
	Answers map[string][][]float32 // and the right answer to each
	Threads int
}

// loadArgs describe one load.
type loadArgs struct {
	Address     string
	Model       string
	Connections int
	WarmUp      time.Duration
	Duration    time.Duration
	Check       bool // whether the server computes the answers
}

// loadResult is what it measured.
type loadResult struct {
	Rate                float64 // answers a second
	Answers, Total      uint64
	CPU                 time.Duration // of the client
	Mean, P50, P95, P99 time.Duration
	P999, Max           time.Duration
}

// tolerance is what another kernel for another number of rows may change.
const tolerance = 1e-5

type loadPart struct{ setup loadSetup }

func startLoad(_ context.Context, setup json.RawMessage) (part, any, error) {
	p := &loadPart{}
	return p, nil, json.Unmarshal(setup, &p.setup)
}

// answer runs a load. Any error of the load is an error here: rates of a server
// that fails are not worth comparing.
func (p *loadPart) answer(ctx context.Context, what string, args json.RawMessage) (any, error) {
	var a loadArgs
	if err := json.Unmarshal(args, &a); err != nil || what != "load" {
		return nil, fmt.Errorf("no answer to %q: %w", what, err)
	}
	o := loadclient.Options{
		Address: a.Address, Requests: p.setup.Models[a.Model], Connections: a.Connections, Threads: p.setup.Threads,
		WarmUp: a.WarmUp, Duration: a.Duration, Patience: 30 * time.Second,
	}
	if a.Check {
		o.Check = func(request, _ int, body []byte) error {
			right := p.setup.Answers[a.Model][request]
			got, err := workload.Floats(body, len(right))
			if err == nil && !workload.Near(got, right, tolerance) {
				err = fmt.Errorf("row %d: got %v, expected %v", request, got, right)
			}
			return err
		}
	}
	before, err := gauge.ProcessCPU()
	if err != nil {
		return nil, err
	}
	r, err := loadclient.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	if r.Errors > 0 {
		return nil, fmt.Errorf("%d of %d requests failed, the first so: %w", r.Errors, r.Total+r.Errors, r.First)
	}
	after, err := gauge.ProcessCPU()
	h := &r.Latency
	return loadResult{
		Rate: r.Rate(), Answers: r.Answers, Total: r.Total, CPU: after - before, Mean: h.Mean(),
		P50: h.Quantile(0.5), P95: h.Quantile(0.95), P99: h.Quantile(0.99), P999: h.Quantile(0.999), Max: h.Max(),
	}, err
}

func (p *loadPart) close() error { return nil }
