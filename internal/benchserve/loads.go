package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"galatea/internal/gauge"
	"galatea/internal/onnxtest"
	"galatea/internal/workload"
)

// loadsReport compares the latency of one model's requests while another, large one is
// loaded again and again with that while nothing is loaded, in alternating pairs of
// phases; and, to show the noise, pairs of two quiet phases.
type loadsReport struct {
	Weights     int64      `json:"weight_bytes"`
	Connections int        `json:"connections"`
	Loads       int64      `json:"loads"`
	Pairs       []loadPair `json:"pairs"`
	Ratio       float64    `json:"p99_ratio"`       // the pairs' median
	QuietRatio  float64    `json:"p99_quiet_ratio"` // the same of the quiet pairs
}

// loadPair is a pair of phases; times are in microseconds.
type loadPair struct {
	Quiet   float64 `json:"quiet_p99_us"`
	Loading float64 `json:"loading_p99_us"`
	Noise   float64 `json:"quiet_p99_again_us"`
}

const (
	loadsConnections = 4
	loadsPairs       = 11
	loadsWeights     = 200 << 20
)

func measureLoads(ctx context.Context, s settings, root, library string) (r *loadsReport, err error) {
	fmt.Fprintln(os.Stderr, "loads: latency of one model while one of 200 MiB is loaded")
	subject, err := workload.Named("mlp")
	if err != nil {
		return nil, err
	}
	repository := filepath.Join(root, "loads")
	if err := subject.Write(repository, nil); err != nil {
		return nil, err
	}
	if err := onnxtest.WriteFile(filepath.Join(repository, "large", "1", "model.onnx"), onnxtest.Sized(loadsWeights).Bytes()); err != nil {
		return nil, err
	}
	var hello gatewayHello
	server, err := startChild(ctx, "gateway", gatewaySetup{Root: repository, Library: library}, &hello)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	client, err := startChild(ctx, "load", loadSetup{Models: map[string][][]byte{"mlp": subject.Requests()}, Threads: 1}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.stop()) }()
	r = &loadsReport{Weights: loadsWeights, Connections: loadsConnections}
	phase := func(loading bool) (p99 float64, err error) {
		var result loadResult
		ask := func() error {
			return client.ask("load", loadArgs{
				Address: hello.Address, Model: "mlp", Connections: loadsConnections, WarmUp: time.Duration(float64(s.time) * warmUp), Duration: s.time,
			}, &result)
		}
		if !loading {
			err = ask()
			return micros(result.P99), err
		}
		loads := startLoads(ctx, hello.Address)
		err = ask()
		n, loadErr := loads()
		r.Loads += n
		return micros(result.P99), errors.Join(err, loadErr)
	}
	for range loadsPairs {
		var p loadPair
		for _, step := range []struct {
			loading bool
			to      *float64
		}{{false, &p.Quiet}, {true, &p.Loading}, {false, &p.Noise}} {
			if *step.to, err = phase(step.loading); err != nil {
				return r, err
			}
		}
		r.Pairs = append(r.Pairs, p)
	}
	r.Ratio = gauge.MedianOf(r.Pairs, func(p loadPair) float64 { return p.Loading / p.Quiet })
	r.QuietRatio = gauge.MedianOf(r.Pairs, func(p loadPair) float64 { return p.Noise / p.Quiet })
	return r, nil
}

// startLoads loads the large model again and again until the returned function is
// called, which waits for the load that goes on then and tells how many there were.
func startLoads(ctx context.Context, address string) (stop func() (int64, error)) {
	var n int64
	enough, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-enough:
				done <- nil
				return
			default:
			}
			if err := loadOnce(ctx, address); err != nil {
				done <- err
				return
			}
			n++
		}
	}()
	return func() (int64, error) {
		close(enough)
		err := <-done
		return n, err
	}
}

func loadOnce(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v2/repository/models/large/load", bytes.NewReader([]byte(`{"parameters":{"force":true}}`)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("load: status %d: %s", resp.StatusCode, text)
	}
	return err
}

func (r loadsReport) print(to io.Writer) {
	fmt.Fprintf(to, "\nloads: p99 of the mlp at %d connections while %d loads of a model of %d MiB went on: %.2f times that without (medians of %d pairs); two quiet phases: %.2f times\n",
		r.Connections, r.Loads, r.Weights>>20, r.Ratio, len(r.Pairs), r.QuietRatio)
	fmt.Fprint(to, "  p99 in ms, quiet/loading/quiet:")
	for _, p := range r.Pairs {
		fmt.Fprintf(to, " %.2f/%.2f/%.2f", p.Quiet/1e3, p.Loading/1e3, p.Noise/1e3)
	}
	fmt.Fprintln(to)
}
