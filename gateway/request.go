package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/internal/mem"
	"galatea/tensor"
)

// headerLength is the HTTP header that says how many bytes of a body are JSON; the
// rest are tensors. It is Triton's binary tensor data extension.
const headerLength = "Inference-Header-Content-Length"

// The JSON part of a request. Pointers tell what is missing from what is empty.
type requestJSON struct {
	ID         *string                    `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Inputs     *[]inputJSON               `json:"inputs"`
	Outputs    []outputJSON               `json:"outputs"`
}

type inputJSON struct {
	Name       *string                    `json:"name"`
	Shape      *[]uint64                  `json:"shape"`
	DataType   *string                    `json:"datatype"`
	Parameters map[string]json.RawMessage `json:"parameters"`
}

type outputJSON struct {
	Name       *string                    `json:"name"`
	Parameters map[string]json.RawMessage `json:"parameters"`
}

// wanted is how the caller wants the answer encoded.
type wanted struct {
	binary map[string]bool // by output that the request lists
	rest   bool            // for outputs that it does not list
}

// parsed is a decoded request.
type parsed struct {
	req    *infer.Request
	wanted wanted
}

// headerSize reads the length of the JSON part: -1 when the whole body is JSON.
func headerSize(h http.Header) (int, error) {
	text := h.Get(headerLength)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, badRequest("Unable to parse %s, got: %s", headerLength, text)
	}
	return int(n), nil
}

// parseRequest decodes a body. header is headerSize's result. On success the
// request owns the body; on failure the caller still does.
func parseRequest(b *body, header int, ref infer.Ref) (parsed, error) {
	text, tail := b.B, []byte(nil)
	if header >= 0 {
		if header == 0 || header > len(b.B) {
			return parsed{}, badRequest("inference header size should be in range (0, %d), got: %d", len(b.B), header)
		}
		text, tail = b.B[:header], b.B[header:]
	}
	rest, data, err := jsontensor.Cut(nil, text, jsontensor.Limits{})
	if err != nil {
		return parsed{}, syntaxError(err)
	}
	var j requestJSON
	if err := json.Unmarshal(rest, &j); err != nil {
		return parsed{}, fieldError(err)
	}
	d := decoder{data: data, tail: tail, model: ref.Name}
	p, err := d.request(&j, ref)
	if err != nil {
		d.values.release()
		return parsed{}, err
	}
	d.own(p.req, b)
	return p, nil
}

func syntaxError(err error) error {
	var syntax *jsontensor.SyntaxError
	switch {
	case errors.Is(err, jsontensor.ErrDepth):
		return badRequest("%v", err)
	case errors.As(err, &syntax):
		return unparsable("failed to parse the request JSON buffer: %v", err)
	default:
		return badRequest("%v", err)
	}
}

// fieldError words a field of the wrong type as Triton does.
func fieldError(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return unparsable("failed to parse the request JSON buffer: %v", err)
	}
	field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
	if field == "" {
		return unparsable("failed to parse the request JSON buffer: expected an object, got %s", wrong.Value)
	}
	kind := map[string]string{"shape": "unsigned-integer", "id": "string", "name": "string", "datatype": "string", "inputs": "array", "outputs": "array", "parameters": "object"}[field]
	if kind == "" {
		kind = wrong.Type.String()
	}
	return unparsable("Unable to parse '%s': attempt to access JSON non-%s as %s", field, kind, kind)
}

// missingField words an absent field as Triton does.
func missingField(field string) error {
	return unparsable("Unable to parse '%s': attempt to access non-existing object member '%s'", field, field)
}

// decoder makes a request of its JSON part and the bytes around it.
type decoder struct {
	data   [][]byte // the text of each input's data
	tail   []byte   // binary tensors
	model  string
	values values
	inPlay bool // an input aliases the body
}

// values is the memory of the tensors that came as JSON.
type values struct{ *mem.Buffer }

func (v values) release() {
	if v.Buffer != nil {
		v.Release()
	}
}

// bodyAndValues is a request's memory when it has both kinds of tensors.
type bodyAndValues struct {
	*body
	values values
}

func (m bodyAndValues) Release() {
	m.body.Release()
	m.values.release()
}

// own gives the request its memory; a body that nothing aliases goes back at once.
func (d *decoder) own(req *infer.Request, b *body) {
	switch {
	case d.values.Buffer == nil:
		req.Own(b)
	case d.inPlay:
		req.Own(bodyAndValues{b, d.values})
	default:
		b.Release()
		req.Own(d.values)
	}
}

func (d *decoder) request(j *requestJSON, ref infer.Ref) (parsed, error) {
	if j.Inputs == nil {
		return parsed{}, missingField("inputs")
	}
	req := &infer.Request{Model: ref, Inputs: make([]tensor.Tensor, len(*j.Inputs))}
	if j.ID != nil {
		req.ID = *j.ID
	}
	p := parsed{req: req}
	if err := p.parameters(j.Parameters); err != nil {
		return parsed{}, err
	}
	for i := range *j.Inputs {
		if err := d.input(&(*j.Inputs)[i], &req.Inputs[i]); err != nil {
			return parsed{}, err
		}
	}
	if err := d.fill(*j.Inputs, req.Inputs); err != nil {
		return parsed{}, err
	}
	return p, p.outputs(j.Outputs)
}

// input reads all but the data.
func (d *decoder) input(j *inputJSON, t *tensor.Tensor) error {
	switch {
	case j.Name == nil:
		return missingField("name")
	case j.Shape == nil:
		return missingField("shape")
	case j.DataType == nil:
		return missingField("datatype")
	}
	t.Name = *j.Name
	var err error
	if t.DType, err = tensor.ParseDType(*j.DataType); err != nil {
		return badRequest("invalid datatype for input %s", t.Name)
	}
	t.Shape = make(tensor.Shape, len(*j.Shape))
	for i, n := range *j.Shape {
		if n > math.MaxInt64 {
			return badRequest("invalid shape for input '%s': shape %v contains one or more invalid dimensions", t.Name, *j.Shape)
		}
		t.Shape[i] = int64(n)
	}
	if _, err := t.Shape.Bytes(t.DType); err != nil {
		return badRequest("invalid shape for input '%s': shape %v causes total element count to exceed maximum size of %d", t.Name, t.Shape, int64(math.MaxInt64))
	}
	return nil
}

// fill finds each input's data: the next bytes of the tail, or its JSON text.
func (d *decoder) fill(js []inputJSON, inputs []tensor.Tensor) error {
	type part struct{ at, from, to int }
	var parts []part
	for i := range js {
		t := &inputs[i]
		var text []byte
		if i < len(d.data) {
			text = d.data[i]
		}
		size, binary, err := binarySize(js[i].Parameters, t.Name)
		switch {
		case err != nil:
			return err
		case js[i].Parameters["shared_memory_region"] != nil:
			return unsupported("Client shared memory is disabled. Send the tensor's bytes in the request instead.")
		case binary && text != nil:
			return dataSource("both 'data' and 'binary_data_size' are set")
		case !binary && text == nil:
			return dataSource("no field is set")
		case binary && size > len(d.tail):
			return badRequest("unexpected size for input '%s', expecting %d additional bytes for model '%s'", t.Name, size-len(d.tail), d.model)
		case binary:
			t.Data, d.tail = d.tail[:size:size], d.tail[size:]
			d.inPlay = true
			continue
		}
		from := d.start(len(text))
		if err := d.values.append(text, t); err != nil {
			return err
		}
		parts = append(parts, part{i, from, len(d.values.B)})
	}
	if len(d.tail) > 0 {
		return badRequest("unexpected additional input data for model '%s'", d.model)
	}
	for _, p := range parts { // only now, since the memory moves as it grows
		inputs[p.at].Data = d.values.B[p.from:p.to:p.to]
	}
	return nil
}

func dataSource(what string) error {
	return badRequest("Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But %s", what)
}

// start makes room for values and returns where the next one begins, aligned for any type.
func (d *decoder) start(text int) int {
	if d.values.Buffer == nil {
		d.values.Buffer = mem.Get(4 * text)
		d.values.B = d.values.B[:0]
	}
	for len(d.values.B)%8 != 0 {
		d.values.B = append(d.values.B, 0)
	}
	return len(d.values.B)
}

// append parses an input's JSON text into the end of the values.
func (v values) append(text []byte, t *tensor.Tensor) error {
	want, err := t.Shape.Elements()
	if err != nil {
		return badRequest("invalid shape for input '%s'", t.Name)
	}
	grown, err := jsontensor.Append(v.B, text, t.DType, want)
	switch {
	case err == nil:
		v.B = grown
		return nil
	case errors.Is(err, jsontensor.ErrUnsupported):
		return badRequest("receiving %v data via JSON is not supported. Please use the binary data format for input %s", t.DType, t.Name)
	case errors.Is(err, jsontensor.ErrTooMany) && t.DType == tensor.Bytes:
		return unparsable("Unable to parse 'data': shape does not match true shape of 'data' field")
	case errors.Is(err, jsontensor.ErrTooMany):
		return unparsable("Unable to parse 'data': Shape does not match true shape of 'data' field")
	case errors.Is(err, jsontensor.ErrTooFew):
		return unparsable("Failed to parse 'data' field: shape does not match true shape")
	case errors.Is(err, jsontensor.ErrDepth):
		return badRequest("%v", err)
	default:
		return unparsable("Unable to parse 'data': input '%s': %v", t.Name, err)
	}
}

func binarySize(parameters map[string]json.RawMessage, input string) (size int, ok bool, err error) {
	raw := parameters["binary_data_size"]
	if raw == nil {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(string(raw), 10, 62)
	if err != nil {
		return 0, false, unparsable("Unable to parse 'binary_data_size': input '%s': attempt to access JSON non-unsigned-integer as unsigned-integer", input)
	}
	return int(n), true, nil
}

// parameters reads the request's own parameters.
func (p *parsed) parameters(all map[string]json.RawMessage) error {
	for name, raw := range all {
		var err error
		switch name {
		case "priority":
			p.req.Priority, err = strconv.ParseUint(string(raw), 10, 64)
		case "timeout":
			var us uint64
			us, err = strconv.ParseUint(string(raw), 10, 64)
			p.req.Timeout = time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond
			if us > math.MaxInt64 {
				err = strconv.ErrRange
			}
		case "binary_data_output":
			p.wanted.rest, err = strconv.ParseBool(string(raw))
		case "sequence_start":
			p.req.Sequence.Start, err = strconv.ParseBool(string(raw))
		case "sequence_end":
			p.req.Sequence.End, err = strconv.ParseBool(string(raw))
		case "sequence_id":
			p.req.Sequence.ID = string(bytes.Trim(raw, `"`))
		case "headers":
		default:
			err = custom(name, raw)
		}
		if _, own := err.(*wireError); own { //nolint:errorlint // made just above, not wrapped
			return err
		}
		if err != nil {
			return badRequest("Unable to parse '%s': got %s", name, raw)
		}
	}
	return nil
}

// custom checks a parameter that is the caller's own.
func custom(name string, raw json.RawMessage) error {
	if strings.HasPrefix(name, "triton_") {
		return badRequest("parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")
	}
	integer := len(raw) > 0 && !bytes.ContainsAny(raw, ".eE") && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
	if integer || raw[0] == '"' || raw[0] == 't' || raw[0] == 'f' {
		return nil
	}
	return badRequest("parameter '%s' has invalid type. It should be either 'int', 'bool', or 'string'.", name)
}

// outputs reads which outputs are wanted and how. An output that is listed without
// binary_data comes as JSON, whatever binary_data_output says: Triton's rule.
func (p *parsed) outputs(all []outputJSON) error {
	for _, o := range all {
		switch {
		case o.Name == nil:
			return missingField("name")
		case slices.Contains(p.req.Outputs, *o.Name):
			return badRequest("output '%s' already exists in request", *o.Name)
		case o.Parameters["classification"] != nil:
			return unsupported("output '%s': the parameter 'classification' is not supported", *o.Name)
		case o.Parameters["shared_memory_region"] != nil:
			return unsupported("Client shared memory is disabled. Ask for the tensor's bytes in the answer instead.")
		}
		p.req.Outputs = append(p.req.Outputs, *o.Name)
		if raw := o.Parameters["binary_data"]; raw != nil {
			binary, err := strconv.ParseBool(string(raw))
			if err != nil {
				return badRequest("Unable to parse 'binary_data': got %s", raw)
			}
			if p.wanted.binary == nil {
				p.wanted.binary = map[string]bool{}
			}
			p.wanted.binary[*o.Name] = binary
		}
	}
	if len(all) > 0 {
		p.wanted.rest = false
	}
	return nil
}

// asBinary reports whether the caller wants an output's bytes as they are.
func (w wanted) asBinary(output string) bool {
	if binary, listed := w.binary[output]; listed {
		return binary
	}
	return w.rest
}
