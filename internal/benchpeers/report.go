package main

import (
	"math"
	"slices"

	"galatea/internal/gauge"
)

// report is all that a run finds out.
type report struct {
	When          string        `json:"date"`
	System        string        `json:"system"`
	Processors    int           `json:"processors"`
	Runtime       string        `json:"onnxruntime"`
	Rounds        int           `json:"rounds"`
	Seconds       float64       `json:"seconds"`
	ClientThreads int           `json:"client_threads"`
	Models        []modelReport `json:"models"`
}

type modelReport struct {
	Name string `json:"model"`
	What string `json:"what"`
	Rows []*row `json:"servers"`
}

// visit is one round's measurements of one server, between its start and its end.
type visit struct {
	Samples   []sample `json:"loads"`
	Processes int      `json:"processes"`
	Resident  int64    `json:"resident_bytes"`     // of all processes; 0: not known
	Shared    int64    `json:"proportional_bytes"` // of all processes, what they share counted once; 0: not known
}

// sample is one load.
type sample struct {
	Connections int     `json:"connections"`
	Rate        float64 `json:"requests_per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	Others      float64 `json:"others"` // share of the processors that other programs used
}

// row is one server. What it measured is the median over the rounds, at its best number of
// connections; the ratios are medians of the rounds' own.
type row struct {
	Server      string  `json:"server"`
	What        string  `json:"what"`
	Releases    string  `json:"releases,omitempty"`
	Format      string  `json:"format"`
	Invalid     string  `json:"invalid,omitempty"` // why there are no figures
	Connections int     `json:"best_connections,omitempty"`
	Rate        float64 `json:"requests_per_second,omitempty"`
	Lowest      float64 `json:"requests_per_second_lowest_round,omitempty"`
	Highest     float64 `json:"requests_per_second_highest_round,omitempty"`
	P50         float64 `json:"p50_ms,omitempty"`
	P99         float64 `json:"p99_ms,omitempty"`
	Processes   int     `json:"processes,omitempty"`
	Resident    float64 `json:"resident_bytes,omitempty"`
	Shared      float64 `json:"proportional_bytes,omitempty"`
	Others      float64 `json:"others"`

	Same   ratios  `json:"ratios_to_galatea_in_the_same_format"`
	Binary ratios  `json:"ratios_to_galatea_in_binary"`
	Visits []visit `json:"rounds"`

	// AtItsRate is Galatea's p99 when requests in the same kind of format become due at Rate.
	AtItsRate float64  `json:"galatea_p99_ms_at_its_rate,omitempty"`
	Paced     []sample `json:"galatea_at_its_rate,omitempty"`
	NotPaced  string   `json:"galatea_at_its_rate_failed,omitempty"` // why AtItsRate is not known

	against string // Galatea's row in the same kind of format
	best    int    // which of a round's loads is the best
}

// ratios are a server's figures divided by Galatea's; 0 where one is not known.
type ratios struct {
	Rate   float64 `json:"requests_per_second"`
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Memory float64 `json:"memory"`
}

// fail makes the row one without figures; the first reason stays.
func (r *row) fail(why string) {
	if r.Invalid == "" {
		r.Invalid = why
	}
}

// nearBest is how far below the best a rate may be for its number of connections to count
// as best, too: of those, the fewest are taken, which make the latency lowest.
const nearBest = 0.97

// summarize computes the medians of all rows, then the ratios.
func (m *modelReport) summarize() {
	for _, r := range m.Rows {
		if r.Invalid == "" {
			r.summarize()
		}
	}
	for _, r := range m.Rows {
		if r.against = galateaJSON; r.Format == binaryV2.name {
			r.against = galatea
		}
		r.Binary = r.over(m.row(galatea))
		if !r.ours() {
			r.Same = r.over(m.row(r.against))
		}
	}
}

// ours reports whether the server is Galatea, which is not compared with itself.
func (r *row) ours() bool { return r.Server == galatea || r.Server == galateaJSON }

// row is the row of a server, or nil.
func (m *modelReport) row(server string) *row {
	if i := slices.IndexFunc(m.Rows, func(r *row) bool { return r.Server == server }); i >= 0 {
		return m.Rows[i]
	}
	return nil
}

// median is that over the rounds, of the loads with one number of connections.
func (r *row) median(load int, f func(sample) float64) float64 {
	return gauge.MedianOf(r.Visits, func(v visit) float64 { return f(v.Samples[load]) })
}

func rate(s sample) float64 { return s.Rate }
func p50(s sample) float64  { return s.P50 }
func p99(s sample) float64  { return s.P99 }

// summarize finds the best number of connections and computes the medians. Every round
// has the same loads.
func (r *row) summarize() {
	loads := r.Visits[0].Samples
	top := 0.0
	for i := range loads {
		top = max(top, r.median(i, rate))
	}
	if top == 0 {
		r.fail("no answer in the measured time: -duration makes it longer")
		return
	}
	r.best = 0
	for r.median(r.best, rate) < nearBest*top {
		r.best++
	}
	r.Connections = loads[r.best].Connections
	r.Rate, r.P50, r.P99 = r.median(r.best, rate), r.median(r.best, p50), r.median(r.best, p99)
	r.Lowest, r.Highest = math.Inf(1), 0
	for _, v := range r.Visits {
		r.Lowest, r.Highest = min(r.Lowest, v.Samples[r.best].Rate), max(r.Highest, v.Samples[r.best].Rate)
	}
	r.Others = r.median(r.best, func(s sample) float64 { return s.Others })
	r.Processes = r.Visits[0].Processes
	r.Resident = gauge.MedianOf(r.Visits, func(v visit) float64 { return float64(v.Resident) })
	r.Shared = gauge.MedianOf(r.Visits, func(v visit) float64 { return float64(v.Shared) })
}

// over is this row divided by another, round by round; zero without figures of both.
func (r *row) over(o *row) ratios {
	if o == nil || r.Invalid != "" || o.Invalid != "" {
		return ratios{}
	}
	each := func(f func(*row, visit) float64) float64 {
		var all []float64
		for i := range min(len(r.Visits), len(o.Visits)) {
			if below := f(o, o.Visits[i]); below > 0 {
				all = append(all, f(r, r.Visits[i])/below)
			}
		}
		return gauge.Median(all)
	}
	return ratios{
		Rate:   each(func(r *row, v visit) float64 { return v.Samples[r.best].Rate }),
		P50:    each(func(r *row, v visit) float64 { return v.Samples[r.best].P50 }),
		P99:    each(func(r *row, v visit) float64 { return v.Samples[r.best].P99 }),
		Memory: each(func(_ *row, v visit) float64 { return float64(v.memory()) }),
	}
}

// memory is the fairest size that is known.
func (v visit) memory() int64 {
	if v.Shared > 0 {
		return v.Shared
	}
	return v.Resident
}
