package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"galatea/internal/app"
	"galatea/repository"
	"galatea/repository/dir"
	"galatea/tensor"
)

type checkCmd struct {
	Dir                []string `arg:"" name:"dir" help:"Model repositories."`
	DefaultModelName   string   `placeholder:"NAME" help:"Name of the model in a repository that is one model itself; else its folder's."`
	ModelConfigName    string   `placeholder:"NAME" help:"Configuration to check for models that have it in their folder: configs/NAME.pbtxt, or configs/NAME.yaml."`
	Config             string   `type:"existingfile" placeholder:"FILE" help:"galatea.yaml, to check too, and to take defaults from."`
	OnnxruntimeLibrary string   `name:"onnxruntime-library" placeholder:"FILE" help:"ONNX Runtime's shared library; else the one that make onnxruntime brought."`
}

// Help is shown below the command's own line.
func (*checkCmd) Help() string {
	return `Every version of every model is loaded and tried as the server would, one after the other: its
manifest, its warm-up and golden requests, and whether it can stand in for the one before it.
Of a config.pbtxt it is told which fields are honoured, ignored or refused.
Examples:

  galatea check model_repo
  galatea check --config=galatea.yaml /models /more-models`
}

// Run prints a line for each version.
func (c *checkCmd) Run(ctx context.Context) error {
	server, err := serverConfig(c.Config)
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	runtime, err := openRuntime(c.OnnxruntimeLibrary, quiet)
	if err != nil {
		return err
	}
	source, err := dir.New(c.Dir, dir.Options{DefaultModelName: c.DefaultModelName, ConfigName: c.ModelConfigName, NoWatch: true, LongSettled: time.Nanosecond})
	if err != nil {
		return err
	}
	desired, err := source.Desired(ctx)
	if err != nil {
		return err
	}
	if len(desired) == 0 {
		return fmt.Errorf("no models in %s: a model is a folder such as digits/1/model.onnx", strings.Join(c.Dir, ", "))
	}
	loader := &app.Loader{Backend: runtime, Defaults: server.Defaults, Verify: source.Verify, Log: quiet}
	return report(ctx, os.Stdout, loader, twice(desired))
}

// twice refuses models that lie in two repositories, as the server does at start.
func twice(all []repository.Desired) []repository.Desired {
	roots := map[string]string{}
	for i, d := range all {
		if first, known := roots[d.Name]; known && first != d.Root {
			for j := range all[:i+1] {
				if all[j].Name == d.Name {
					all[j].Err = fmt.Errorf("model appears in two or more repositories: %s and %s: the server serves neither", first, d.Root)
				}
			}
			continue
		}
		roots[d.Name] = d.Root
	}
	return all
}

// checker tries versions and collects what there is to say of them.
type checker struct {
	loader *app.Loader
	live   map[string]*tensor.Signature // of the last version of each model that has passed
	rows   [][3]string
	bad    int // versions that would not be served
	names  int // names that stand for nothing
}

// report tries each version and prints what came of it. It returns errFailed when
// anything would not be served.
func report(ctx context.Context, out io.Writer, loader *app.Loader, all []repository.Desired) error {
	c := checker{loader: loader, live: map[string]*tensor.Signature{}}
	for i, d := range all {
		if err := c.version(ctx, d); err != nil {
			return err
		}
		if i == len(all)-1 || all[i+1].Name != d.Name {
			c.model(all, d)
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range c.rows {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if c.bad > 0 {
		_, _ = fmt.Fprintf(out, "\n%d of %d would not be served\n", c.bad, len(all))
	}
	if c.names > 0 {
		_, _ = fmt.Fprintf(out, "\n%d of the names for versions stand for nothing\n", c.names)
	}
	if c.bad+c.names > 0 {
		return errFailed
	}
	return nil
}

// version tries one version as the server would, after those before it. Only the end of
// ctx is an error.
func (c *checker) version(ctx context.Context, d repository.Desired) error {
	name := d.Name
	if d.Version > 0 {
		name = fmt.Sprintf("%s/%d", d.Name, d.Version)
	}
	d.Live = c.live[d.Name]
	summary, signature, err := try(ctx, c.loader, d)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		c.bad++
		c.add(name, "ERROR", err.Error())
		return nil
	}
	c.live[d.Name] = signature
	c.add(name, "ok", summary)
	return nil
}

// model tells what is to be said of a model as a whole; last is one of its versions.
func (c *checker) model(all []repository.Desired, last repository.Desired) {
	c.origin(last)
	there := func(version int64) bool {
		return slices.ContainsFunc(all, func(d repository.Desired) bool { return d.Name == last.Name && d.Version == version })
	}
	if last.Version > 0 {
		for _, text := range repository.MissingNames(last.Policy.Names(), there) {
			c.names++
			c.add(last.Name, "ERROR", text)
		}
	}
}

// origin tells what of the model's configuration counts.
func (c *checker) origin(d repository.Desired) {
	if d.Config == nil {
		return // what is wrong with it is said of each version
	}
	if fields := d.Config.Origin().Honoured; len(fields) > 0 {
		c.add(d.Name, "note", "honoured: "+strings.Join(fields, ", "))
	}
	for _, note := range d.Config.Origin().Notes {
		c.add(d.Name, "note", note)
	}
}

// add adds rows, one for each line of the text.
func (c *checker) add(name, what, text string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		c.rows = append(c.rows, [3]string{name, what, line})
		name = ""
	}
}

// try loads one version and frees it again.
func try(ctx context.Context, loader *app.Loader, d repository.Desired) (string, *tensor.Signature, error) {
	if d.Err != nil {
		return "", nil, d.Err
	}
	s, err := loader.Load(ctx, d, func(repository.State) {})
	if err != nil {
		return "", nil, err
	}
	info := s.Info()
	if err := s.Close(ctx); err != nil {
		return "", nil, err
	}
	notes := append([]string{fmt.Sprintf("loaded in %v", info.Loaded.Round(time.Millisecond))}, info.Config.Notes...)
	return strings.Join(notes, "; "), &info.Config.Signature, nil
}
