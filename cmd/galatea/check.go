package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"galatea/config"
	"galatea/internal/app"
	"galatea/repository"
	"galatea/repository/dir"
)

type checkCmd struct {
	Dir                []string `arg:"" name:"dir" help:"Model repositories."`
	DefaultModelName   string   `placeholder:"NAME" help:"Name of the model in a repository that is one model itself; else its folder's."`
	Config             string   `type:"existingfile" placeholder:"FILE" help:"galatea.yaml, to check too, and to take defaults from."`
	OnnxruntimeLibrary string   `name:"onnxruntime-library" placeholder:"FILE" help:"ONNX Runtime's shared library; else the one that make onnxruntime brought."`
}

// Help is shown below the command's own line.
func (*checkCmd) Help() string {
	return `Every version of every model is loaded and tried as the server would. Examples:

  galatea check model_repo
  galatea check --config=galatea.yaml /models /more-models`
}

// Run prints a line for each version.
func (c *checkCmd) Run(ctx context.Context) error {
	server := config.DefaultServer()
	if c.Config != "" {
		data, err := os.ReadFile(c.Config)
		if err != nil {
			return err
		}
		if server, err = config.ParseServer(c.Config, data); err != nil {
			return err
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	runtime, err := openRuntime(c.OnnxruntimeLibrary, quiet)
	if err != nil {
		return err
	}
	source, err := dir.New(c.Dir, dir.Options{DefaultModelName: c.DefaultModelName, NoWatch: true, LongSettled: time.Nanosecond})
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

// report tries each version and prints what came of it. It returns errFailed when
// any would not be served.
func report(ctx context.Context, out io.Writer, loader *app.Loader, all []repository.Desired) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	bad := 0
	for _, d := range all {
		name := d.Name
		if d.Version > 0 {
			name = fmt.Sprintf("%s/%d", d.Name, d.Version)
		}
		summary, err := try(ctx, loader, d)
		if err != nil {
			bad++
			for i, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
				if i > 0 {
					name = ""
				}
				_, _ = fmt.Fprintf(table, "%s\tERROR\t%s\n", name, line)
			}
			continue
		}
		_, _ = fmt.Fprintf(table, "%s\tok\t%s\n", name, summary)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		_, _ = fmt.Fprintf(out, "\n%d of %d would not be served\n", bad, len(all))
		return errFailed
	}
	return nil
}

func try(ctx context.Context, loader *app.Loader, d repository.Desired) (string, error) {
	if d.Err != nil {
		return "", d.Err
	}
	s, err := loader.Load(ctx, d, func(repository.State) {})
	if err != nil {
		return "", err
	}
	info := s.Info()
	if err := s.Close(ctx); err != nil {
		return "", errors.Join(err)
	}
	return strings.Join(append([]string{fmt.Sprintf("loaded in %v", info.Loaded.Round(time.Millisecond))}, info.Config.Notes...), "; "), nil
}
