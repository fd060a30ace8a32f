package main

import (
	"context"
	"fmt"

	"galatea/internal/client"
)

type eventsCmd struct {
	remoteCmd
	Follow bool `help:"Go on with what happens, until Ctrl-C."`
	JSON   bool `name:"json" help:"Print each event as the server sent it, on a line."`
}

// Help is shown below the command's own line.
func (*eventsCmd) Help() string {
	return `The server remembers the last 1024 events since its start. Examples:

  galatea events
  galatea events --follow --json`
}

// Run prints what has happened.
func (c *eventsCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	if c.Follow {
		return forEver(server.Follow(ctx, 0, c.print))
	}
	all, err := server.Events(ctx, 0)
	if err != nil {
		return err
	}
	rows := [][]string{{"TIME", "EVENT", "MODEL", "TEXT"}}
	for _, e := range all {
		if c.JSON {
			if err := printLine(e.JSON); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, eventRow(e))
	}
	switch {
	case c.JSON:
		return nil
	case len(all) == 0:
		_, err = fmt.Println("no events")
		return err
	default:
		return printTable(rows)
	}
}

// print prints one event as it comes; its columns have the widths that most need.
func (c *eventsCmd) print(e client.Event) error {
	if c.JSON {
		return printLine(e.JSON)
	}
	row := eventRow(e)
	_, err := fmt.Printf("%s  %-9s  %-16s  %s\n", row[0], row[1], row[2], oneLine(row[3]))
	return err
}

func eventRow(e client.Event) []string {
	return []string{e.At.Local().Format("2006-01-02 15:04:05"), e.Kind, versionOf(e), eventText(e)}
}

func versionOf(e client.Event) string {
	if e.Version == 0 {
		return e.Model
	}
	return fmt.Sprintf("%s/%d", e.Model, e.Version)
}

// eventText is what an event says besides its kind and its version.
func eventText(e client.Event) string {
	if e.Kind != "name" {
		return e.Text
	}
	text := e.Text
	if text == "was version 0" {
		text = "stood for nothing before"
	}
	if e.Label == "" {
		return "default, " + text
	}
	return "label " + e.Label + ", " + text
}
