package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

// settings are the command line's.
type settings struct {
	time        time.Duration // of each measurement
	sweep       time.Duration // of each cell of the plain loop's sweep
	rounds      int
	models      []string
	connections []int
	threads     int // of the client
	config      string
	library     string
	json        bool
	memory      bool
	loads       bool
	profiles    string
	quiet       float64
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == childFlag {
		os.Exit(exit(beChild(context.Background(), os.Args[2])))
	}
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(exit(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := exit(run(ctx, s))
	stop()
	os.Exit(code)
}

func exit(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "benchserve:", err)
	return 1
}

func parse(args []string) (settings, error) {
	var s settings
	var models, connections string
	f := flag.NewFlagSet("benchserve", flag.ContinueOnError)
	f.DurationVar(&s.time, "time", 2*time.Second, "time of each measurement")
	f.DurationVar(&s.sweep, "sweep", 300*time.Millisecond, "time of each combination in the search for the best plain loop")
	f.IntVar(&s.rounds, "rounds", 5, "how often each measurement is made; the medians count")
	f.StringVar(&models, "models", "mlp,cnn", "models to measure: mlp, cnn; empty for none")
	f.StringVar(&connections, "connections", "1,8,32,64,128,256", "numbers of connections, each with one request outstanding")
	f.IntVar(&s.threads, "threads", 0, "threads of the client (default: one for every four processors)")
	f.StringVar(&s.config, "config", "", "config.yaml to serve the models with (default: none)")
	f.StringVar(&s.library, "library", "", "ONNX Runtime's shared library (default: the one that make onnxruntime brought)")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.BoolVar(&s.memory, "memory", true, "measure the memory of one and of four instances, too")
	f.BoolVar(&s.loads, "loads", true, "measure what loads of a large model do to the latency of another, too")
	f.Float64Var(&s.quiet, "quiet", 0.05, "make a measurement again, up to four times, when other programs used more than this share of the processors")
	f.StringVar(&s.profiles, "profiles", "", "folder for CPU and allocation profiles of the gateway and of the bare handler under each model's load")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for name := range strings.SplitSeq(models, ",") {
		if name = strings.TrimSpace(name); name != "" {
			s.models = append(s.models, name)
		}
	}
	for text := range strings.SplitSeq(connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 10_000 {
			return s, fmt.Errorf("-connections: %q is not a number from 1 to 10000", text)
		}
		s.connections = append(s.connections, n)
	}
	if s.time <= 0 || s.sweep <= 0 || s.rounds < 1 {
		return s, errors.New("-time, -sweep and -rounds: expected more than 0")
	}
	return s, nil
}
