package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"galatea/backend"
	"galatea/backend/onnx"
	"galatea/internal/workload"
)

// bench is what all measurements share.
type bench struct {
	config  []byte // what Galatea serves the models with
	s       settings
	servers []server
	missing map[string]string // environments that are not there: why
	root    string            // of the project
	work    string            // a temporary folder
	library string            // ONNX Runtime's
}

// run installs, measures and prints.
func run(ctx context.Context, s settings) (err error) {
	b := &bench{s: s, missing: map[string]string{}}
	if b.root, err = moduleRoot(); err != nil {
		return err
	}
	if b.library, err = onnx.FindLibrary("", b.root); err != nil {
		return err
	}
	if b.s.binary, err = filepath.Abs(s.binary); err != nil {
		return err
	}
	if _, err := os.Stat(b.s.binary); err != nil {
		return fmt.Errorf("-galatea: no binary, run make build: %w", err)
	}
	if s.config != "" {
		if b.config, err = os.ReadFile(s.config); err != nil {
			return fmt.Errorf("-config: %w", err)
		}
	}
	if s.json != "" {
		if err := os.MkdirAll(filepath.Dir(s.json), 0o755); err != nil {
			return fmt.Errorf("-json: %w", err)
		}
	}
	if b.work, err = os.MkdirTemp("", "benchpeers-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	if err := unpack(b.scripts()); err != nil {
		return err
	}
	for _, v := range servers() {
		if v.name == galatea && len(b.config) > 0 {
			v.what = "Galatea with " + strings.Join(strings.Fields(string(b.config)), " ")
		}
		if v.environment == "" || slices.Contains(s.peers, v.name) {
			b.servers = append(b.servers, v)
		}
	}
	if err := b.install(ctx); err != nil {
		return err
	}
	out := report{
		When: time.Now().UTC().Format(time.DateOnly), System: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(),
		Runtime: onnx.Version, Rounds: s.rounds, Seconds: s.duration.Seconds(), ClientThreads: s.threads,
	}
	for _, name := range s.models {
		m, err := b.model(ctx, name)
		if err != nil {
			return err
		}
		out.Models = append(out.Models, m)
	}
	return errors.Join(out.print(os.Stdout), out.write(s.json))
}

func (b *bench) scripts() string { return filepath.Join(b.work, "peers") }

// environment is the folder of a Python environment.
func (b *bench) environment(name string) string {
	return filepath.Join(b.root, ".tools", "peers", name)
}

// install makes the environments. One that cannot be made is kept with the reason.
func (b *bench) install(ctx context.Context) error {
	for _, v := range b.servers {
		if v.environment == "" || b.missing[v.environment] != "" {
			continue
		}
		if err := install(ctx, b.s.python, b.environment(v.environment), v.environment); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", v.environment, err)
			b.missing[v.environment] = err.Error()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// model measures one model: the rounds, then Galatea at each peer's rate.
func (b *bench) model(ctx context.Context, name string) (modelReport, error) {
	m, err := workload.Named(name)
	if err != nil {
		return modelReport{}, fmt.Errorf("-models: %w", err)
	}
	l := &load{bench: b, model: m, repository: filepath.Join(b.work, "models-"+name), connections: b.s.connections}
	if len(l.connections) == 0 {
		l.connections = map[string][]int{"mlp": {8, 64, 256}, "cnn": {4, 32}}[name]
	}
	if err := m.Write(l.repository, b.config); err != nil {
		return modelReport{}, err
	}
	if l.right, err = answers(ctx, b.library, m, l.repository); err != nil {
		return modelReport{}, err
	}
	rows := make([]*row, len(b.servers))
	for i, v := range b.servers {
		rows[i] = &row{Server: v.name, What: v.what, Format: v.format.name}
		if v.environment != "" {
			list, err := requirements(v.environment)
			if err != nil {
				return modelReport{}, err
			}
			rows[i].Releases = releases(list, v.packages)
			rows[i].fail(b.missing[v.environment])
		}
	}
	l.spare = l.share()
	for n := range b.s.rounds {
		for i, v := range b.servers {
			if rows[i].Invalid != "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s: round %d of %d: %s\n", name, n+1, b.s.rounds, v.name)
			visit, err := l.visit(ctx, v)
			if ctx.Err() != nil {
				return modelReport{}, context.Cause(ctx)
			}
			rows[i].Visits = append(rows[i].Visits, visit)
			if err != nil {
				rows[i].fail(err.Error())
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", name, v.name, err)
			}
		}
	}
	out := modelReport{Name: name, What: m.What, Rows: rows}
	out.summarize()
	l.spare = l.share()
	err = l.paced(ctx, &out)
	return out, err
}

// answers are the right ones, of a plain run of the model.
func answers(ctx context.Context, library string, m workload.Model, repository string) (right [][]float32, err error) {
	r, err := onnx.Open(library, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, err
	}
	loaded, err := r.Load(ctx, backend.Artifact{
		Name: m.Name, File: m.File(repository), Signature: m.Signature(), Devices: []backend.Device{{}}, Options: backend.Options{IntraOpThreads: 1},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, loaded.Close()) }()
	return m.Answers(ctx, loaded)
}

// moduleRoot is the folder of go.mod at or above the working folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("no go.mod at or above %s: run this in the project's folder", dir)
}

// write puts everything into a file, unless its name is empty.
func (r report) write(name string) error {
	if name == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o600)
}
