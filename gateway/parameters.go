package gateway

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameters reads the request's own parameters. Of several that are wrong, the first
// by name is reported.
func (p *parsed) parameters(all map[string]json.RawMessage) error {
	if len(all) == 1 { // usually binary_data_output
		for name, raw := range all {
			return p.parameter(name, raw)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := p.parameter(name, all[name]); err != nil {
			return err
		}
	}
	return nil
}

func (p *parsed) parameter(name string, raw json.RawMessage) (err error) {
	switch name {
	case "priority":
		p.req.Priority, err = uintParameter(name, raw)
	case "timeout":
		var us uint64
		us, err = uintParameter(name, raw)
		p.req.Timeout = time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond
	case "binary_data_output":
		p.wanted.rest, err = boolParameter(name, raw)
	case "sequence_start":
		p.req.Sequence.Start, err = boolParameter(name, raw)
	case "sequence_end":
		p.req.Sequence.End, err = boolParameter(name, raw)
	case "sequence_id":
		p.req.Sequence.ID, err = sequenceID(raw)
	case "headers":
	default:
		err = custom(name, raw)
	}
	return err
}

func uintParameter(name string, raw json.RawMessage) (uint64, error) {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return 0, wrongType(name, "unsigned-integer")
	}
	return n, nil
}

func boolParameter(name string, raw json.RawMessage) (bool, error) {
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
func sequenceID(raw json.RawMessage) (string, error) {
	var text string
	if _, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		return string(raw), nil
	}
	if json.Unmarshal(raw, &text) != nil || raw[0] != '"' {
		return "", wrongType("sequence_id", "string")
	}
	return text, nil
}

// custom checks a parameter that is the caller's own.
func custom(name string, raw json.RawMessage) error {
	if strings.HasPrefix(name, "triton_") {
		return badRequest("parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")
	}
	switch raw[0] {
	case 'n', '[', '{':
		return badRequest("parameter '%s' has invalid type. It should be either 'int', 'bool', or 'string'.", name)
	}
	return nil
}

// outputs reads which outputs are wanted and how. An output that is listed without
// binary_data comes as JSON, whatever binary_data_output says: Triton's rule.
func (p *parsed) outputs(all []outputJSON) error {
	if len(all) == 0 {
		return nil
	}
	w := &p.wanted
	w.rest = false
	w.names, w.binary = make([]string, 0, len(all)), make([]bool, 0, len(all))
	var many map[string]bool // the names so far, once comparing with each takes long
	for i, o := range all {
		if o.Name == nil {
			return missingField("name")
		}
		if i == fewOutputs {
			many = make(map[string]bool, len(all))
			for _, name := range w.names {
				many[name] = true
			}
		}
		if many[*o.Name] || many == nil && slices.Contains(w.names, *o.Name) {
			return badRequest("output '%s' already exists in request", *o.Name)
		}
		if many != nil {
			many[*o.Name] = true
		}
		binary, err := outputAsBinary(*o.Name, o.Parameters)
		if err != nil {
			return err
		}
		w.names, w.binary = append(w.names, *o.Name), append(w.binary, binary)
	}
	p.req.Outputs = w.names
	return nil
}

// fewOutputs are so few that comparing each with all others is the fastest.
const fewOutputs = 16

func outputAsBinary(name string, parameters map[string]json.RawMessage) (bool, error) {
	switch {
	case parameters["classification"] != nil:
		return false, unsupported("output '%s': the parameter 'classification' is not supported", name)
	case parameters["shared_memory_region"] != nil:
		return false, unsupported("Client shared memory is disabled. Ask for the tensor's bytes in the answer instead.")
	case parameters["binary_data"] != nil:
		return boolParameter("binary_data", parameters["binary_data"])
	default:
		return false, nil
	}
}

// asBinary reports whether the caller wants an output's bytes as they are.
func (w wanted) asBinary(output string) bool {
	if i := slices.Index(w.names, output); i >= 0 {
		return w.binary[i]
	}
	return w.rest
}
