package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/workload"
)

// report is all that a run prints.
type report struct {
	When          string        `json:"date"`
	System        string        `json:"system"`
	Processors    int           `json:"processors"`
	GoMaxProcs    int           `json:"gomaxprocs"`
	GCPercent     int           `json:"gc_percent"`
	Go            string        `json:"go"`
	Runtime       string        `json:"onnxruntime,omitempty"`
	ClientThreads int           `json:"client_threads,omitempty"`
	Seconds       float64       `json:"seconds"`
	Rounds        int           `json:"rounds"`
	Models        []modelReport `json:"models,omitempty"`
	Memory        *memoryReport `json:"memory,omitempty"`
	Loads         *loadsReport  `json:"loads,omitempty"`
}

// modelReport is about one model. Rates are medians over the rounds; Ratio is the
// median of the rounds' own ratios, since E, R and G of one round share its weather.
type modelReport struct {
	Name        string       `json:"model"`
	What        string       `json:"what"`
	E           float64      `json:"e_requests_per_second"`
	R           float64      `json:"r_rows_per_second"`
	RCell       cell         `json:"r_loop"`
	RCPU        float64      `json:"r_cpu_us_per_row"`
	Ceiling     float64      `json:"ceiling_rows_per_second"`
	G           float64      `json:"g_rows_per_second"`
	Connections int          `json:"g_connections"`
	Ratio       float64      `json:"g_over_ceiling"`
	ByCPU       float64      `json:"g_over_ceiling_by_cpu_time"`
	Lowest      float64      `json:"g_over_ceiling_lowest_round"`
	Highest     float64      `json:"g_over_ceiling_highest_round"`
	Allocs      float64      `json:"allocations_above_bare_per_request"`
	AllocsAlone float64      `json:"allocations_above_bare_per_request_one_connection"`
	Unloaded    unloaded     `json:"unloaded"`
	Points      []point      `json:"points"`
	Sweep       []plainPoint `json:"plain_loops"`
	Others      float64      `json:"others"` // share of the processors, median over the measurements
}

// unloaded compares the latency of a lone caller with the least it could be: the
// bare handler's and a run of one row. Runs are the fastest plain loop's, whose
// threads may spin, and the one with the threads that a model is served with.
type unloaded struct {
	Gateway float64  `json:"gateway_p50_us"`
	Echo    float64  `json:"echo_p50_us"`
	Running float64  `json:"running_echo_p50_us"` // the bare handler that runs each row
	Ratio   float64  `json:"ratio"`               // to that
	Runs    []lonely `json:"runs"`
}

type lonely struct {
	Cell  cell    `json:"loop"`
	Run   float64 `json:"run_p50_us"`
	Ratio float64 `json:"ratio"`
}

// point is the gateway and the bare handler at one number of connections; times are
// in microseconds.
type point struct {
	Connections int     `json:"connections"`
	E           float64 `json:"e_requests_per_second"`
	G           float64 `json:"g_rows_per_second"`
	Ratio       float64 `json:"g_over_ceiling"`
	ByCPU       float64 `json:"g_over_ceiling_by_cpu_time"`
	P50         float64 `json:"p50_us"`
	P95         float64 `json:"p95_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	EchoP50     float64 `json:"echo_p50_us"`
	EchoP99     float64 `json:"echo_p99_us"`
	Rows        float64 `json:"rows_per_batch"`
	CPU         float64 `json:"server_cpu_us_per_request"`
	EchoCPU     float64 `json:"echo_cpu_us_per_request"`
	ClientCPU   float64 `json:"client_cpu_us_per_request"`
	EchoClient  float64 `json:"echo_client_cpu_us_per_request"`
	Allocs      float64 `json:"allocations_per_request"`
	EchoAllocs  float64 `json:"echo_allocations_per_request"`
	Bytes       float64 `json:"bytes_per_request"`
	EchoBytes   float64 `json:"echo_bytes_per_request"`
}

// ceiling is what client, front and model could do together on the same cores.
func ceiling(e, r float64) float64 {
	if e <= 0 || r <= 0 {
		return 0
	}
	return 1 / (1/e + 1/r)
}

// report computes the medians and the ratios.
func (r *rounds) report(s workload.Model, connections []int) modelReport {
	m := modelReport{Name: s.Name, What: s.What, Sweep: r.sweep}
	for _, c := range r.best {
		if rate := gauge.MedianOf(r.plain[c], func(p plainResult) float64 { return p.Rate }); rate > m.R {
			m.R, m.RCell = rate, c
			m.RCPU = gauge.MedianOf(r.plain[c], func(p plainResult) float64 { return micros(p.CPU) })
		}
	}
	var disturbed []float64
	for _, n := range connections {
		p := r.point(n, m.RCell)
		p.ByCPU = (p.EchoCPU + p.EchoClient + m.RCPU) / (p.CPU + p.ClientCPU)
		m.Points = append(m.Points, p)
		if p.G > m.G {
			m.G, m.E, m.Connections, m.Ratio, m.ByCPU, m.Allocs = p.G, p.E, n, p.Ratio, p.ByCPU, p.Allocs-p.EchoAllocs
		}
		for i, g := range r.gateway[n] {
			disturbed = append(disturbed, g.Others, r.echo[n][i].Others)
		}
	}
	m.Ceiling, m.Others = ceiling(m.E, m.R), gauge.Median(disturbed)
	for i, ratio := range r.ratios(m.Connections, m.RCell) {
		if i == 0 || ratio < m.Lowest {
			m.Lowest = ratio
		}
		m.Highest = max(m.Highest, ratio)
	}
	m.alone(r)
	return m
}

// ratios are the rounds' own, at n connections.
func (r *rounds) ratios(n int, c cell) []float64 {
	var all []float64
	for i, g := range r.gateway[n] {
		all = append(all, g.Rate/ceiling(r.echo[n][i].Rate, r.plain[c][i].Rate))
	}
	return all
}

func (r *rounds) point(n int, c cell) point {
	g, e := r.gateway[n], r.echo[n]
	per := func(f func(phase) float64) func(phase) float64 {
		return func(p phase) float64 { return f(p) / float64(max(1, p.Total)) }
	}
	rate := func(p phase) float64 { return p.Rate }
	p50 := func(p phase) float64 { return micros(p.P50) }
	p99 := func(p phase) float64 { return micros(p.P99) }
	cpu := per(func(p phase) float64 { return micros(p.Server.CPU) })
	clientCPU := per(func(p phase) float64 { return micros(p.CPU) })
	mallocs := per(func(p phase) float64 { return float64(p.Server.Mallocs) })
	size := per(func(p phase) float64 { return float64(p.Server.Bytes) })
	return point{
		Connections: n, E: gauge.MedianOf(e, rate), G: gauge.MedianOf(g, rate), Ratio: gauge.Median(r.ratios(n, c)),
		P50: gauge.MedianOf(g, p50), P95: gauge.MedianOf(g, func(p phase) float64 { return micros(p.P95) }), P99: gauge.MedianOf(g, p99),
		P999: gauge.MedianOf(g, func(p phase) float64 { return micros(p.P999) }), EchoP50: gauge.MedianOf(e, p50), EchoP99: gauge.MedianOf(e, p99),
		Rows: gauge.MedianOf(g, func(p phase) float64 { return p.Rows }), CPU: gauge.MedianOf(g, cpu), EchoCPU: gauge.MedianOf(e, cpu),
		ClientCPU: gauge.MedianOf(g, clientCPU), EchoClient: gauge.MedianOf(e, clientCPU),
		Allocs: gauge.MedianOf(g, mallocs), EchoAllocs: gauge.MedianOf(e, mallocs), Bytes: gauge.MedianOf(g, size), EchoBytes: gauge.MedianOf(e, size),
	}
}

// alone fills in what needs a measurement at one connection.
func (m *modelReport) alone(r *rounds) {
	if len(r.gateway[1]) == 0 {
		return
	}
	for _, p := range m.Points {
		if p.Connections == 1 {
			m.AllocsAlone = p.Allocs - p.EchoAllocs
			m.Unloaded.Gateway, m.Unloaded.Echo = p.P50, p.EchoP50
		}
	}
	var ratios []float64
	for i, g := range r.gateway[1] {
		ratios = append(ratios, float64(g.P50)/float64(r.running[i].P50))
	}
	m.Unloaded.Running, m.Unloaded.Ratio = gauge.MedianOf(r.running, func(p phase) float64 { return micros(p.P50) }), gauge.Median(ratios)
	for _, c := range r.single {
		var ratios []float64
		for i, g := range r.gateway[1] {
			ratios = append(ratios, float64(g.P50)/float64(r.echo[1][i].P50+r.plain[c][i].P50))
		}
		run := gauge.MedianOf(r.plain[c], func(p plainResult) float64 { return micros(p.P50) })
		m.Unloaded.Runs = append(m.Unloaded.Runs, lonely{c, run, gauge.Median(ratios)})
	}
}

// sweepShown is how many of the plain loops are printed.
const sweepShown = 5

func (r report) print(to io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(to)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(to, "%s, %s, %d processors (GOMAXPROCS %d, GOGC %d), %s, ONNX Runtime %s; medians of %d rounds of %v a measurement; client of %d thread(s)\n",
		r.When, r.System, r.Processors, r.GoMaxProcs, r.GCPercent, r.Go, r.Runtime, r.Rounds, time.Duration(r.Seconds*float64(time.Second)), r.ClientThreads)
	for _, m := range r.Models {
		m.print(to, w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if r.Memory != nil {
		r.Memory.print(to)
	}
	if r.Loads != nil {
		r.Loads.print(to)
	}
	return nil
}

func (m modelReport) print(to io.Writer, w io.Writer) {
	fmt.Fprintf(to, "\n%s: %s (other programs used %.0f%% of the processors)\n", m.Name, m.What, 100*m.Others)
	fmt.Fprintf(to, "  E, bare Gin handler       %8.0f requests/s at %d connections\n", m.E, m.Connections)
	fmt.Fprintf(to, "  R, plain ONNX Runtime     %8.0f rows/s, %.1f us of a processor each: %v\n", m.R, m.RCPU, m.RCell)
	fmt.Fprintf(to, "  ceiling, 1/(1/E + 1/R)    %8.0f rows/s\n", m.Ceiling)
	fmt.Fprintf(to, "  G, the gateway            %8.0f rows/s at %d connections\n", m.G, m.Connections)
	fmt.Fprintf(to, "  G/ceiling                 %8.3f (rounds: %.3f to %.3f); by processor time %.3f\n", m.Ratio, m.Lowest, m.Highest, m.ByCPU)
	fmt.Fprintf(to, "  allocations a request     %8.1f above the bare handler's; %.1f at one connection, where a request is a batch\n", m.Allocs, m.AllocsAlone)
	if u := m.Unloaded; u.Running > 0 {
		fmt.Fprintf(to, "  unloaded, one row         %8.2f times %.0f us (a bare handler that runs the row): %.0f us\n", u.Ratio, u.Running, u.Gateway)
	}
	for _, u := range m.Unloaded.Runs {
		fmt.Fprintf(to, "  unloaded, one row         %8.2f times %.0f us (bare handler) + %.0f us (run: %v): %.0f us\n", u.Ratio, m.Unloaded.Echo, u.Run, u.Cell, m.Unloaded.Gateway)
	}
	fmt.Fprintf(to, "  best plain loops          ")
	for i, p := range m.Sweep[:min(sweepShown, len(m.Sweep))] {
		if i > 0 {
			fmt.Fprint(to, "; ")
		}
		fmt.Fprintf(to, "%.0f/s (%v)", p.Rate, p.Cell)
	}
	fmt.Fprint(to, "\n\n")
	fmt.Fprintln(w, "connections\tE req/s\tG rows/s\tG/ceiling\tby CPU\trows/batch\tp50 ms\tp95\tp99\tp99.9\tE p50\tE p99\tCPU us/req\tclient\tE CPU\tE client\tallocs/req\tE allocs\tbytes/req\tE bytes\t")
	for _, p := range m.Points {
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.3f\t%.3f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n",
			p.Connections, p.E, p.G, p.Ratio, p.ByCPU, p.Rows, p.P50/1e3, p.P95/1e3, p.P99/1e3, p.P999/1e3, p.EchoP50/1e3, p.EchoP99/1e3,
			p.CPU, p.ClientCPU, p.EchoCPU, p.EchoClient, p.Allocs, p.EchoAllocs, p.Bytes, p.EchoBytes)
	}
}
