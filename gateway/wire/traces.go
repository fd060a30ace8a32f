package wire

import (
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// Names of the settings of traces, which are Triton's.
const (
	TraceLevel     = "trace_level" // whose value is a list
	traceRate      = "trace_rate"
	traceCount     = "trace_count"
	traceFrequency = "log_frequency"
	traceFile      = "trace_file"
	traceMode      = "trace_mode"
)

// Values of trace_level.
const (
	levelOff        = "OFF"
	levelTimestamps = "TIMESTAMPS"
)

// Traces says which requests are traced: all, one in so many, or none, for each model. It
// does what Triton's trace settings do, for spans that go to an OpenTelemetry collector.
type Traces struct {
	tracer trace.Tracer // nil: there is nowhere to send spans

	// plain says that each request is traced, or none, so that nobody needs to ask further.
	plain atomic.Bool
	mu    sync.Mutex
	all   sampling
	own   map[string]*sampling // by model; what it does not set is of all
}

// sampling is the settings of one model, or of all.
type sampling struct {
	set   map[string][]string // as they were set
	seen  uint64              // requests that could have been traced
	count int64               // of traces that are left; -1: no limit
}

// NewTraces returns the settings at the start: every request is traced, and where there is
// no tracer, none.
func NewTraces(tracer trace.Tracer) *Traces {
	level := levelTimestamps
	if tracer == nil {
		level = levelOff
	}
	t := &Traces{tracer: tracer, all: sampling{count: -1, set: map[string][]string{
		TraceLevel: {level}, traceRate: {"1"}, traceCount: {"-1"}, traceFrequency: {"0"}, traceFile: {""}, traceMode: {"opentelemetry"},
	}}}
	t.plain.Store(true)
	return t
}

// Tracer makes spans; nil where there is nowhere to send them.
func (t *Traces) Tracer() trace.Tracer { return t.tracer }

// Sample reports whether a request for the model, or for none, is to be traced. One that
// its caller traces is, wherever traces are not off.
func (t *Traces) Sample(model string, asked bool) bool {
	if t.tracer == nil {
		return false
	}
	if t.plain.Load() {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.get(model, TraceLevel)[0] == levelOff {
		return false
	}
	if asked {
		return true
	}
	requests, traces := t.owner(model, traceRate), t.owner(model, traceCount)
	rate, err := strconv.ParseUint(t.get(model, traceRate)[0], 10, 64)
	if err != nil || rate == 0 || traces.count == 0 {
		return false
	}
	requests.seen++
	if requests.seen%rate != 0 {
		return false
	}
	if traces.count > 0 {
		traces.count--
	}
	return true
}

// owner is whose setting counts for a model: its own, or that of all.
func (t *Traces) owner(model, name string) *sampling {
	if own := t.own[model]; own != nil && own.set[name] != nil {
		return own
	}
	return &t.all
}

// get returns the value of a setting as it counts for a model.
func (t *Traces) get(model, name string) []string { return t.owner(model, name).set[name] }

// Settings returns all settings as they count for a model; "" is for those that have none
// of their own.
func (t *Traces) Settings(model string) map[string][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string][]string, len(t.all.set))
	for name := range t.all.set {
		all[name] = slices.Clone(t.get(model, name))
	}
	return all
}

// Set changes settings of a model, or with "" of all that have none of their own. No value
// clears a setting of the model; that of all is then what it was at the start. Nothing is
// changed when anything is wrong.
func (t *Traces) Set(model string, settings map[string][]string) error {
	for name, value := range settings {
		if err := t.check(name, value); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.all
	if model != "" {
		if s = t.own[model]; s == nil {
			s = &sampling{count: -1, set: map[string][]string{}}
		}
	}
	for name, value := range settings {
		switch {
		case len(value) > 0:
			s.set[name] = slices.Clone(value)
		case model != "":
			delete(s.set, name)
		default:
			s.set[name] = NewTraces(t.tracer).all.set[name]
		}
		if name == traceCount {
			s.count = -1
			if len(s.set[name]) > 0 {
				s.count, _ = strconv.ParseInt(s.set[name][0], 10, 64) // it was checked
			}
		}
	}
	if model != "" {
		if t.own == nil {
			t.own = map[string]*sampling{}
		}
		t.own[model] = s
		if len(s.set) == 0 {
			delete(t.own, model)
		}
	}
	t.plain.Store(len(t.own) == 0 && t.all.set[TraceLevel][0] != levelOff && t.all.set[traceRate][0] == "1" && t.all.count < 0)
	return nil
}

// SetTraces changes the settings of traces of a model that is there, or with "" of all, and
// returns them as they are then.
func (s *Service) SetTraces(model string, change map[string][]string) (map[string][]string, error) {
	if model != "" && len(s.o.Models.Versions(model)) == 0 {
		return nil, NotFound("Request for unknown model: '%s' is not found", model)
	}
	if err := s.o.Traces.Set(model, change); err != nil {
		return nil, err
	}
	return s.o.Traces.Settings(model), nil
}

func (t *Traces) check(name string, value []string) error {
	switch name {
	case traceFile, traceMode:
		if name == traceFile {
			return Unsupported("trace file location can not be updated through network protocol")
		}
		return Invalid("Attempting to set invalid trace setting :%s", name)
	case TraceLevel, traceRate, traceCount, traceFrequency:
	default:
		return Invalid("Attempting to set invalid trace setting :%s", name)
	}
	if len(value) == 0 {
		return nil
	}
	if len(value) != 1 {
		if name == TraceLevel {
			return Unsupported("trace levels %q: expected one of OFF and TIMESTAMPS", value)
		}
		return Invalid("expect only 1 value for '%s', got: %d", name, len(value))
	}
	text, low := value[0], int64(0)
	if name == TraceLevel {
		return t.checkLevel(text)
	}
	if name == traceCount {
		low = -1
	}
	if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < low || n > math.MaxUint32 {
		return Invalid("Unable to parse '%s', got: %s", name, text)
	}
	return nil
}

func (t *Traces) checkLevel(level string) error {
	switch {
	case level == levelTimestamps && t.tracer == nil:
		return Invalid("trace_level TIMESTAMPS: there is nowhere to send traces: start the server with OTEL_EXPORTER_OTLP_ENDPOINT set to the address of a collector")
	case level == levelTimestamps, level == levelOff:
		return nil
	case level == "TENSORS":
		return Unsupported("trace_level TENSORS is not supported: expected OFF or TIMESTAMPS")
	default:
		return Invalid("Unable to parse 'trace_level', got: %s", level)
	}
}
