package main

import (
	"context"
	"errors"
	"fmt"
)

type labelCmd struct {
	remoteCmd
	Name    string `arg:"" help:"The model."`
	Label   string `arg:"" help:"The label: a letter, then letters, digits, dots, dashes and underscores."`
	Version int64  `arg:"" optional:"" help:"The version that it stands for from now on; it has to be ready."`
	Remove  bool   `help:"Give the label back to config.yaml, or to nobody."`
}

// Help is shown below the command's own line.
func (*labelCmd) Help() string {
	return `What is set holds until config.yaml says something else of the label. Examples:

  galatea label digits stable 2
  galatea label digits stable --remove`
}

// Validate is called by kong.
func (c *labelCmd) Validate() error {
	if c.Label == "" {
		return errors.New("an empty label: galatea default sets what a request without a version gets")
	}
	return eitherVersion(c.Version, c.Remove)
}

// Run moves a label.
func (c *labelCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	if err := server.SetLabel(ctx, c.Name, c.Label, c.Version); err != nil {
		return err
	}
	text := fmt.Sprintf("stands for version %d now", c.Version)
	if c.Remove {
		m, err := server.Model(ctx, c.Name)
		if err != nil {
			return err
		}
		text = "is gone"
		if m != nil && m.Labels[c.Label] != 0 {
			text = fmt.Sprintf("stands for version %d, as config.yaml says", m.Labels[c.Label])
		}
	}
	_, err = fmt.Printf("label %s of %s %s\n", c.Label, c.Name, text)
	return err
}

type defaultCmd struct {
	remoteCmd
	Name    string `arg:"" help:"The model."`
	Version int64  `arg:"" optional:"" help:"The version that a request without one gets from now on; it has to be ready."`
	Remove  bool   `help:"Give it back to config.yaml, or to the newest version that is ready."`
}

// Help is shown below the command's own line.
func (*defaultCmd) Help() string {
	return `What is set holds until config.yaml says something else. Examples:

  galatea default digits 1
  galatea default digits --remove`
}

// Validate is called by kong.
func (c *defaultCmd) Validate() error { return eitherVersion(c.Version, c.Remove) }

// Run says what a request without a version gets.
func (c *defaultCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	if err := server.SetLabel(ctx, c.Name, "", c.Version); err != nil {
		return err
	}
	m, err := server.Model(ctx, c.Name)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("default of %s: %s now\n", c.Name, answers(m))
	return err
}

func eitherVersion(version int64, remove bool) error {
	if version < 0 || (version > 0) == remove {
		return errors.New("expected either a version, from 1 up, or --remove")
	}
	return nil
}
