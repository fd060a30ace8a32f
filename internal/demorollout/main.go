package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	actions := flag.Int("actions", 50, "how many changes to make")
	callers := flag.Int("callers", 8, "how many callers ask at the same time")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of what is done")
	binary := flag.String("galatea", "bin/galatea", "the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *binary, *seed, *actions, *callers)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demorollout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, seed uint64, actions, callers int) (err error) {
	dir, err := os.MkdirTemp("", "galatea-rollout-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Printf("what was there is in %s\n", dir)
	}()
	fmt.Printf("seed %d: %d changes under %d callers\n", seed, actions, callers)
	d := &demo{binary: binary, dir: dir, models: filepath.Join(dir, "models"), rnd: rand.New(rand.NewPCG(seed, 0)), record: newRecord()}
	if err := d.prepare(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	for half := range 2 {
		load := d.call(ctx, callers)
		for range actions / 2 {
			if err := d.change(ctx); err != nil {
				return errors.Join(err, load.stop())
			}
		}
		if err := errors.Join(d.rest(ctx), load.stop()); err != nil {
			return err
		}
		if half == 0 {
			if err := d.killAndRestart(ctx); err != nil {
				return err
			}
		}
	}
	if err := d.caughtUp(ctx); err != nil {
		return err
	}
	return d.record.report(os.Stdout)
}
