package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/workload"
)

// The sweep's batch sizes, in rows, and delays.
var (
	sweepSizes  = []int{1, 4, 16, 64}
	sweepDelays = []time.Duration{0, 2 * time.Millisecond}
)

// autoLoad is the share of what it can do at which a model has to keep its aim.
const autoLoad = 0.7

// autoAims are, by model, how many ask at a time, and the aim.
var autoAims = map[string]struct {
	connections int
	aim         time.Duration
}{
	"small": {64, 20 * time.Millisecond},
	"mlp":   {128, 50 * time.Millisecond},
	"cnn32": {32, 100 * time.Millisecond},
	"cnn":   {32, 200 * time.Millisecond},
}

// autos is the report of the part auto.
type autos []auto

// auto compares a model that tunes itself with fixed settings.
type auto struct {
	Model string             `json:"model"`
	Fixed map[string]float64 `json:"fixed_per_second"` // medians
	Best  string             `json:"best"`
	Auto  float64            `json:"auto_per_second"`
	Ratio float64            `json:"auto_to_best"` // median of the rounds' ratios to the best setting
	Aim   float64            `json:"aim_p99_ms"`
	P99   float64            `json:"p99_ms_at_70_percent"` // median
	Rows  float64            `json:"rows_in_a_batch"`
}

func measureAuto(ctx context.Context, s settings, root string) (printer, error) {
	var all autos
	for _, name := range s.models {
		c, known := autoAims[name]
		if !known {
			return nil, fmt.Errorf("-models: no model %q: expected some of small, mlp, cnn32, cnn", name)
		}
		m, err := workload.Named(name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "auto: %s, %d rounds\n", name, s.rounds)
		a, err := autoOne(ctx, s, filepath.Join(root, "auto-"+name), m, c.connections, c.aim)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// setting is a model under a name of its own, with a configuration.
type setting struct {
	workload.Model
	rates []float64
}

func newSetting(repository string, m workload.Model, name, config string) (*setting, error) {
	m.Name = name
	return &setting{Model: m}, m.Write(repository, []byte(config))
}

func autoOne(ctx context.Context, s settings, repository string, m workload.Model, connections int, aim time.Duration) (a auto, err error) {
	itself, err := newSetting(repository, m, "auto", fmt.Sprintf("dynamic_batching: {auto: {p99_milliseconds: %v}}\n", millis(aim)))
	if err != nil {
		return a, err
	}
	all := []*setting{itself}
	for _, size := range sweepSizes {
		for _, delay := range sweepDelays {
			name := fmt.Sprintf("size-%d-delay-%dus", size, delay.Microseconds())
			fixed, err := newSetting(repository, m, name, fmt.Sprintf("max_batch_size: %d\ndynamic_batching: {max_queue_delay_microseconds: %d}\n", size, delay.Microseconds()))
			if err != nil {
				return a, err
			}
			all = append(all, fixed)
		}
	}
	v, err := serve(ctx, s, repository)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	for range s.rounds {
		for _, one := range all {
			rate, err := closed(ctx, s, v, one.Model, connections)
			if err != nil {
				return a, fmt.Errorf("%s: %w", one.Name, err)
			}
			one.rates = append(one.rates, rate)
		}
	}
	a = auto{Model: m.Name, Fixed: map[string]float64{}, Auto: gauge.Median(itself.rates), Aim: millis(aim)}
	best := all[1]
	for _, one := range all[1:] {
		a.Fixed[one.Name] = gauge.Median(one.rates)
		if a.Fixed[one.Name] > gauge.Median(best.rates) {
			best = one
		}
	}
	a.Best = best.Name
	var ratios, p99s []float64
	for i, rate := range itself.rates {
		ratios = append(ratios, rate/best.rates[i])
	}
	a.Ratio = gauge.Median(ratios)
	for range s.rounds {
		r, err := open(ctx, v, itself.Model, autoLoad*a.Auto, 4*connections, 2*s.time, 0)
		if err != nil {
			return a, err
		}
		p99s = append(p99s, millis(r.Latency.Quantile(0.99)))
	}
	a.P99 = gauge.Median(p99s)
	a.Rows, err = rowsOf(ctx, v, "auto")
	return a, err
}

// rowsOf is how many rows a model's batches had on average.
func rowsOf(ctx context.Context, v *server, model string) (float64, error) {
	sum, count, err := batchesOf(ctx, v, model)
	return sum / max(1, count), err
}

// batchesOf is how many rows a model's batches had in all, and how many those were.
func batchesOf(ctx context.Context, v *server, model string) (sum, count float64, err error) {
	series, err := v.series(ctx, "galatea_batch_rows_")
	if err != nil {
		return 0, 0, err
	}
	for name, n := range series {
		if strings.Contains(name, fmt.Sprintf("model=%q", model)) {
			switch {
			case strings.HasPrefix(name, "sum"):
				sum = n
			case strings.HasPrefix(name, "count"):
				count = n
			}
		}
	}
	return sum, count, nil
}

func (all autos) print() string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "  %s: auto %.0f requests/s, %.3f of the best fixed setting (%s, %.0f/s); at 70 %% of it the p99 is %.1f ms, the aim %.0f ms\n",
			a.Model, a.Auto, a.Ratio, a.Best, a.Fixed[a.Best], a.P99, a.Aim)
		for _, size := range sweepSizes {
			b.WriteString("   ")
			for _, delay := range sweepDelays {
				name := fmt.Sprintf("size-%d-delay-%dus", size, delay.Microseconds())
				fmt.Fprintf(&b, " %s: %.0f/s", name, a.Fixed[name])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
