package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/internal/app"
)

func TestALogWritesWhatItIsAskedTo(t *testing.T) {
	var out bytes.Buffer
	logs := &app.Logs{}
	log := slog.New(logs.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: app.LowestLevel}))).With(slog.String("state", "s")).WithGroup("g")
	lines := func() string {
		out.Reset()
		for _, level := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, app.LowestLevel} {
			log.Log(context.Background(), level, "line", slog.String("model", "m"))
		}
		var levels []string
		for line := range strings.Lines(out.String()) {
			_, level, _ := strings.Cut(line, "level=")
			level, rest, _ := strings.Cut(level, " ")
			if !strings.Contains(rest, "state=s g.model=m") {
				t.Errorf("the line has lost something: %s", line)
			}
			levels = append(levels, level)
		}
		return strings.Join(levels, " ")
	}
	if got := lines(); got != "ERROR WARN INFO" {
		t.Errorf("at first: %s", got)
	}
	logs.SetVerbose(1)
	if got := lines(); got != "ERROR WARN INFO DEBUG" {
		t.Errorf("verbose: %s", got)
	}
	logs.SetLogs(wire.LogSettings{Warning: true, Verbose: 2})
	if got := lines(); got != "WARN DEBUG DEBUG-4" {
		t.Errorf("warnings and all details: %s", got)
	}
}
