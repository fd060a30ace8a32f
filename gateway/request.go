package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// headerLength is the HTTP header that says how many bytes of a body are JSON; the
// rest are tensors. It is Triton's binary tensor data extension.
const headerLength = "Inference-Header-Content-Length"

// maxRest is how many bytes a request's JSON may have beside its data. It takes many
// times its size while it is decoded, and real requests need a few hundred bytes.
const maxRest = 4 << 20

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
	names  []string // the outputs that the request lists
	binary []bool   // for each of them
	rest   bool     // for outputs that it does not list
}

// parsed is a decoded request.
type parsed struct {
	req    *infer.Request
	wanted wanted
}

// wholeBody stands for the length of the JSON part when all of the body is that.
const wholeBody = math.MaxInt

// headerSize reads the length of the JSON part, which may be as wrong as the caller
// says.
func headerSize(h http.Header) (int, error) {
	if len(h[headerLength]) == 0 {
		return wholeBody, nil
	}
	text := h.Get(headerLength)
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
	if header != wholeBody {
		if header <= 0 || header > len(b.B) {
			return parsed{}, badRequest("inference header size should be in range (0, %d), got: %d", len(b.B), header)
		}
		text, tail = b.B[:header], b.B[header:]
	}
	rest, data, err := jsontensor.Cut(nil, text, jsontensor.Limits{})
	if err != nil {
		return parsed{}, syntaxError(err)
	}
	if len(rest) > maxRest {
		return parsed{}, badRequest("request JSON without the tensors' data has %d bytes: expected at most %d", len(rest), maxRest)
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
	return wrongType(field, kind)
}

// wrongType words a value of the wrong type as Triton does.
func wrongType(field, kind string) error {
	return unparsable("Unable to parse '%s': attempt to access JSON non-%s as %s", field, kind, kind)
}

// missingField words an absent field as Triton does.
func missingField(field string) error {
	return unparsable("Unable to parse '%s': attempt to access non-existing object member '%s'", field, field)
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
	if err := p.outputs(j.Outputs); err != nil {
		return parsed{}, err
	}
	return p, nil
}

// input reads all but the data.
func (d *decoder) input(j *inputJSON, t *tensor.Tensor) error {
	switch {
	case j.Name == nil:
		return missingField("name")
	case j.DataType == nil:
		return missingField("datatype")
	case j.Shape == nil:
		return missingField("shape")
	}
	t.Name = *j.Name
	var err error
	if t.DType, err = tensor.ParseDType(*j.DataType); err != nil {
		return badRequest("invalid datatype for input %s", t.Name)
	}
	t.Shape = make(tensor.Shape, len(*j.Shape))
	for i, n := range *j.Shape {
		if n > math.MaxInt64 {
			return badRequest("invalid shape for input '%s': shape %s contains one or more invalid dimensions", t.Name, strings.ReplaceAll(fmt.Sprint(*j.Shape), " ", ","))
		}
		t.Shape[i] = int64(n)
	}
	if _, err := t.Shape.Bytes(t.DType); err != nil {
		return badRequest("invalid shape for input '%s': shape %v causes total element count to exceed maximum size of %d", t.Name, t.Shape, int64(math.MaxInt64))
	}
	return nil
}
