package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// settings are the command line's.
type settings struct {
	parts   []string
	models  []string // of the part auto
	binary  string
	config  string // file
	library string
	time    time.Duration // of each measurement of a rate
	load    time.Duration // of an overload
	rounds  int
	json    bool
}

// parts are what can be measured, in order.
var parts = []struct {
	name    string
	measure func(ctx context.Context, s settings, root string) (printer, error)
}{
	{"overload", measureOverload},
	{"auto", measureAuto},
	{"many", measureMany},
}

// printer is a report for people; as JSON it is for programs.
type printer interface{ print() string }

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
		fmt.Fprintln(os.Stderr, "benchsched:", err)
		os.Exit(1)
	}
}

func parse(args []string) (settings, error) {
	var s settings
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	f := flag.NewFlagSet("benchsched", flag.ContinueOnError)
	chosen := f.String("parts", strings.Join(names, ","), "what to measure")
	models := f.String("models", "small,mlp,cnn32,cnn", "the models that tune themselves")
	f.StringVar(&s.binary, "binary", "bin/galatea", "the server")
	f.StringVar(&s.config, "config", "", "config.yaml that the models are overloaded with (default: none)")
	f.StringVar(&s.library, "library", "", "ONNX Runtime's shared library (default: the one that make onnxruntime brought)")
	f.DurationVar(&s.time, "time", 1500*time.Millisecond, "time of each measurement of a rate")
	f.DurationVar(&s.load, "load", time.Minute, "time of an overload")
	f.IntVar(&s.rounds, "rounds", 5, "how often each rate is measured, in turn with the others; the medians count")
	f.BoolVar(&s.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.parts, s.models = strings.Split(*chosen, ","), strings.Split(*models, ",")
	for _, name := range s.parts {
		if !slices.Contains(names, name) {
			return s, fmt.Errorf("-parts: no part %q: expected some of %s", name, strings.Join(names, ","))
		}
	}
	if s.time <= 0 || s.load <= 0 || s.rounds < 1 {
		return s, errors.New("-time, -load and -rounds: expected more than 0")
	}
	return s, nil
}

func run(ctx context.Context, s settings) (err error) {
	root, err := os.MkdirTemp("", "benchsched-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	all := map[string]printer{}
	for _, p := range parts {
		if !slices.Contains(s.parts, p.name) {
			continue
		}
		r, err := p.measure(ctx, s, root)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		all[p.name] = r
		if !s.json {
			fmt.Printf("%s\n%s\n", p.name, r.print())
		}
	}
	if s.json {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	return nil
}
