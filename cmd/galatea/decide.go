package main

import (
	"context"
	"fmt"
	"slices"

	"galatea/internal/client"
)

type rollbackCmd struct {
	remoteCmd
	Name   string `arg:"" help:"The model."`
	Reason string `placeholder:"TEXT" help:"Why, for the server's log and galatea models."`
}

// Help is shown below the command's own line.
func (*rollbackCmd) Help() string {
	return `What is out is the version on trial, or else the one that answers; the one before it answers
then. It stays out until its files change, or galatea promote takes it back. Examples:

  galatea rollback digits
  galatea rollback digits --reason="reads a 5 as a 6"`
}

// Run takes a version out of service.
func (c *rollbackCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	var out int64
	var m *client.Model
	_, err = meanwhile(ctx, server, c.Name, func(p *progress) error {
		if out, err = server.Rollback(ctx, c.Name, c.Reason); err != nil {
			return err
		}
		m, err = p.until(ctx, func(m *client.Model) bool { return settled(m) || m.Default != out && m.Default != 0 })
		return err
	})
	switch {
	case err != nil:
		return interrupted(err, "the server goes on with what it was told")
	case m != nil && m.Default == out:
		return fmt.Errorf("version %d of %s is to be out, but still answers, since no other version can: galatea models says why", out, c.Name)
	}
	_, err = fmt.Printf("rolled back %s: version %d is out, %s now\n", c.Name, out, answers(m))
	return err
}

type promoteCmd struct {
	remoteCmd
	Name    string `arg:"" help:"The model."`
	Version int64  `placeholder:"N" help:"Take this version back, which was rolled back. (default: the one on trial)"`
	Reason  string `placeholder:"TEXT" help:"Why, for the server's log."`
}

// Help is shown below the command's own line.
func (*promoteCmd) Help() string {
	return `A version on trial takes over at once, whatever its rollout has shown so far. Examples:

  galatea promote digits
  galatea promote digits --version=3 --reason="the data was wrong, not the model"`
}

// Validate is called by kong.
func (c *promoteCmd) Validate() error {
	if c.Version < 0 {
		return fmt.Errorf("--version=%d: expected a number from 1 up", c.Version)
	}
	return nil
}

// Run lets a version take over.
func (c *promoteCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	var m *client.Model
	version := c.Version
	_, err = meanwhile(ctx, server, c.Name, func(p *progress) error {
		if version == 0 {
			if version, err = onTrial(ctx, server, c.Name); err != nil {
				return err
			}
		}
		if err := server.Promote(ctx, c.Name, c.Version, c.Reason); err != nil {
			return err
		}
		m, err = p.until(ctx, settled)
		return err
	})
	if err != nil {
		return interrupted(err, "the server goes on with what it was told")
	}
	if m != nil {
		at := slices.IndexFunc(m.Versions, func(v client.Version) bool { return v.Version == version })
		if at >= 0 && m.Versions[at].State != client.StateReady && m.Versions[at].Reason != "unloaded" {
			return fmt.Errorf("version %d of %s may serve, but does not: %s", version, c.Name, m.Versions[at].Reason)
		}
	}
	_, err = fmt.Printf("promoted version %d of %s: %s now\n", version, c.Name, answers(m))
	return err
}

// onTrial returns the version of a model that is on trial; 0: none, which the server words.
func onTrial(ctx context.Context, server *client.Client, name string) (int64, error) {
	m, err := server.Model(ctx, name)
	if err != nil || m == nil || m.Rollout == nil {
		return 0, err
	}
	return m.Rollout.Version, nil
}
