package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the command line's.
type settings struct {
	models      []string
	peers       []string
	rounds      int
	duration    time.Duration // of each measurement
	connections []int         // empty: each model's own
	threads     int           // of the client
	python      string
	binary      string
	config      string
	quiet       float64
	again       time.Duration
	json        string // file
	logs        bool
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
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1)
	}
}

func parse(args []string) (settings, error) {
	var s settings
	var models, peers, connections string
	f := flag.NewFlagSet("benchpeers", flag.ContinueOnError)
	f.StringVar(&models, "models", "mlp,cnn", "models to serve: mlp, cnn")
	f.StringVar(&peers, "peers", "all", "peers to compare with: all, or some of "+strings.Join(peerNames(), ","))
	f.IntVar(&s.rounds, "rounds", 3, "how often each server is started and measured; the medians count")
	f.DurationVar(&s.duration, "duration", 1500*time.Millisecond, "time of each measurement; a quarter of it more goes by before it, unmeasured")
	f.StringVar(&connections, "connections", "", "numbers of connections, each with one request outstanding (default: 8,64,256 for the mlp, 4,32 for the cnn)")
	f.IntVar(&s.threads, "threads", 1, "threads of the client")
	f.Float64Var(&s.quiet, "quiet", 0.05, "make a measurement again, up to three times, when other programs used more than this share of the processors")
	f.DurationVar(&s.again, "again", time.Minute, "time that all measurements that are made again may take together")
	f.StringVar(&s.python, "python", "python3", "Python that makes the environments")
	f.StringVar(&s.binary, "galatea", "bin/galatea", "Galatea's binary")
	f.StringVar(&s.config, "config", "", "config.yaml that Galatea serves the models with (default: none)")
	f.StringVar(&s.json, "json", "", "file that everything is written to as JSON")
	f.BoolVar(&s.logs, "logs", false, "print each server's log when it has ended")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	s.models, s.peers = split(models), split(peers)
	if slices.Equal(s.peers, []string{"all"}) {
		s.peers = peerNames()
	}
	for _, name := range s.peers {
		if !slices.Contains(peerNames(), name) {
			return s, fmt.Errorf("-peers: no peer %q: expected some of %s", name, strings.Join(peerNames(), ","))
		}
	}
	for _, text := range split(connections) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return s, fmt.Errorf("-connections: %q is not a number from 1 to 10000", text)
		}
		s.connections = append(s.connections, n)
	}
	if len(s.models) == 0 {
		return s, errors.New("-models: expected mlp, cnn or both")
	}
	if s.duration <= 0 || s.rounds < 1 || s.threads < 1 {
		return s, errors.New("-duration, -rounds and -threads: expected more than 0")
	}
	return s, nil
}

// split takes a list at its commas.
func split(list string) []string {
	var all []string
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, word)
		}
	}
	return all
}
