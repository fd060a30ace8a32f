package gateway

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"galatea/gateway/wire"
	"galatea/internal/jsontensor"
)

// find returns the value of a parameter, the last one of that name; nil for none.
func find(all []jsontensor.Parameter, name string) []byte {
	for _, p := range slices.Backward(all) {
		if string(p.Name) == name {
			return p.Value
		}
	}
	return nil
}

// parameters reads the request's own parameters.
func (x *exchange) parameters(all []jsontensor.Parameter) error {
	for _, p := range all {
		if err := x.parameter(p.Name, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) parameter(name, raw []byte) (err error) {
	switch string(name) {
	case "priority":
		x.req.Priority, err = uint64Of("priority", raw)
	case "timeout":
		x.req.Timeout, err = timeoutOf(raw)
	case "binary_data_output":
		x.wanted.rest, err = boolOf("binary_data_output", raw)
	case "sequence_start":
		x.req.Sequence.Start, err = boolOf("sequence_start", raw)
	case "sequence_end":
		x.req.Sequence.End, err = boolOf("sequence_end", raw)
	case "sequence_id":
		x.req.Sequence.ID, err = sequenceID(raw)
	case "headers":
	default:
		err = custom(string(name), raw)
	}
	return err
}

func uint64Of(name string, raw []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return 0, wrongType(name, "unsigned-integer")
	}
	return n, nil
}

// timeoutOf reads how many microseconds a request may wait in the queue; 0 is without limit.
func timeoutOf(raw []byte) (time.Duration, error) {
	us, err := strconv.ParseUint(string(raw), 10, 63)
	if err != nil {
		if raw[0] == '-' || errors.Is(err, strconv.ErrRange) {
			return 0, wire.Invalid("parameter 'timeout' is out of range: expected 0 to %d microseconds, got: %s", int64(math.MaxInt64), raw)
		}
		return 0, wrongType("timeout", "unsigned-integer")
	}
	return time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond, nil
}

// headerTimeout is the HTTP header that says how long a request may take.
const headerTimeout = "X-Request-Timeout"

// deadlineOf is when the request's own time ends, from the moment it was received;
// the zero time where it names none. The time is in seconds, or a duration such as 250ms.
func deadlineOf(h http.Header, received time.Time) (time.Time, error) {
	if len(h[headerTimeout]) == 0 {
		return time.Time{}, nil
	}
	text := h.Get(headerTimeout)
	d, err := time.ParseDuration(text)
	if seconds, plain := strconv.ParseFloat(text, 64); plain == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
		if !(seconds >= 0 && seconds <= longestTimeout.Seconds()) {
			d = -1
		}
	}
	if err != nil || d < 0 || d > longestTimeout {
		return time.Time{}, wire.Invalid("header %s is out of range: expected 0 to %.0f seconds, or a duration such as 250ms, got: %s", headerTimeout, longestTimeout.Seconds(), text)
	}
	if d == 0 { // none, as everywhere
		return time.Time{}, nil
	}
	return received.Add(d), nil
}

// longestTimeout is a day: past it, a limit is a slip of the pen.
const longestTimeout = 24 * time.Hour

func boolOf(name string, raw []byte) (bool, error) {
	switch string(raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, wrongType(name, "boolean")
	}
}

// sequenceID reads an identifier, which may be a number or a string.
func sequenceID(raw []byte) (string, error) {
	if _, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		return string(raw), nil
	}
	return stringOf("sequence_id", raw)
}

func stringOf(name string, raw []byte) (text string, err error) {
	if json.Unmarshal(raw, &text) != nil || raw[0] != '"' {
		return "", wrongType(name, "string")
	}
	return text, nil
}

// custom checks a parameter that is the caller's own.
func custom(name string, raw []byte) error {
	if strings.HasPrefix(name, "triton_") {
		return wire.ErrReservedParameter
	}
	switch raw[0] {
	case 'n', '[', '{':
		return wire.Invalid("parameter '%s' has invalid type. It should be either 'int', 'bool', or 'string'.", name)
	}
	return nil
}

// outputs reads which outputs are wanted and how. An output that is listed without
// binary_data comes as JSON, whatever binary_data_output says: Triton's rule.
func (x *exchange) outputs(all []jsontensor.Output) error {
	if len(all) == 0 {
		return nil
	}
	w := &x.wanted
	w.rest = false
	var many map[string]bool // the names so far, once comparing with each takes long
	for i, o := range all {
		if o.Name == nil {
			return missingField("name")
		}
		name := string(o.Name)
		if i == fewOutputs {
			many = make(map[string]bool, len(all))
			for _, name := range w.names {
				many[name] = true
			}
		}
		if many[name] || many == nil && slices.Contains(w.names, name) {
			return wire.Invalid("output '%s' already exists in request", name)
		}
		if many != nil {
			many[name] = true
		}
		binary, output, err := x.gateway.outputOf(o.Parameters)
		if err == nil {
			err = x.gateway.o.Service.CheckOutput(output)
		}
		if err != nil {
			return err
		}
		w.names, w.binary, w.outputs = append(w.names, name), append(w.binary, binary), append(w.outputs, output)
	}
	x.req.Outputs = w.names
	wire.Classes(&x.req, w.outputs)
	return nil
}

// fewOutputs are so few that comparing each with all others is the fastest.
const fewOutputs = 16

// outputOf reads an output's parameters: whether its bytes are wanted as they are, and
// what else is.
func (g *Gateway) outputOf(parameters []jsontensor.Parameter) (binary bool, o wire.Output, err error) {
	if len(parameters) == 0 {
		return false, o, nil
	}
	raw := find(parameters, "binary_data")
	if raw != nil {
		binary, err = boolOf("binary_data", raw)
	}
	if classes := find(parameters, "classification"); err == nil && classes != nil {
		o.Classes, err = uint64Of("classification", classes)
	}
	if err == nil {
		o.Part, err = g.partOf(parameters)
	}
	switch {
	case err != nil, o.Part.Region == "":
	case o.Classes > 0:
		err = wire.Invalid("Output can't set both 'shared_memory_region' and 'classification'")
	case binary:
		err = wire.Invalid("Output can't set both 'shared_memory_region' and 'binary_data'")
	}
	return binary, o, err
}

// partOf reads where in shared memory a tensor lies; no region where it does not.
func (g *Gateway) partOf(parameters []jsontensor.Parameter) (p wire.Part, err error) {
	raw := find(parameters, "shared_memory_region")
	switch {
	case raw == nil:
		return p, nil
	case g.o.Service.Regions() == nil:
		return p, wire.ErrNoRegions
	}
	if p.Region, err = stringOf("shared_memory_region", raw); err != nil {
		return p, err
	}
	size := find(parameters, "shared_memory_byte_size")
	if p.Region == "" || size == nil {
		return p, missingField("shared_memory_byte_size")
	}
	if p.Size, err = uint64Of("shared_memory_byte_size", size); err != nil {
		return p, err
	}
	if offset := find(parameters, "shared_memory_offset"); offset != nil {
		p.Offset, err = uint64Of("shared_memory_offset", offset)
	}
	return p, err
}

// form is how an output is sent.
type form uint8

const (
	asJSON form = iota
	asBinary
	asShared // it is in shared memory
)

// of returns how an output is sent.
func (w wanted) of(output string) form {
	binary := w.rest
	if i := slices.Index(w.names, output); i >= 0 {
		if w.outputs[i].Part.Region != "" {
			return asShared
		}
		binary = w.binary[i]
	}
	if binary {
		return asBinary
	}
	return asJSON
}
