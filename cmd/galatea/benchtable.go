package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"galatea/internal/bench"
	"galatea/internal/client"
)

// benchLevel is what came of one level of load; times are in milliseconds, those of the
// server per request.
type benchLevel struct {
	Callers   int               `json:"callers,omitempty"` // of a closed loop
	Due       float64           `json:"due,omitempty"`     // requests a second, of an open one
	Rate      float64           `json:"requests_per_second"`
	RowRate   float64           `json:"rows_per_second"`
	P50       float64           `json:"p50_ms"`
	P90       float64           `json:"p90_ms"`
	P95       float64           `json:"p95_ms"`
	P99       float64           `json:"p99_ms"`
	P999      float64           `json:"p99_9_ms"`
	Max       float64           `json:"max_ms"`
	Answers   uint64            `json:"answers"`
	Failed    uint64            `json:"failed"`
	Errors    map[string]uint64 `json:"errors"`
	Queue     float64           `json:"server_queue_ms"`
	Input     float64           `json:"server_compute_input_ms"`
	Infer     float64           `json:"server_compute_infer_ms"`
	Output    float64           `json:"server_compute_output_ms"`
	BatchRows float64           `json:"server_rows_per_execution"`
}

func levelOf(l bench.Load, r *bench.Result, rows int, s client.Statistics) benchLevel {
	at := func(q float64) float64 { return millis(r.Latency.Quantile(q)) }
	each := func(sum client.Sum) float64 { return float64(sum.NS) / 1e6 / float64(max(1, s.Success.Count)) }
	b := benchLevel{
		Callers: l.Callers, Due: l.Rate, Rate: r.Rate(), RowRate: r.Rate() * float64(rows),
		P50: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999), Max: millis(r.Latency.Max()),
		Answers: r.Answers, Failed: r.Failed(), Errors: r.Errors,
		Queue: each(s.Queue), Input: each(s.Input), Infer: each(s.Infer), Output: each(s.Output),
		BatchRows: float64(s.Rows) / float64(max(1, s.Executions)),
	}
	if l.Rate > 0 {
		b.Callers = 0
	}
	return b
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printBenchJSON(all []benchLevel) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return printLine(text)
}

// printBench prints the levels as a table, as a chart, and what went wrong.
func printBench(all []benchLevel, open bool) error {
	load := "CALLERS"
	if open {
		load = "DUE/S"
	}
	rows := [][]string{{load, "ANSWERS/S", "ROWS/S", "P50", "P90", "P95", "P99", "P99.9", "FAILED", "QUEUE", "INPUT", "INFER", "OUTPUT", "BATCH"}}
	for _, b := range all {
		rows = append(rows, []string{
			b.load(), fmt.Sprintf("%.0f", b.Rate), fmt.Sprintf("%.0f", b.RowRate),
			inMillis(b.P50), inMillis(b.P90), inMillis(b.P95), inMillis(b.P99), inMillis(b.P999), fmt.Sprint(b.Failed),
			inMillis(b.Queue), inMillis(b.Input), inMillis(b.Infer), inMillis(b.Output), fmt.Sprintf("%.1f", b.BatchRows),
		})
	}
	if err := printTable(rows); err != nil {
		return err
	}
	_, err := fmt.Printf("\nTimes in ms: P50 to P99.9 until the answer is here; QUEUE to OUTPUT within the server, on average; BATCH in rows.\n\n%s%s", chart(all), failures(all))
	return err
}

func (b *benchLevel) load() string {
	if b.Due > 0 {
		return fmt.Sprintf("%.0f", b.Due)
	}
	return fmt.Sprint(b.Callers)
}

// inMillis is a time with three digits that count.
func inMillis(ms float64) string {
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.2f", ms)
	}
}

// chartWidth is the columns of the longest bar.
const chartWidth = 40

// chart draws the rate of each level, with its p99.
func chart(all []benchLevel) string {
	most := 0.0
	for _, b := range all {
		most = max(most, b.Rate)
	}
	var out strings.Builder
	for _, b := range all {
		n := int(b.Rate / max(most, 1e-9) * chartWidth)
		fmt.Fprintf(&out, "%8s |%s%s| %.0f/s, p99 %s ms\n", b.load(), strings.Repeat("#", n), strings.Repeat(" ", chartWidth-n), b.Rate, inMillis(b.P99))
	}
	return out.String()
}

// failures lists what went wrong at each level.
func failures(all []benchLevel) string {
	var out strings.Builder
	for _, b := range all {
		for _, text := range slices.Sorted(maps.Keys(b.Errors)) {
			fmt.Fprintf(&out, "%8s  %d failed: %s\n", b.load(), b.Errors[text], oneLine(text))
		}
	}
	return out.String()
}
