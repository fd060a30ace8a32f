package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"galatea/internal/client"
)

type loadCmd struct {
	remoteCmd
	Name  string `arg:"" help:"The model."`
	Force bool   `help:"Load what serves again, though its files have not changed; in every --model-control-mode."`
}

// Help is shown below the command's own line.
func (*loadCmd) Help() string {
	return `It waits until the model is ready, or says why it is not. Without --force the server has to
run in mode explicit. Examples:

  galatea load digits
  galatea load digits --force`
}

// Run loads a model.
func (c *loadCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	p, err := meanwhile(ctx, server, c.Name, func(*progress) error { return server.Load(ctx, c.Name, c.Force) })
	if err != nil {
		return interrupted(explained(err, c.Force), "the server goes on loading")
	}
	m, err := server.Model(ctx, c.Name)
	if err != nil {
		return err
	}
	text := "loaded " + c.Name
	if p.told == 0 {
		text = c.Name + " was loaded, and its files have not changed"
	}
	_, err = fmt.Printf("%s: %s\n", text, answers(m))
	return err
}

// explained says of a server that loads and unloads by itself what can be done.
func explained(err error, force bool) error {
	if told, is := errors.AsType[*client.ServerError](err); !is || force || !strings.HasPrefix(told.Text, "explicit model load") {
		return err
	}
	return fmt.Errorf("%w: start the server with --model-control-mode=explicit, or change the model's folder", err)
}

type unloadCmd struct {
	remoteCmd
	Name string `arg:"" help:"The model."`
}

// Help is shown below the command's own line.
func (*unloadCmd) Help() string {
	return `It waits until the requests that the model has are answered and its memory is free. The server
has to run in mode explicit. Example:

  galatea unload digits`
}

// Run unloads a model.
func (c *unloadCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	var m *client.Model
	p, err := meanwhile(ctx, server, c.Name, func(p *progress) error {
		if err := server.Unload(ctx, c.Name); err != nil {
			return err
		}
		m, err = p.until(ctx, func(m *client.Model) bool {
			return m == nil || len(m.In(client.StateReady, client.StateLoading, client.StateUnloading)) == 0
		})
		return err
	})
	switch {
	case err != nil:
		return interrupted(explained(err, false), "the server goes on unloading")
	case m == nil && p.told == 0:
		return fmt.Errorf("the server knows no model %q: galatea models lists them", c.Name)
	case p.told == 0:
		_, err = fmt.Printf("%s was not loaded\n", c.Name)
	default:
		_, err = fmt.Printf("unloaded %s\n", c.Name)
	}
	return err
}
