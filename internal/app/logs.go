package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"galatea/gateway/wire"
)

// Logs is what of a log is written; it can be changed while the server runs. Its zero
// value writes what changes and what fails.
type Logs struct {
	settings atomic.Pointer[wire.LogSettings] // nil: the zero value's
}

var _ wire.Logs = (*Logs)(nil)

// LogSettings returns what is written.
func (l *Logs) LogSettings() wire.LogSettings {
	if s := l.settings.Load(); s != nil {
		return *s
	}
	return wire.LogSettings{Info: true, Warning: true, Error: true}
}

// SetLogs changes what is written.
func (l *Logs) SetLogs(s wire.LogSettings) { l.settings.Store(&s) }

// SetVerbose changes how much is written besides what changes and what fails: 1 every
// request, 2 what the runtime says, too.
func (l *Logs) SetVerbose(verbose int) {
	s := l.LogSettings()
	s.Verbose = verbose
	l.SetLogs(s)
}

// Handler returns a handler that hands on what is to be written. next must want all of it.
func (l *Logs) Handler(next slog.Handler) slog.Handler { return &filtered{next, l} }

// LowestLevel is the lowest level that Logs lets through at all.
const LowestLevel = slog.LevelDebug - 4

// writes reports whether a line of a level is written.
func (l *Logs) writes(level slog.Level) bool {
	s := l.LogSettings()
	switch {
	case level >= slog.LevelError:
		return s.Error
	case level >= slog.LevelWarn:
		return s.Warning
	case level >= slog.LevelInfo:
		return s.Info
	case level >= slog.LevelDebug:
		return s.Verbose >= 1
	default:
		return s.Verbose >= 2
	}
}

// filtered hands on what its logs let through.
type filtered struct {
	next slog.Handler
	logs *Logs
}

// Enabled asks the logs.
func (f *filtered) Enabled(_ context.Context, level slog.Level) bool { return f.logs.writes(level) }

// Handle hands a line on.
func (f *filtered) Handle(ctx context.Context, r slog.Record) error { return f.next.Handle(ctx, r) }

// WithAttrs returns a handler for lines that all have the attributes.
func (f *filtered) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &filtered{f.next.WithAttrs(attrs), f.logs}
}

// WithGroup returns a handler for lines whose attributes are in the group.
func (f *filtered) WithGroup(name string) slog.Handler {
	return &filtered{f.next.WithGroup(name), f.logs}
}
