package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galatea/config"
	"galatea/internal/app"
	"galatea/internal/threads"
	"galatea/internal/tune"
	"galatea/repository"
	"galatea/repository/dir"
)

type tuneCmd struct {
	Model            string   `arg:"" help:"The model; its newest version is measured."`
	ModelRepository  []string `name:"model-repository" sep:"none" default:"model_repo" placeholder:"DIR" help:"Folder of models. May be given several times. (default: model_repo)"`
	DefaultModelName string   `placeholder:"NAME" help:"Name of the model in a repository that is one model itself; else its folder's."`

	Time         time.Duration `default:"60s" placeholder:"DURATION" help:"How long it may take in all. (default: ${default})"`
	P99          float64       `name:"p99" placeholder:"MILLISECONDS" help:"The most that the 99th percentile under load may be. (default: any)"`
	LoneRatio    float64       `default:"1.5" placeholder:"RATIO" help:"How much longer a lone request may take than in the combination that is best for it. (default: ${default})"`
	MaxBatchSize int           `placeholder:"ROWS" help:"The largest batch to try. (default: the model's)"`
	Shape        []string      `sep:"none" placeholder:"NAME:1x2x3" help:"Shape of an input with dynamic dimensions, without the batch's. May be given several times."`
	Golden       bool          `help:"Ask the model's golden requests instead of made-up rows."`

	Write bool `help:"Write what is chosen into the model's config.yaml. (default: show it)"`
	JSON  bool `name:"json" help:"Print everything as JSON."`
	Quiet bool `help:"Tell nothing while it goes on."`

	Config             string `type:"existingfile" placeholder:"FILE" help:"galatea.yaml, to take defaults from."`
	OnnxruntimeLibrary string `name:"onnxruntime-library" placeholder:"FILE" help:"ONNX Runtime's shared library; else the one that make onnxruntime brought."`

	shapes tune.Shapes
}

// Help is shown below the command's own line.
func (*tuneCmd) Help() string {
	return `No server is needed, and none should be at work: the model is loaded here as a server would, once for
each combination of instances, threads and batch size that makes sense on this machine. In the first half
of the time each is measured briefly; in the second the best ones, for longer. Ctrl-C shows what is known
by then. Examples:

  galatea tune digits
  galatea tune digits --p99=5 --write
  galatea tune bert --model-repository=/models --shape=input_ids:128 --time=5m`
}

// Validate is called by kong.
func (c *tuneCmd) Validate() (err error) {
	switch {
	case c.Time <= 0:
		return fmt.Errorf("--time=%v: expected more than 0", c.Time)
	case c.P99 < 0:
		return fmt.Errorf("--p99=%g: expected milliseconds", c.P99)
	case c.LoneRatio < 1:
		return fmt.Errorf("--lone-ratio=%g: expected 1 or more", c.LoneRatio)
	case c.MaxBatchSize < 0:
		return fmt.Errorf("--max-batch-size=%d: expected 1 or more", c.MaxBatchSize)
	case c.Golden && len(c.Shape) > 0:
		return errors.New("--golden and --shape: expected one of the two")
	}
	c.shapes, err = tune.ParseShapes(c.Shape)
	return err
}

// Run measures, prints, and writes where that is asked for.
func (c *tuneCmd) Run(ctx context.Context) error {
	loader, version, err := c.find(ctx)
	if err != nil {
		return err
	}
	if c.Write {
		if err := writable(app.ConfigFile(version)); err != nil {
			return err
		}
	}
	began := time.Now()
	m, err := tune.Prepare(ctx, loader, version, tune.Input{Shapes: c.shapes, Golden: c.Golden}, c.MaxBatchSize)
	if err != nil {
		return interrupted(err, "nothing was measured")
	}
	goal := tune.Goal{P99: time.Duration(c.P99 * float64(time.Millisecond)), LoneRatio: c.LoneRatio}
	bar := c.bar()
	bar.say(fmt.Sprintf("%s/%d: %s", version.Name, version.Version, strings.Join(append([]string{m.Inputs}, m.Notes...), "; ")))
	report, err := m.Sweep(ctx, tune.Options{Time: max(c.Time-time.Since(began), time.Millisecond), Goal: goal, Step: bar.step})
	bar.end()
	if err != nil {
		return err
	}
	out := outcome{report: report, model: m, version: version}
	if report.Interrupted == nil {
		err = out.choose(goal)
	}
	if err == nil && c.Write && out.lines != nil {
		err = c.write(&out)
	}
	return errors.Join(c.print(&out), err, interrupted(report.Interrupted, "nothing was chosen, and nothing was written"))
}

// find returns the model's newest version, and what loads it.
func (c *tuneCmd) find(ctx context.Context) (*app.Loader, repository.Desired, error) {
	var none repository.Desired
	server, err := serverConfig(c.Config)
	if err != nil {
		return nil, none, err
	}
	_ = threads.Batch() // as a server does; where it is not permitted, it is not for a server either
	quiet := slog.New(slog.DiscardHandler)
	runtime, err := openRuntime(c.OnnxruntimeLibrary, quiet)
	if err != nil {
		return nil, none, err
	}
	source, err := dir.New(c.ModelRepository, dir.Options{DefaultModelName: c.DefaultModelName, NoWatch: true, LongSettled: time.Nanosecond})
	if err != nil {
		return nil, none, err
	}
	all, err := source.Desired(ctx)
	if err != nil {
		return nil, none, err
	}
	newest := none
	var names []string
	for _, d := range twice(all) {
		if d.Name == c.Model && (newest.Name == "" || d.Version > newest.Version) {
			newest = d
		}
		if len(names) == 0 || names[len(names)-1] != d.Name {
			names = append(names, d.Name)
		}
	}
	switch {
	case newest.Name == "":
		return nil, none, fmt.Errorf("no model %q in %s: expected one of %s", c.Model, strings.Join(c.ModelRepository, ", "), strings.Join(names, ", "))
	case newest.Err != nil:
		return nil, none, newest.Err
	}
	return &app.Loader{Backend: runtime, Defaults: server.Defaults, Log: quiet}, newest, nil
}

// serverConfig reads a galatea.yaml; "" is one that says nothing.
func serverConfig(file string) (*config.Server, error) {
	if file == "" {
		return config.DefaultServer(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return config.ParseServer(file, data)
}

// outcome is what has come of tuning.
type outcome struct {
	report  *tune.Report
	model   *tune.Model
	version repository.Desired
	chosen  *tune.Choice // nil: nothing was
	whole   []byte       // the config.yaml with what is chosen
	lines   []byte       // what it says of it; nil: what it does now
	written bool
}

// choose sets what is best.
func (o *outcome) choose(goal tune.Goal) error {
	chosen, err := tune.Choose(o.report.Measured, goal)
	if err != nil {
		return err
	}
	o.chosen = &chosen
	o.whole, o.lines, err = o.model.With(chosen.Setting)
	return err
}

// write puts what is chosen into the model's config.yaml.
func (c *tuneCmd) write(o *outcome) error {
	if err := o.model.Unchanged(); err != nil {
		return err
	}
	to, err := behindLinks(o.model.Config)
	if err == nil {
		err = writeWhole(to, o.whole)
	}
	o.written = err == nil
	return err
}

// writable returns why a file cannot be written, before anybody has waited for what is to
// be written into it.
func writable(file string) error {
	to, err := behindLinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(to)
	switch {
	case err == nil && info.Mode().Perm()&0o200 == 0:
		return fmt.Errorf("%s is read-only: make it writable, or leave --write out", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	probe, err := os.CreateTemp(filepath.Dir(to), ".config.yaml.*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", file, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// behindLinks returns where a file lies, which need not be there.
func behindLinks(file string) (string, error) {
	to, err := filepath.EvalSymlinks(file)
	if errors.Is(err, fs.ErrNotExist) {
		return file, nil
	}
	return to, err
}
