// Command galatea serves ONNX models over HTTP as Triton does.
//
// Flags, signals, environment variables and exit codes are read and made here; all
// else is in internal/app and internal/tune.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"galatea/backend/onnx"
)

// version is set when the binary is built.
var version = "dev"

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve model repositories."`
	Check   checkCmd   `cmd:"" help:"Check model repositories with the server's own code, and exit with 1 when anything in them would not be served."`
	Inspect inspectCmd `cmd:"" help:"Show what an ONNX file takes and gives, and the config.yaml that it would get."`
	Convert convertCmd `cmd:"" help:"Print Triton's config.pbtxt as the config.yaml that says the same, or write it beside it."`
	Tune    tuneCmd    `cmd:"" help:"Measure a model with other numbers of instances, threads and rows in a batch, and say which are best."`

	Infer    inferCmd    `cmd:"" help:"Ask a model of a running server, and show the answer."`
	Bench    benchCmd    `cmd:"" help:"Measure how fast a running server answers for a model."`
	Models   modelsCmd   `cmd:"" help:"List the models of a running server, their versions, and what answers."`
	Load     loadCmd     `cmd:"" help:"Load a model, and wait until it is ready."`
	Unload   unloadCmd   `cmd:"" help:"Unload a model, and wait until it is gone."`
	Rollback rollbackCmd `cmd:"" help:"Take the version of a model that answers, or is on trial, out of service."`
	Promote  promoteCmd  `cmd:"" help:"Let the version on trial take over, or take one back that was rolled back."`
	Label    labelCmd    `cmd:"" help:"Let a label stand for a version."`
	Default  defaultCmd  `cmd:"" help:"Set the version that a request without one gets."`
	Rollouts rolloutsCmd `cmd:"" help:"List the canaries and shadows that go on."`
	Events   eventsCmd   `cmd:"" help:"List what has happened on a running server."`
	Golden   goldenCmd   `cmd:"" help:"Golden requests, which a version has to answer as before to go live."`

	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `Galatea serves many ONNX models from one binary, speaking Triton's protocol.

Examples:

  galatea serve --model-repository=model_repo
  galatea serve --model-repository=/models --http-address=0.0.0.0 --config=galatea.yaml
  galatea check model_repo
  galatea inspect model_repo/digits/2/model.onnx
  galatea tune digits
  galatea infer language --input text="Good morning"
  galatea bench digits
  galatea models
  galatea rollback digits
`

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code: 0, 1 when the work failed, 2 when the command line is wrong.
func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("galatea"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		return complain(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		command := "galatea"
		if e, is := errors.AsType[*kong.ParseError](err); is && e.Context.Selected() != nil {
			command = e.Context.Selected().FullPath()
		}
		fmt.Fprintf(os.Stderr, "galatea: %v: see %s --help\n", err, command)
		return 2
	}
	ctx, stop := untilSignal()
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(); err != nil {
		return complain(err)
	}
	return 0
}

// untilSignal returns a context that ends with the first signal to end. By then
// signals do again what they do to any program, so a second one ends it at once.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-over:
			return
		case <-signals:
		}
		signal.Stop(signals)
		select {
		case second := <-signals: // it came before the stop
			if process, err := os.FindProcess(os.Getpid()); err == nil {
				_ = process.Signal(second)
			}
		default:
		}
		cancel()
	}()
	return ctx, func() {
		close(over)
		<-done
		signal.Stop(signals)
		cancel()
	}
}

// errFailed ends a command that has said already what is wrong.
var errFailed = errors.New("failed")

func complain(err error) int {
	if !errors.Is(err, errFailed) {
		fmt.Fprintf(os.Stderr, "galatea: %v\n", err)
	}
	return 1
}

type versionCmd struct{}

// Run prints the version, and the release of ONNX Runtime that belongs to it.
func (*versionCmd) Run() error {
	_, err := fmt.Printf("galatea %s (ONNX Runtime %s)\n", version, onnx.Version)
	return err
}
