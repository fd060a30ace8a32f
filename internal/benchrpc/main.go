package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"galatea/internal/bench"
	"galatea/internal/gauge"
	"galatea/internal/process"
	"galatea/internal/workload"
	"galatea/tensor"
)

// settings are the command line's.
type settings struct {
	models  []string
	binary  string
	config  string
	callers int
	time    time.Duration // of each measurement
	rounds  int
}

func main() {
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if err == nil {
		err = run(ctx, s)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchrpc:", err)
		os.Exit(1)
	}
}

func parse(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("benchrpc", flag.ContinueOnError)
	models := f.String("models", "mlp,cnn", "what to ask")
	f.StringVar(&s.binary, "binary", "bin/galatea", "the server")
	f.StringVar(&s.config, "config", "", "config.yaml of the models (default: none)")
	f.IntVar(&s.callers, "callers", 64, "how many callers wait for an answer at a time")
	f.DurationVar(&s.time, "time", 2*time.Second, "time of each measurement")
	f.IntVar(&s.rounds, "rounds", 5, "how often each is measured, in turn; the medians count")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.models = strings.Split(*models, ",")
	if s.callers < 1 || s.time <= 0 || s.rounds < 1 {
		return s, errors.New("-callers, -time and -rounds: expected more than 0")
	}
	return s, nil
}

func run(ctx context.Context, s settings) (err error) {
	root, err := os.MkdirTemp("", "benchrpc-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	var config []byte
	if s.config != "" {
		if config, err = os.ReadFile(s.config); err != nil {
			return err
		}
	}
	for _, name := range s.models {
		m, err := workload.Named(name)
		if err == nil {
			err = m.Write(filepath.Join(root, name), config)
		}
		if err == nil {
			err = compare(ctx, s, m, filepath.Join(root, name))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// compare measures one model by both protocols in turn and prints the medians.
func compare(ctx context.Context, s settings, m workload.Model, repository string) (err error) {
	ports, err := process.FreePorts(ctx, 2)
	if err != nil {
		return err
	}
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	server, err := process.Start(ctx, process.Command{
		Args: []string{
			s.binary, "serve", "--model-repository=" + repository, "--metrics-port=-1", "--shutdown-delay=0s",
			"--http-port=" + strconv.Itoa(ports[0]), "--grpc-port=" + strconv.Itoa(ports[1]),
		},
		Address: at(0), Ready: "/v2/health/ready",
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(), server.Ended()) }()
	byHTTP, err := bench.HTTP("http://"+at(0)+m.Path(), nil, requests(m))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, byHTTP.Close()) }()
	byRPC, err := bench.GRPC(at(1), m.Name, "", nil, requests(m), s.callers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, byRPC.Close()) }()
	var http, rpc, ratios []float64
	for round := range s.rounds + 1 {
		h, err := rate(ctx, s, byHTTP)
		if err != nil {
			return fmt.Errorf("HTTP: %w", err)
		}
		r, err := rate(ctx, s, byRPC)
		if err != nil {
			return fmt.Errorf("gRPC: %w", err)
		}
		if round == 0 {
			continue // it warms up
		}
		http, rpc, ratios = append(http, h), append(rpc, r), append(ratios, r/h)
	}
	fmt.Printf("%s: HTTP %.0f requests/s, gRPC %.0f, gRPC / HTTP %.3f (medians of %d rounds of %v, %d callers; rounds %.3f)\n",
		m.Name, gauge.Median(http), gauge.Median(rpc), gauge.Median(ratios), s.rounds, s.time, s.callers, ratios)
	return nil
}

// requests are the model's rows, one in each.
func requests(m workload.Model) []bench.Request {
	bodies, header := m.Bodies()
	all := make([]bench.Request, len(bodies))
	for i, body := range bodies {
		all[i] = bench.Request{{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{1}, m.Row...), Data: body[header:]}}
	}
	return all
}

// rate is how many requests a second are answered.
func rate(ctx context.Context, s settings, t *bench.Target) (float64, error) {
	r := bench.Run(ctx, t.Ask, bench.Load{Callers: s.callers, Duration: s.time})
	if r.Failed() > 0 || ctx.Err() != nil {
		return 0, errors.Join(fmt.Errorf("%d requests failed: %v", r.Failed(), r.Errors), ctx.Err())
	}
	return r.Rate(), nil
}
