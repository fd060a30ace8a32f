package wire

import "math"

// Names of the settings of logs, which are Triton's.
const (
	logFile    = "log_file"
	logInfo    = "log_info"
	logWarning = "log_warning"
	logError   = "log_error"
	logVerbose = "log_verbose_level"
	LogFormat  = "log_format"
)

// LogSettings is what the server logs.
type LogSettings struct {
	Info, Warning, Error bool
	Verbose              int // as log.verbose in the server's configuration
}

// Logs changes what the server logs. A change ends with the next one of the server's
// configuration.
type Logs interface {
	LogSettings() LogSettings
	SetLogs(s LogSettings)
}

// SetLogs changes settings, whose values are bool, uint64 and string, and returns all of
// them: bool, int and string. Nothing is changed when anything is wrong. The file is the
// standard error stream, whose lines have times in ISO 8601.
func (s *Service) SetLogs(change map[string]any) (map[string]any, error) {
	if s.o.Logs == nil {
		return nil, Unsupported("the log of this server cannot be changed")
	}
	l := s.o.Logs.LogSettings()
	for name, value := range change {
		if err := l.set(name, value); err != nil {
			return nil, err
		}
	}
	if len(change) > 0 {
		s.o.Logs.SetLogs(l)
	}
	return map[string]any{
		logFile: "", logInfo: l.Info, logWarning: l.Warning, logError: l.Error, logVerbose: l.Verbose, LogFormat: "ISO8601",
	}, nil
}

func (l *LogSettings) set(name string, value any) error {
	ok := false
	switch name {
	case logFile:
		return Unsupported("log file location can not be updated through network protocol")
	case logInfo:
		l.Info, ok = value.(bool)
	case logWarning:
		l.Warning, ok = value.(bool)
	case logError:
		l.Error, ok = value.(bool)
	case logVerbose:
		n, number := value.(uint64)
		l.Verbose, ok = int(min(n, math.MaxInt32)), number
	case LogFormat:
		if !KnownLogFormat(value) {
			return Invalid("invalid argument for log_format, got: %v", value)
		}
		ok = true
	default:
		return Invalid("unknown log setting '%s'", name)
	}
	if !ok {
		return Invalid("log setting '%s' has a value of the wrong type: %v", name, value)
	}
	return nil
}

// KnownLogFormat reports whether a value of LogFormat is one that Triton has. Both mean
// the form of this server, whose times are in ISO 8601 by default.
func KnownLogFormat(value any) bool { return value == "default" || value == "ISO8601" }
