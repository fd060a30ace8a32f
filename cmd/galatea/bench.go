package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"galatea/internal/bench"
	"galatea/internal/client"
	"galatea/tensor"
)

type benchCmd struct {
	remoteCmd
	GRPCServer string `name:"grpc-server" default:"127.0.0.1:8001" placeholder:"ADDR" help:"Where the server answers gRPC. (default: ${default})"`

	Name        string        `arg:"" help:"The model."`
	Concurrency levels        `default:"1,4,16,64" placeholder:"LEVELS" help:"How many callers ask at a time: 1,4,16 or FROM:TO[:STEP]. (default: ${default})"`
	Rate        levels        `placeholder:"LEVELS" help:"How many requests a second become due, whatever the server does, in place of --concurrency: 100,200 or FROM:TO[:STEP]."`
	Duration    time.Duration `default:"5s" help:"How long each level is measured."`
	WarmUp      time.Duration `name:"warmup" default:"1s" help:"How long each level runs before it is measured."`
	Protocol    string        `enum:"http,grpc" default:"http" help:"http: binary tensors. grpc: raw tensors. (${enum})"`
	Rows        int           `default:"1" help:"Rows of a request, for a model that batches."`
	Input       []string      `sep:"none" short:"i" placeholder:"NAME=VALUE" help:"An input, as galatea infer takes it. (default: random ones)"`
	Version     int64         `placeholder:"N" help:"The version to ask. (default: the one that answers)"`
	JSON        bool          `name:"json" help:"Print the results as JSON."`
	Quiet       bool          `help:"Do not show how far it is."`
}

// Help is shown below the command's own line.
func (*benchCmd) Help() string {
	return `Examples:

  galatea bench digits
  galatea bench digits --concurrency=1:16:5 --protocol=grpc
  galatea bench digits --rate=500:2000:500 --duration=10s`
}

// Validate refuses what makes no load.
func (c *benchCmd) Validate() error {
	if c.Duration <= 0 || c.WarmUp < 0 || c.Rows < 1 || c.Version < 0 {
		return errors.New("expected --duration and --rows of more than 0, and --warmup and --version of 0 or more")
	}
	return nil
}

// levels is a list of numbers of load.
type levels []int

// How many there may be, and the largest of them, which is more than one machine makes.
const (
	mostLevels = 100
	mostLoad   = 100_000
)

// UnmarshalText reads A,B,... or FROM:TO[:STEP].
func (l *levels) UnmarshalText(text []byte) error {
	bad := fmt.Errorf("%q: expected numbers from 1 to %d, separated by commas, or FROM:TO[:STEP], at most %d of them", text, mostLoad, mostLevels)
	var all levels
	parts := strings.Split(string(text), ":")
	numbers := strings.Split(string(text), ",")
	if len(parts) > 1 {
		numbers = parts
	}
	var read []int
	for _, part := range numbers {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > mostLoad {
			return bad
		}
		read = append(read, n)
	}
	switch {
	case len(parts) == 1:
		all = read
	case len(parts) > 3:
		return bad
	default:
		step := 1
		if len(read) == 3 {
			step = read[2]
		}
		for n := read[0]; n <= read[1] && len(all) <= mostLevels; n += step {
			all = append(all, n)
		}
	}
	if len(all) == 0 || len(all) > mostLevels {
		return bad
	}
	*l = all
	return nil
}

// differentRequests is how many requests a load is made of.
const differentRequests = 32

// mostWaiting is how many requests of an open loop may be without an answer.
const mostWaiting = 1024

// Run measures each level and prints what came of it.
func (c *benchCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	which := client.Which{Name: c.Name, Version: c.Version}
	signature, err := server.Signature(ctx, which)
	if err != nil {
		return err
	}
	requests, rows, err := c.requests(signature)
	if err != nil {
		return err
	}
	list, open := c.Concurrency, false
	if len(c.Rate) > 0 {
		list, open = c.Rate, true
	}
	var all []benchLevel
	for i, n := range list {
		l := bench.Load{Callers: n, WarmUp: c.WarmUp, Duration: c.Duration}
		if open {
			l.Callers, l.Rate = mostWaiting, float64(n)
		}
		var answers atomic.Uint64
		done := c.show(fmt.Sprintf("level %d of %d: %s", i+1, len(list), amount(n, open)), &answers)
		level, err := c.measure(ctx, server, which, requests, rows, l, &answers)
		done()
		if err != nil {
			return err
		}
		if level.Answers+level.Failed > 0 {
			all = append(all, level)
		}
		if ctx.Err() != nil {
			break // what was measured is printed
		}
	}
	if len(all) == 0 {
		return errors.New("interrupted before anything was measured")
	}
	if c.JSON {
		return printBenchJSON(all)
	}
	return printBench(all, open)
}

// requests makes the load's requests and says how many rows each has.
func (c *benchCmd) requests(s client.Signature) ([]bench.Request, int, error) {
	if s.MaxRows == 0 && c.Rows > 1 || s.MaxRows > 0 && c.Rows > s.MaxRows {
		return nil, 0, fmt.Errorf("--rows=%d: the model takes at most %d in a request", c.Rows, max(1, s.MaxRows))
	}
	if len(c.Input) > 0 {
		inputs, err := tensorsOf(c.Input, s)
		rows := 1
		if err == nil && s.MaxRows > 0 && len(inputs) > 0 {
			rows = int(inputs[0].Shape[0])
		}
		return []bench.Request{inputs}, rows, err
	}
	var specs []tensor.Spec
	for _, in := range s.Inputs {
		spec, err := specOf(in)
		if err != nil {
			return nil, 0, err
		}
		specs = append(specs, spec)
	}
	requests, err := bench.Random(specs, s.MaxRows > 0, c.Rows, differentRequests)
	return requests, c.Rows, err
}

// measure puts one level of load on the model. answers counts them while it goes on.
func (c *benchCmd) measure(ctx context.Context, server *client.Client, which client.Which, requests []bench.Request, rows int, l bench.Load, answers *atomic.Uint64) (level benchLevel, err error) {
	var target *bench.Target
	if c.Protocol == "grpc" {
		target, err = bench.GRPC(c.GRPCServer, c.Name, number(c.Version), c.headers(), requests, l.Callers)
	} else {
		target, err = bench.HTTP(server.URL(which)+"/infer", c.headers(), requests)
	}
	if err != nil {
		return level, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Ask(ctx, 0); err != nil { // one that fails says more than a table of errors
		return level, err
	}
	before, err := server.Statistics(ctx, which)
	if err != nil {
		return level, err
	}
	ask := func(ctx context.Context, i int) error {
		err := target.Ask(ctx, i)
		if err == nil {
			answers.Add(1)
		}
		return err
	}
	r := bench.Run(ctx, ask, l)
	after, err := server.Statistics(context.WithoutCancel(ctx), which)
	if err != nil {
		return level, err
	}
	return levelOf(l, r, rows, after.Since(before)), nil
}

// amount is a level of load, for people.
func amount(n int, open bool) string {
	switch {
	case open:
		return fmt.Sprintf("%d requests/s", n)
	case n == 1:
		return "1 caller"
	default:
		return fmt.Sprintf("%d callers", n)
	}
}

// show tells on stderr what is measured, on a terminal with a bar and the answers that
// have come, until the returned function is called.
func (c *benchCmd) show(what string, answers *atomic.Uint64) (done func()) {
	switch {
	case c.Quiet:
		return func() {}
	case !isTerminal(os.Stderr):
		say(what)
		return func() {}
	}
	began := time.Now()
	return keepDrawing(os.Stderr, func() string {
		gone := time.Since(began)
		return fmt.Sprintf("%s %s; %.0f answers/s", filled(float64(gone)/float64(c.WarmUp+c.Duration)), what, float64(answers.Load())/gone.Seconds())
	})
}
