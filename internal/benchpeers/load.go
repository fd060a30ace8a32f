package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/loadclient"
	"galatea/internal/process"
	"galatea/internal/workload"
)

// load is what one model's servers are loaded with.
type load struct {
	*bench
	model       workload.Model
	repository  string
	connections []int
	right       [][]float32   // the answers
	spare       time.Duration // that may still go into loads that are made again
}

// share is an equal part of the time for loads that are made again: the rounds of each
// model have one, and so have Galatea's paced loads.
func (l *load) share() time.Duration { return l.s.again / time.Duration(2*len(l.s.models)) }

// warmUp is the part of a load that is not measured, as a share of the rest.
const warmUp = 0.25

// visit starts a server, loads it at each number of connections, and ends it.
func (l *load) visit(ctx context.Context, v server) (out visit, err error) {
	p, err := l.start(ctx, v)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.stop(p)) }()
	requests := v.format.requests(l.model)
	for _, n := range l.connections {
		s, err := l.measure(ctx, p, loadclient.Options{Requests: requests, Connections: n, Check: v.format.checker(l.right)})
		if err != nil {
			return out, fmt.Errorf("%w; its log ends: %s", err, p.Tail(3))
		}
		out.Samples = append(out.Samples, s)
	}
	f, err := gauge.Tree(p.PID())
	if err == nil {
		out.Processes, out.Resident, out.Shared = f.Processes, f.Resident, f.Shared
	}
	return out, nil // without a /proc, the memory is not known
}

// start starts a server in a folder of its own.
func (l *load) start(ctx context.Context, v server) (*process.Process, error) {
	ports, err := process.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.work, v.name+"-")
	if err != nil {
		return nil, err
	}
	place := place{
		model: l.model, repository: l.repository, binary: l.s.binary, library: l.library,
		environment: l.environment(v.environment), scripts: filepath.Clean(l.scripts()), port: ports[0],
	}
	c := v.command(place)
	c.Dir, c.Address = dir, fmt.Sprintf("127.0.0.1:%d", place.port)
	return process.Start(ctx, c)
}

// stop ends a server. How it ends is its own business.
func (l *load) stop(p *process.Process) error {
	if l.s.logs {
		fmt.Fprintf(os.Stderr, "%s\n", p.Log())
	}
	return p.Stop()
}

// mostTries is how often a load is made when other programs disturb it.
const mostTries = 4

// measure loads a server, and again while other programs disturb it and there is time
// left for that; what was disturbed least counts.
func (l *load) measure(ctx context.Context, p *process.Process, o loadclient.Options) (sample, error) {
	var best sample
	for try := range mostTries {
		began := time.Now()
		s, err := l.once(ctx, p, o)
		if err != nil {
			return s, err
		}
		if try == 0 || s.Others < best.Others {
			best = s
		}
		if try > 0 {
			l.spare -= time.Since(began)
		}
		if best.Others <= l.s.quiet || l.spare <= 0 {
			break
		}
	}
	return best, nil
}

// once loads a server once. Any error of the load is an error here: the rates of a
// server that fails are not worth comparing. One that is too slow to answer in the
// measured time has a rate of 0.
func (l *load) once(ctx context.Context, p *process.Process, o loadclient.Options) (s sample, err error) {
	o.Address, o.Threads, o.Patience = p.Address, l.s.threads, 30*time.Second
	o.Duration, o.WarmUp = l.s.duration, time.Duration(float64(l.s.duration)*warmUp)
	before := l.used(p)
	began := time.Now()
	busy, _ := gauge.MachineBusy()
	r, err := loadclient.Run(ctx, o)
	if err != nil {
		return s, err
	}
	if r.Errors > 0 {
		return s, fmt.Errorf("%d of %d requests failed, the first so: %w", r.Errors, r.Total+r.Errors, r.First)
	}
	return sample{
		Connections: o.Connections, Rate: r.Rate(), P50: millis(r.Latency.Quantile(0.5)), P99: millis(r.Latency.Quantile(0.99)),
		Others: gauge.Others(began, busy, l.used(p)-before),
	}, nil
}

// used is the processor time of the server and of this client.
func (l *load) used(p *process.Process) time.Duration {
	own, err := gauge.ProcessCPU()
	f, treeErr := gauge.Tree(p.PID())
	if err != nil || treeErr != nil {
		return 0
	}
	return own + f.CPU
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pacedConnections are enough for no request to wait for one, unless Galatea is overloaded.
const pacedConnections = 256

// paced sends Galatea, in each peer's kind of format, that peer's top rate.
func (l *load) paced(ctx context.Context, m *modelReport) error {
	for _, v := range servers() {
		if v.environment != "" {
			continue
		}
		var peers []*row
		for _, r := range m.Rows {
			if r.against == v.name && r.Invalid == "" && !r.ours() {
				peers = append(peers, r)
			}
		}
		if g := m.row(v.name); g == nil || g.Invalid != "" || len(peers) == 0 {
			continue
		}
		if err := l.pacedFor(ctx, v, peers); err != nil {
			return fmt.Errorf("start %s for the rates of others: %w", v.name, err)
		}
	}
	return nil
}

func (l *load) pacedFor(ctx context.Context, v server, peers []*row) (err error) {
	p, err := l.start(ctx, v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop(p)) }()
	requests := v.format.requests(l.model)
	for n := range l.s.rounds {
		for _, r := range peers {
			fmt.Fprintf(os.Stderr, "%s: %s at the rate of %s, %d of %d\n", l.model.Name, v.name, r.Server, n+1, l.s.rounds)
			s, err := l.measure(ctx, p, loadclient.Options{
				Requests: requests, Connections: pacedConnections, Rate: r.Rate, Check: v.format.checker(l.right),
			})
			if err != nil {
				r.NotPaced = err.Error()
				continue
			}
			r.Paced = append(r.Paced, s)
		}
	}
	for _, r := range peers {
		if r.NotPaced == "" {
			r.AtItsRate = gauge.MedianOf(r.Paced, p99)
		}
	}
	return nil
}
