package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"galatea/internal/tune"
)

// tableRows is how many combinations the table shows.
const tableRows = 20

// print prints what has come of tuning.
func (c *tuneCmd) print(o *outcome) error {
	if c.JSON {
		data, err := json.Marshal(o.json())
		if err != nil {
			return err
		}
		return printLine(data)
	}
	var b strings.Builder
	b.WriteString(table(tuneRows(o.report.Measured, o.chosen)))
	b.WriteString("\n")
	for _, note := range o.notes() {
		b.WriteString(note + "\n")
	}
	_, err := os.Stdout.WriteString(b.String())
	return err
}

// tuneRows lays out the best combinations, the present one and the one that is chosen.
func tuneRows(all []tune.Measured, chosen *tune.Choice) [][]string {
	rows := [][]string{{"INSTANCES", "THREADS", "BATCH", "ROWS/S", "P50", "P99", "LONE P50", "RATIO", ""}}
	present := 0.0
	for _, m := range all {
		if m.Present {
			present = m.Rows
		}
	}
	for i, m := range all {
		marks := []string{}
		if m.Present {
			marks = append(marks, "present")
		}
		if chosen != nil && m.Setting == chosen.Setting {
			marks = append(marks, "chosen")
		}
		if m.Err != nil || i >= tableRows && len(marks) == 0 {
			continue
		}
		row := []string{fmt.Sprint(m.Instances), number(int64(m.Threads)), fmt.Sprint(m.Batch), fmt.Sprintf("%.0f", m.Rows), tune.Time(m.P50), tune.Time(m.P99), tune.Time(m.Lone), "", strings.Join(marks, ", ")}
		if present > 0 {
			row[7] = fmt.Sprintf("%.2f", m.Rows/present)
		}
		rows = append(rows, row)
	}
	return rows
}

// notes says in sentences what the table does not, and what was chosen.
func (o *outcome) notes() []string {
	var notes []string
	fine, failed := 0, map[string]int{}
	for _, m := range o.report.Measured {
		if m.Err == nil {
			fine++
			continue
		}
		failed[oneLine(m.Err.Error())]++
	}
	if fine > tableRows {
		notes = append(notes, fmt.Sprintf("The table has the best of %d combinations; --json has all.", fine))
	}
	for _, m := range o.report.Measured {
		if m.Err == nil || failed[oneLine(m.Err.Error())] == 0 {
			continue
		}
		text := oneLine(m.Err.Error())
		notes = append(notes, fmt.Sprintf("%d could not be measured, such as %v: %s", failed[text], m.Setting, text))
		failed[text] = 0
	}
	if o.report.Missed > 0 {
		notes = append(notes, fmt.Sprintf("There was no time for %d of %d combinations: --time gives more.", o.report.Missed, o.report.Settings))
	}
	if o.chosen == nil {
		return notes
	}
	notes = append(notes, "Chosen: "+o.chosen.Why+".")
	return append(notes, o.config()...)
}

// config says what is, or is to be, in config.yaml.
func (o *outcome) config() []string {
	if o.lines == nil {
		return []string{fmt.Sprintf("There is nothing to change in %s.", shown(o.model.Config))}
	}
	var notes []string
	if now := o.model.Space.Present.Batch; o.chosen.Batch < now {
		notes = append(notes, fmt.Sprintf("Mind that a request of more rows than that will be refused; now %d are taken.", now))
	}
	if o.chosen.Batch > 0 && o.chosen.Batch == o.model.Space.LargestBatch && o.chosen.Batch > o.model.Space.SmallestBatch {
		notes = append(notes, "It is the largest batch that was tried: --max-batch-size tries larger ones.")
	}
	text := fmt.Sprintf("To have it so, put this into %s, or run with --write:", shown(o.model.Config))
	if o.written {
		text = fmt.Sprintf("Written into %s:", shown(o.model.Config))
	}
	return append(notes, text+"\n\n"+strings.TrimRight(string(o.lines), "\n"))
}

// shown is a path as it is written from here, if it is below.
func shown(name string) string {
	here, err := os.Getwd()
	if err != nil {
		return name
	}
	if relative, err := filepath.Rel(here, name); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return name
}

// tuned is what is printed for scripts.
type tuned struct {
	Model       string         `json:"model"`
	Version     int64          `json:"version"`
	Processors  int            `json:"processors"`
	Inputs      string         `json:"inputs"`
	Notes       []string       `json:"notes,omitempty"`
	Seconds     float64        `json:"seconds"`
	Measured    []tunedSetting `json:"combinations"`
	Missed      int            `json:"missed"`
	Interrupted bool           `json:"interrupted"`
	Chosen      *tunedSetting  `json:"chosen,omitempty"`
	Why         string         `json:"reason,omitempty"`
	File        string         `json:"config_file"`
	Lines       string         `json:"config,omitempty"`
	Written     bool           `json:"written"`
}

type tunedSetting struct {
	Instances int     `json:"instances"`
	Threads   int     `json:"threads"`
	Batch     int     `json:"max_batch_size"`
	Present   bool    `json:"present"`
	Round     int     `json:"round"`
	Rows      float64 `json:"rows_per_second"`
	P50       float64 `json:"p50_milliseconds"`
	P99       float64 `json:"p99_milliseconds"`
	Lone      float64 `json:"lone_p50_milliseconds"`
	Requests  int     `json:"requests"`
	Error     string  `json:"error,omitempty"`
}

func settingJSON(m tune.Measured) tunedSetting {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	s := tunedSetting{
		Instances: m.Instances, Threads: m.Threads, Batch: m.Batch, Present: m.Present, Round: m.Round,
		Rows: m.Rows, P50: ms(m.P50), P99: ms(m.P99), Lone: ms(m.Lone), Requests: m.Requests,
	}
	if m.Err != nil {
		s.Error = oneLine(m.Err.Error())
	}
	return s
}

func (o *outcome) json() tuned {
	t := tuned{
		Model: o.version.Name, Version: o.version.Version, Processors: runtime.GOMAXPROCS(0),
		Inputs: o.model.Inputs, Notes: o.model.Notes, Seconds: o.report.Took.Seconds(), Measured: []tunedSetting{},
		Missed: o.report.Missed, Interrupted: o.report.Interrupted != nil,
		File: o.model.Config, Lines: string(o.lines), Written: o.written,
	}
	for _, m := range o.report.Measured {
		t.Measured = append(t.Measured, settingJSON(m))
	}
	if o.chosen != nil {
		chosen := settingJSON(o.chosen.Measured)
		t.Chosen, t.Why = &chosen, o.chosen.Why
	}
	return t
}
