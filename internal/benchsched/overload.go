package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/workload"
)

const (
	overloadFactor  = 1.5
	overloadTimeout = 200 * time.Millisecond
	toldWithin      = 5 * time.Millisecond
)

// overloads is the report of the part overload.
type overloads []overload

// overload is what became of the requests to a model; shares are of the requests due.
type overload struct {
	Model       string         `json:"model"`
	Capacity    float64        `json:"capacity_per_second"` // closed loop
	Rate        float64        `json:"rate_per_second"`
	Seconds     float64        `json:"seconds"`
	Answered    float64        `json:"answered_per_second"`
	Throughput  float64        `json:"throughput_ratio"` // of Answered to Capacity
	InTime      float64        `json:"answers_in_time"`  // share of the answers, by the server's clock
	Client99    float64        `json:"answers_p99_ms"`   // by the client's, from when each was due
	Refused     map[int]uint64 `json:"refused"`          // by status
	Told        float64        `json:"refusals_within_5ms"`
	ToldClient  float64        `json:"refusals_p95_ms"` // by the client's clock
	Rows        float64        `json:"rows_in_a_batch"`
	MemoryIdle  int64          `json:"resident_before_bytes"`
	MemoryAfter int64          `json:"resident_after_bytes"`
}

func measureOverload(ctx context.Context, s settings, root string) (printer, error) {
	var all overloads
	for _, c := range []struct {
		name        string
		connections int // of the closed loop
	}{{"cnn", 32}, {"mlp", 128}} {
		m, err := workload.Named(c.name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "overload: %s for %v\n", c.name, s.load)
		o, err := overloadOne(ctx, s, filepath.Join(root, "overload-"+c.name), m, c.connections)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, o)
	}
	return all, nil
}

// writeModel writes a model with the configuration that the settings name.
func writeModel(s settings, repository string, m workload.Model) (err error) {
	var config []byte
	if s.config != "" {
		if config, err = os.ReadFile(s.config); err != nil {
			return fmt.Errorf("-config: %w", err)
		}
	}
	return m.Write(repository, config)
}

func overloadOne(ctx context.Context, s settings, repository string, m workload.Model, connections int) (o overload, err error) {
	if err := writeModel(s, repository, m); err != nil {
		return o, err
	}
	v, err := serve(ctx, s, repository)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	var rates []float64
	for range s.rounds {
		rate, err := closed(ctx, s, v, m, connections)
		if err != nil {
			return o, err
		}
		rates = append(rates, rate)
	}
	o = overload{Model: m.Name, Capacity: gauge.Median(rates), Seconds: s.load.Seconds(), Refused: map[int]uint64{}}
	o.Rate = overloadFactor * o.Capacity
	if o.MemoryIdle, err = v.resident(); err != nil {
		return o, err
	}
	before, err := answersOf(ctx, v)
	if err != nil {
		return o, err
	}
	rows, batches, err := batchesOf(ctx, v, m.Name)
	if err != nil {
		return o, err
	}
	// Twice what can be outstanding while nobody waits longer than the timeout.
	r, err := open(ctx, v, m, o.Rate, int(2*o.Rate*overloadTimeout.Seconds())+64, s.load, overloadTimeout)
	if err != nil {
		return o, err
	}
	after, err := answersOf(ctx, v)
	if err != nil {
		return o, err
	}
	rowsAfter, batchesAfter, err := batchesOf(ctx, v, m.Name)
	if err != nil {
		return o, err
	}
	o.Rows = (rowsAfter - rows) / max(1, batchesAfter-batches)
	if o.MemoryAfter, err = v.resident(); err != nil {
		return o, err
	}
	o.Answered, o.Throughput = float64(r.Answers)/s.load.Seconds(), float64(r.Answers)/s.load.Seconds()/o.Capacity
	o.Client99 = millis(r.Latency.Quantile(0.99))
	for status, h := range r.Refusals {
		o.Refused[status] = h.Count()
		if status == http.StatusServiceUnavailable {
			o.ToldClient = millis(h.Quantile(0.95))
		}
	}
	o.InTime = after[http.StatusOK].within(before[http.StatusOK], overloadTimeout)
	o.Told = after[http.StatusServiceUnavailable].within(before[http.StatusServiceUnavailable], toldWithin)
	return o, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// took is a histogram of the server's: how many answers took at most so many seconds.
type took map[string]float64

// within is the share of the answers after before that took at most d, or a little more:
// the server counts up to the bounds that it has.
func (t took) within(before took, d time.Duration) float64 {
	bound := fmt.Sprint(d.Seconds())
	if d == overloadTimeout {
		bound = "0.25"
	}
	all := t["+Inf"] - before["+Inf"]
	if all == 0 {
		return 0
	}
	return (t[bound] - before[bound]) / all
}

// answersOf reads how long the server's answers to inferences took, by status.
func answersOf(ctx context.Context, v *server) (map[int]took, error) {
	series, err := v.series(ctx, "galatea_http_request_duration_seconds_bucket")
	if err != nil {
		return nil, err
	}
	all := map[int]took{http.StatusOK: {}, http.StatusServiceUnavailable: {}}
	for labels, n := range series {
		for status, to := range all {
			if strings.Contains(labels, `route="/v2/models/:model/infer"`) && strings.Contains(labels, fmt.Sprintf(`status="%d"`, status)) {
				_, rest, _ := strings.Cut(labels, `le="`)
				bound, _, _ := strings.Cut(rest, `"`)
				to[bound] += n
			}
		}
	}
	return all, nil
}

func (all overloads) print() string {
	var b strings.Builder
	for _, o := range all {
		fmt.Fprintf(&b, "  %s: %.0f requests/s can be answered; %.0f/s for %.0f s, each with a timeout of %v\n", o.Model, o.Capacity, o.Rate, o.Seconds, overloadTimeout)
		fmt.Fprintf(&b, "    answered   %8.0f/s, %.2f of what can be; %.2f %% within 250 ms on the server; the client's p99 is %.0f ms; %.1f rows in a batch\n", o.Answered, o.Throughput, 100*o.InTime, o.Client99, o.Rows)
		fmt.Fprintf(&b, "    refused    %v by status; %.2f %% of the 503s within 5 ms on the server; the client's p95 is %.1f ms\n", o.Refused, 100*o.Told, o.ToldClient)
		fmt.Fprintf(&b, "    resident   %8.0f MiB before, %.0f MiB after\n", mebibytes(o.MemoryIdle), mebibytes(o.MemoryAfter))
	}
	return b.String()
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
