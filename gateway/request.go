package gateway

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"galatea/gateway/wire"
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// headerLength is the HTTP header that says how many bytes of a body are JSON; the
// rest are tensors. It is Triton's binary tensor data extension.
const headerLength = "Inference-Header-Content-Length"

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
		return 0, wire.Invalid("Unable to parse %s, got: %s", headerLength, text)
	}
	return int(n), nil
}

// parseInfer makes the request of the body. header is headerSize's result.
func (x *exchange) parseInfer(header int) error {
	text := x.body.B
	if header == 0 {
		return x.parseRaw()
	}
	if header != wholeBody {
		if header <= 0 || header > len(text) {
			return wire.Invalid("inference header size should be in range (0, %d), got: %d", len(text), header)
		}
		text, x.tail = text[:header], text[header:]
	}
	if err := x.json.Parse(text, jsontensor.Limits{}); err != nil {
		return jsonError(err)
	}
	return x.request()
}

// jsonError words what is wrong with a request's JSON as Triton does, where Triton
// knows it.
func jsonError(err error) error {
	if field, is := errors.AsType[*jsontensor.FieldError](err); is && field.Field != "" {
		return wrongType(field.Field, field.Expected)
	}
	switch {
	case errors.Is(err, jsontensor.ErrDepth), errors.Is(err, jsontensor.ErrInputs), errors.Is(err, jsontensor.ErrRest):
		return wire.Invalid("%v", err)
	default:
		return wire.Unreadable("failed to parse the request JSON buffer: %v", err)
	}
}

// wrongType words a value of the wrong type as Triton does.
func wrongType(field, kind string) error {
	return wire.Unreadable("Unable to parse '%s': attempt to access JSON non-%s as %s", field, kind, kind)
}

// missingField words an absent field as Triton does.
func missingField(field string) error {
	return wire.Unreadable("Unable to parse '%s': attempt to access non-existing object member '%s'", field, field)
}

func (x *exchange) request() error {
	j := &x.json
	if !j.HasInputs {
		return missingField("inputs")
	}
	x.req.ID = string(j.ID)
	if err := x.parameters(j.Parameters); err != nil {
		return err
	}
	x.inputs = slices.Grow(x.inputs, len(j.Inputs))[:len(j.Inputs)]
	for i := range j.Inputs {
		if err := x.input(&j.Inputs[i], &x.inputs[i]); err != nil {
			return err
		}
	}
	x.req.Inputs = x.inputs
	inBody, err := x.fill()
	if err == nil {
		err = x.outputs(j.Outputs)
	}
	if err == nil && !inBody {
		x.body.release()
	}
	return err
}

// input reads all but the data.
func (x *exchange) input(j *jsontensor.Input, t *tensor.Tensor) error {
	switch {
	case j.Name == nil:
		return missingField("name")
	case j.DataType == nil:
		return missingField("datatype")
	case j.Shape == nil:
		return missingField("shape")
	}
	t.Name = string(j.Name)
	var err error
	if t.DType, err = tensor.ParseDType(string(j.DataType)); err != nil {
		return wire.Invalid("invalid datatype for input %s", t.Name)
	}
	from := len(x.dims)
	for _, n := range j.Shape {
		if n > math.MaxInt64 {
			return wire.Invalid("invalid shape for input '%s': shape %s contains one or more invalid dimensions", t.Name, strings.ReplaceAll(fmt.Sprint(j.Shape), " ", ","))
		}
		x.dims = append(x.dims, int64(n))
	}
	t.Shape = x.dims[from:len(x.dims):len(x.dims)]
	_, err = wire.CheckShape(*t)
	return err
}
