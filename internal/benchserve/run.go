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
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"galatea/backend/onnx"
	"galatea/internal/workload"
)

// run measures what the settings ask for and prints it.
func run(ctx context.Context, s settings) (err error) {
	library, err := onnx.FindLibrary(s.library, moduleRoot())
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "benchserve-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	out := report{
		Processors: runtime.NumCPU(), GoMaxProcs: runtime.GOMAXPROCS(0), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		GCPercent: gcPercent(), Seconds: s.time.Seconds(), Rounds: s.rounds, When: time.Now().UTC().Format(time.DateOnly),
	}
	if len(s.models) > 0 {
		b, err := newBench(ctx, s, root, library)
		if err != nil {
			return err
		}
		out.Runtime, out.ClientThreads = b.hello.Runtime, b.threads
		for _, subject := range b.subjects {
			m, err := b.model(subject)
			if err != nil {
				return errors.Join(err, b.close())
			}
			out.Models = append(out.Models, m)
		}
		if err := b.close(); err != nil {
			return err
		}
	}
	if s.memory {
		if out.Memory, err = measureMemory(ctx, root, library); err != nil {
			return err
		}
	}
	if s.loads {
		if out.Loads, err = measureLoads(ctx, s, root, library); err != nil {
			return err
		}
	}
	return out.print(os.Stdout, s.json)
}

// moduleRoot is the folder of go.mod at or above the working folder.
func moduleRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
	}
	return dir
}

// gcPercent is the setting that the children have too, from the environment.
func gcPercent() int {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent
}

// bench has the parts, all started.
type bench struct {
	s        settings
	subjects []workload.Model
	threads  int
	gateway  *child
	echo     *child
	plain    *child
	load     *child
	hello    gatewayHello
	echoAt   string
	// running is the bare handler that runs each request's row.
	running   *child
	runningAt string
}

func newBench(ctx context.Context, s settings, root, library string) (b *bench, err error) {
	b = &bench{s: s, threads: s.threads}
	if b.threads <= 0 {
		b.threads = max(1, runtime.GOMAXPROCS(0)/4)
	}
	var config []byte
	if s.config != "" {
		if config, err = os.ReadFile(s.config); err != nil {
			return nil, err
		}
	}
	client := loadSetup{Models: map[string][][]byte{}, Answers: map[string][][]float32{}, Threads: b.threads}
	repository := filepath.Join(root, "models")
	for _, name := range s.models {
		subject, err := workload.Named(name)
		if err == nil {
			err = subject.Write(repository, config)
		}
		if err != nil {
			return nil, fmt.Errorf("-models: %w", err)
		}
		b.subjects = append(b.subjects, subject)
		client.Models[name] = subject.Requests()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	setup := gatewaySetup{Root: repository, Library: library}
	if b.gateway, err = startChild(ctx, "gateway", setup, &b.hello); err != nil {
		return b, err
	}
	if b.plain, err = startChild(ctx, "plain", setup, nil); err != nil {
		return b, err
	}
	echo := echoSetup{Answers: map[string]canned{}}
	for _, subject := range b.subjects {
		if echo.Answers[subject.Name], err = b.ask(ctx, subject); err != nil {
			return b, err
		}
		answers := [][]float32{}
		if err = b.plain.ask("answers", subject.Name, &answers); err != nil {
			return b, err
		}
		client.Answers[subject.Name] = answers
	}
	if b.echo, err = startChild(ctx, "echo", echo, &b.echoAt); err != nil {
		return b, err
	}
	echo.Runs = &setup
	if b.running, err = startChild(ctx, "echo", echo, &b.runningAt); err != nil {
		return b, err
	}
	b.load, err = startChild(ctx, "load", client, nil)
	return b, err
}

func (b *bench) close() error {
	var errs []error
	for _, c := range []*child{b.load, b.running, b.echo, b.plain, b.gateway} {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	return errors.Join(errs...)
}

// ask gets one answer of the gateway, for the bare handler to repeat.
func (b *bench) ask(ctx context.Context, s workload.Model) (canned, error) {
	bodies, header := s.Bodies()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.hello.Address+s.Path(), bytes.NewReader(bodies[0]))
	if err != nil {
		return canned{}, err
	}
	r.Header.Set(workload.HeaderLength, strconv.Itoa(header))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return canned{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", s.Name, resp.StatusCode, answer)
	}
	return canned{resp.Header.Get("Content-Type"), resp.Header.Get(workload.HeaderLength), answer}, err
}
