package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/workload"
)

// phase is one measurement of a server under load.
type phase struct {
	loadResult
	Server usage   // over all requests
	Rows   float64 // in a batch; 0: not a model
	Others float64 // share of the processors that other programs used
}

// warmUp is the part of a load that is not measured, as a share of the rest.
const warmUp = 0.15

// tries is how often a measurement is made when others disturb it.
const tries = 5

// quietly repeats a measurement while other programs disturb it, and returns the
// least disturbed one.
func quietly[T any](limit float64, measure func() (T, float64, error)) (T, error) {
	var best T
	least := 2.0
	for range tries {
		result, others, err := measure()
		if err != nil {
			return best, err
		}
		if others < least {
			best, least = result, others
		}
		if others <= limit {
			break
		}
	}
	return best, nil
}

// served loads a server once.
func (b *bench) served(server *child, s workload.Model, connections int) (phase, error) {
	return quietly(b.s.quiet, func() (p phase, share float64, err error) {
		a := loadArgs{
			Address: b.echoAt, Model: s.Name, Connections: connections,
			WarmUp: time.Duration(float64(b.s.time) * warmUp), Duration: b.s.time,
		}
		if server == b.gateway {
			a.Address, a.Check = b.hello.Address, true
		}
		if server == b.running {
			a.Address = b.runningAt
		}
		before, rowsBefore, err := b.counters(server, s)
		if err != nil {
			return p, 0, err
		}
		began := time.Now()
		busy, _ := gauge.MachineBusy()
		if err := b.load.ask("load", a, &p.loadResult); err != nil {
			return p, 0, err
		}
		after, rows, err := b.counters(server, s)
		if err != nil {
			return p, 0, err
		}
		p.Server = after.since(before)
		p.Others = gauge.Others(began, busy, p.Server.CPU+p.CPU)
		if runs := rows.runs - rowsBefore.runs; runs > 0 {
			p.Rows = float64(rows.rows-rowsBefore.rows) / float64(runs)
		}
		return p, p.Others, nil
	})
}

// counted is what the gateway's statistics say of a model.
type counted struct{ rows, runs uint64 }

func (b *bench) counters(server *child, s workload.Model) (u usage, c counted, err error) {
	if err = server.ask("usage", nil, &u); err != nil || server != b.gateway {
		return u, c, err
	}
	resp, err := http.Get("http://" + b.hello.Address + "/v2/models/" + s.Name + "/stats") //nolint:noctx // our own server, on loopback
	if err != nil {
		return u, c, err
	}
	defer resp.Body.Close()
	var stats struct {
		Models []struct {
			Rows uint64 `json:"inference_count"`
			Runs uint64 `json:"execution_count"`
		} `json:"model_stats"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil || len(stats.Models) != 1 {
		return u, c, fmt.Errorf("statistics of %q: %w", s.Name, err)
	}
	return u, counted{stats.Models[0].Rows, stats.Models[0].Runs}, nil
}

// looped runs a plain loop once.
func (b *bench) looped(s workload.Model, c cell, d time.Duration) (plainResult, error) {
	return quietly(b.s.quiet, func() (r plainResult, share float64, err error) {
		var before, after usage
		if err := b.plain.ask("usage", nil, &before); err != nil {
			return r, 0, err
		}
		began := time.Now()
		busy, _ := gauge.MachineBusy()
		if err := b.plain.ask("measure", plainArgs{s.Name, c, d}, &r); err != nil {
			return r, 0, err
		}
		if err := b.plain.ask("usage", nil, &after); err != nil {
			return r, 0, err
		}
		return r, gauge.Others(began, busy, after.CPU-before.CPU), nil
	})
}

// cells are the ways of running a model that are tried: every batch size, thread
// counts up to the number of processors, and as many loops side by side as leaves
// none idle, or one.
func cells() []cell {
	processors := runtime.GOMAXPROCS(0)
	var threads []int
	for n := 1; n < processors; n *= 2 {
		threads = append(threads, n)
	}
	threads = append(threads, processors)
	var all []cell
	for _, batch := range []int{1, 2, 4, 8, 16, 32, 64, 128} {
		for _, t := range threads {
			loops := slices.Compact([]int{1, max(1, processors/t)})
			if t == processors && t > 1 {
				loops = append(loops, 2) // one gathers while the other computes
			}
			for _, l := range loops {
				all = append(all, cell{batch, t, l, false})
				if t > 1 {
					all = append(all, cell{batch, t, l, true})
				}
			}
		}
	}
	return all
}

// profile has both servers write a profile of what they do under the same load.
func (b *bench) profile(s workload.Model, connections int) error {
	if b.s.profiles == "" {
		return nil
	}
	dir, err := filepath.Abs(b.s.profiles)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, server := range []*child{b.echo, b.gateway} {
		if err := server.ask("profile", filepath.Join(dir, s.Name+"-"+server.name), nil); err != nil {
			return err
		}
		p, err := b.served(server, s, connections)
		if err != nil {
			return err
		}
		if err := server.ask("profile", "", nil); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: profile of the %s over %d requests in %s\n", s.Name, server.name, p.Total, dir)
	}
	return nil
}
