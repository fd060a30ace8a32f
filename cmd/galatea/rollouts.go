package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"galatea/internal/client"
)

type rolloutsCmd struct {
	remoteCmd
	JSON  bool `name:"json" help:"Print the server's answer as it is."`
	Watch bool `help:"Print them again as they go on, and what became of each, until none is left or Ctrl-C."`
}

// Help is shown below the command's own line.
func (*rolloutsCmd) Help() string {
	return `REQUESTS and what follows are those of the present step; AGREEMENT is how many of the rows that
both versions have answered got the same label. Examples:

  galatea rollouts
  galatea rollouts --watch`
}

// Run prints a line for each rollout.
func (c *rolloutsCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	if c.Watch {
		return forEver(c.watch(ctx, server))
	}
	if c.JSON {
		data, err := server.RolloutsJSON(ctx)
		if err != nil {
			return err
		}
		return printLine(data)
	}
	all, err := server.Rollouts(ctx)
	if err != nil {
		return err
	}
	return printRollouts(all)
}

func printRollouts(all []client.Rollout) error {
	if len(all) == 0 {
		_, err := fmt.Println("no rollout goes on")
		return err
	}
	return printTable(rolloutRows(all))
}

func rolloutRows(all []client.Rollout) [][]string {
	rows := [][]string{{"MODEL", "STRATEGY", "VERSION", "STABLE", "STEP", "PERCENT", "SINCE", "REQUESTS", "ERRORS", "AGREEMENT"}}
	for _, r := range all {
		agreement := "-"
		if r.Counts.Rows > 0 {
			agreement = fmt.Sprintf("%.1f %%", 100*float64(r.Counts.Agreed)/float64(r.Counts.Rows))
		}
		rows = append(rows, []string{
			r.Model, r.Strategy, number(r.Version), number(r.Stable), fmt.Sprintf("%d/%d", r.Step, r.Steps), fmt.Sprint(r.Percent), since(r.Since),
			fmt.Sprint(r.Counts.Requests), fmt.Sprint(r.Counts.Errors), agreement,
		})
	}
	return rows
}

// lookEvery is how often a watch looks; what has been counted is no event.
const lookEvery = 2 * time.Second

// watch prints the rollouts until none is left.
func (c *rolloutsCmd) watch(ctx context.Context, server *client.Client) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	before, err := server.Events(ctx, 0)
	if err != nil {
		return err
	}
	last := uint64(0)
	if len(before) > 0 {
		last = before[len(before)-1].Seq
	}
	for {
		left, err := c.look(ctx, server, &last)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// look prints what has ended since the event last, and what goes on; it returns how many do.
func (c *rolloutsCmd) look(ctx context.Context, server *client.Client, last *uint64) (left int, err error) {
	if c.JSON {
		data, err := server.RolloutsJSON(ctx)
		if err != nil {
			return 0, err
		}
		var all []json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			return 0, err
		}
		return len(all), printLine(data)
	}
	all, err := server.Rollouts(ctx)
	if err != nil {
		return 0, err
	}
	events, err := server.Events(ctx, *last)
	if err != nil {
		return 0, err
	}
	for _, e := range events {
		*last = e.Seq
		if e.Kind != "promoted" && e.Kind != "withdrawn" {
			continue
		}
		if _, err := fmt.Printf("%s %s: %s\n", versionOf(e), e.Kind, oneLine(e.Text)); err != nil {
			return 0, err
		}
	}
	return len(all), printRollouts(all)
}
