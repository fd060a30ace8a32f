package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"galatea/internal/client"
)

type modelsCmd struct {
	remoteCmd
	JSON bool `name:"json" help:"Print the server's answer as it is."`
}

// Help is shown below the command's own line.
func (*modelsCmd) Help() string {
	return `(default) marks the version that a request without one gets. Examples:

  galatea models
  galatea models --server=http://10.0.0.5:8000 --json`
}

// Run prints a line for each version.
func (c *modelsCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	if c.JSON {
		data, err := server.ModelsJSON(ctx)
		if err != nil {
			return err
		}
		return printLine(data)
	}
	all, err := server.Models(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Println("no models")
		return err
	}
	rows := [][]string{{"MODEL", "VERSION", "STATE", "LABELS", "REQUESTS", "LOAD TIME", "REASON"}}
	for i := range all {
		rows = append(rows, modelRows(&all[i])...)
	}
	return printTable(rows)
}

func modelRows(m *client.Model) [][]string {
	var rows [][]string
	for _, v := range m.Versions {
		row := []string{m.Name, fmt.Sprint(v.Version), v.State, names(m, v.Version), "", "", v.Reason}
		if v.State == client.StateReady {
			row[4], row[5] = fmt.Sprint(v.Requests), fmt.Sprintf("%.2f s", v.Loaded)
		}
		rows = append(rows, row)
	}
	switch {
	case m.Reason != "":
		rows = append(rows, []string{m.Name, "", "", "", "", "", m.Reason})
	case len(m.Versions) == 0:
		rows = append(rows, []string{m.Name, "", "", "", "", "", "not asked for: galatea load " + m.Name})
	}
	return rows
}

// names lists what stands for a version.
func names(m *client.Model, version int64) string {
	var all []string
	if m.Default == version {
		all = append(all, "(default)")
	}
	for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
		if m.Labels[label] == version {
			all = append(all, label)
		}
	}
	return strings.Join(all, " ")
}
