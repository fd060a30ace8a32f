package gateway

import (
	"encoding/json"
	"errors"

	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/internal/mem"
	"galatea/tensor"
)

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

// fill finds each input's data: the next bytes of the tail, or its JSON text.
func (d *decoder) fill(js []inputJSON, inputs []tensor.Tensor) error {
	room := 0
	for i := range js {
		text := d.text(i)
		if err := checkSource(js[i].Parameters, text); err != nil {
			return err
		}
		if text != nil {
			room += roomFor(text, inputs[i])
		}
	}
	for i := range js {
		t := &inputs[i]
		var err error
		if text := d.text(i); text != nil {
			err = d.decode(text, t, room)
		} else {
			err = d.cut(js[i].Parameters["binary_data_size"], t)
		}
		if err != nil {
			return err
		}
	}
	if len(d.tail) > 0 {
		return badRequest("unexpected additional input data for model '%s'", d.model)
	}
	return nil
}

// text returns the JSON text of an input's data, or nil.
func (d *decoder) text(i int) []byte {
	if i < len(d.data) {
		return d.data[i]
	}
	return nil
}

// checkSource refuses an input without data, or with two kinds of it.
func checkSource(parameters map[string]json.RawMessage, text []byte) error {
	binary, shared := parameters["binary_data_size"] != nil, parameters["shared_memory_region"] != nil
	switch {
	case (text != nil) != binary && !shared:
		return nil
	case text == nil && !binary && shared:
		return unsupported("Client shared memory is disabled. Send the tensor's bytes in the request instead.")
	}
	what := ""
	for _, field := range []struct {
		set  bool
		name string
	}{{text != nil, " 'data'"}, {binary, " 'binary_data_size'"}, {shared, " 'shared_memory_region'"}} {
		if field.set {
			what += field.name
		}
	}
	if what == "" {
		what = "no field is set"
	} else {
		what = "set" + what
	}
	return badRequest("Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But %s", what)
}

// cut takes an input's bytes off the tail.
func (d *decoder) cut(raw json.RawMessage, t *tensor.Tensor) error {
	size, err := uintParameter("binary_data_size", raw)
	if err != nil {
		return err
	}
	if have := uint64(len(d.tail)); size > have {
		return badRequest("unexpected size for input '%s', expecting %d additional bytes for model '%s'", t.Name, size-have, d.model)
	}
	t.Data, d.tail = d.tail[:size:size], d.tail[size:]
	d.inPlay = true
	return nil
}

// roomFor is the most that a tensor's text can take as bytes, aligned for any type.
func roomFor(text []byte, t tensor.Tensor) int {
	want, err := t.Shape.Elements()
	if err != nil {
		return 0
	}
	if t.DType == tensor.Bytes {
		return len(text) + 4*int(min(want, int64(len(text)/3+1))) + valueAlign
	}
	return t.DType.Size()*int(min(want, int64(len(text)/2+1))) + valueAlign
}

// valueAlign is the alignment of any element.
const valueAlign = 8

// decode parses an input's JSON text into the values, which get memory of the given
// size when there is none yet.
func (d *decoder) decode(text []byte, t *tensor.Tensor, room int) error {
	if d.values.Buffer == nil {
		d.values.Buffer = mem.Get(room)
		d.values.B = d.values.B[:0]
	}
	for len(d.values.B)%valueAlign != 0 {
		d.values.B = append(d.values.B, 0)
	}
	from := len(d.values.B)
	if err := d.values.append(text, t); err != nil {
		return err
	}
	to := len(d.values.B)
	t.Data = d.values.B[from:to:to]
	return nil
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
