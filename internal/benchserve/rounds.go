package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"galatea/internal/workload"
)

// plainKept is how many of the sweep's best cells are measured again in each round.
const plainKept = 6

// rounds are all measurements of one model: for each number of connections, and
// for each plain loop, one in each round.
type rounds struct {
	sweep   []plainPoint
	echo    map[int][]phase
	gateway map[int][]phase
	running []phase // the bare handler that runs each row, at one connection
	plain   map[cell][]plainResult
	best    []cell // for throughput
	single  []cell // for the latency of one row: the fastest, and as it is served by default
}

// plainPoint is a cell of the sweep.
type plainPoint struct {
	Cell cell    `json:"cell"`
	Rate float64 `json:"rows_per_second"`
	P50  float64 `json:"run_p50_us"`
	CPU  float64 `json:"cpu_us_per_row"`
}

// model measures one model in all rounds.
func (b *bench) model(s workload.Model) (modelReport, error) {
	r := &rounds{echo: map[int][]phase{}, gateway: map[int][]phase{}, plain: map[cell][]plainResult{}}
	if err := b.sweep(s, r); err != nil {
		return modelReport{}, err
	}
	for n := range b.s.rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", s.Name, n+1, b.s.rounds)
		if err := b.round(s, r); err != nil {
			return modelReport{}, err
		}
	}
	m := r.report(s, b.s.connections)
	return m, b.profile(s, m.Connections)
}

// sweep looks for the best plain loops.
func (b *bench) sweep(s workload.Model, r *rounds) error {
	fmt.Fprintf(os.Stderr, "%s: looking for the best plain loop\n", s.Name)
	for _, c := range cells() {
		p, err := b.looped(s, c, b.s.sweep)
		if err != nil {
			return err
		}
		r.sweep = append(r.sweep, plainPoint{c, p.Rate, micros(p.P50), micros(p.CPU)})
	}
	slices.SortStableFunc(r.sweep, func(a, b plainPoint) int { return cmp.Compare(b.Rate, a.Rate) })
	for _, p := range r.sweep[:min(plainKept, len(r.sweep))] {
		r.best = append(r.best, p.Cell)
	}
	fastest := slices.MinFunc(r.sweep, func(a, b plainPoint) int {
		return cmp.Or(cmp.Compare(a.Cell.Batch, b.Cell.Batch), cmp.Compare(a.Cell.Loops, b.Cell.Loops), cmp.Compare(a.P50, b.P50))
	})
	r.single = []cell{fastest.Cell, {Batch: 1, Threads: runtime.GOMAXPROCS(0), Loops: 1}}
	return nil
}

// round makes each measurement once, the kinds in turn, so that a slow minute of
// the machine hits all alike.
func (b *bench) round(s workload.Model, r *rounds) error {
	loops := slices.Clone(r.best)
	for _, c := range r.single {
		if !slices.Contains(loops, c) {
			loops = append(loops, c)
		}
	}
	for i := range max(len(b.s.connections), len(loops)) {
		if i < len(b.s.connections) {
			p, err := b.served(b.echo, s, b.s.connections[i])
			if err != nil {
				return err
			}
			r.echo[b.s.connections[i]] = append(r.echo[b.s.connections[i]], p)
			if b.s.connections[i] == 1 {
				if p, err = b.served(b.running, s, 1); err != nil {
					return err
				}
				r.running = append(r.running, p)
			}
		}
		if i < len(loops) {
			p, err := b.looped(s, loops[i], b.s.time)
			if err != nil {
				return err
			}
			r.plain[loops[i]] = append(r.plain[loops[i]], p)
		}
		if i < len(b.s.connections) {
			p, err := b.served(b.gateway, s, b.s.connections[i])
			if err != nil {
				return err
			}
			r.gateway[b.s.connections[i]] = append(r.gateway[b.s.connections[i]], p)
		}
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
