package gateway

import (
	"errors"
	"fmt"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// fill finds each input's data: the next bytes of the tail, its JSON text, or shared
// memory. It reports whether an input lies in the body.
func (x *exchange) fill() (inBody bool, err error) {
	all, room := x.json.Inputs, 0
	for i := range all {
		if err := checkSource(&all[i]); err != nil {
			return false, err
		}
		if all[i].Data != nil {
			if err := x.checkSize(x.inputs[i]); err != nil {
				return false, err
			}
			room += roomFor(all[i].Data, x.inputs[i])
		}
	}
	for i := range all {
		size := find(all[i].Parameters, "binary_data_size")
		switch {
		case all[i].Data != nil:
			err = x.decodeJSON(all[i].Data, &x.inputs[i], room)
		case size != nil:
			inBody = true
			err = x.cut(size, &x.inputs[i])
		default:
			err = x.shared(i)
		}
		if err != nil {
			return false, err
		}
	}
	if len(x.tail) > 0 {
		return false, wire.Invalid("unexpected additional input data for model '%s'", x.model)
	}
	return inBody, nil
}

// checkSize refuses an input in JSON that is larger, by its shape, than a body may be.
// How large strings are only their text says.
func (x *exchange) checkSize(t tensor.Tensor) error {
	if size, err := t.Shape.Bytes(t.DType); err == nil && t.DType != tensor.Bytes && size > x.from.limit {
		return wire.Invalid("JSON input '%s' has a byte_size (%d bytes) that exceeds the maximum allowed value of %d bytes. Use --http-max-input-size to increase the limit.", t.Name, size, x.from.limit)
	}
	return nil
}

// checkSource refuses an input without data, or with two kinds of it.
func checkSource(in *jsontensor.Input) error {
	what, sources := "", 0
	for _, field := range []struct {
		set  bool
		name string
	}{
		{in.Data != nil, " 'data'"},
		{find(in.Parameters, "binary_data_size") != nil, " 'binary_data_size'"},
		{find(in.Parameters, "shared_memory_region") != nil, " 'shared_memory_region'"},
	} {
		if field.set {
			what += field.name
			sources++
		}
	}
	if sources == 1 {
		return nil
	}
	if what == "" {
		what = "no field is set"
	} else {
		what = "set" + what
	}
	return wire.Invalid("Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But %s", what)
}

// cut takes an input's bytes off the tail.
func (x *exchange) cut(raw []byte, t *tensor.Tensor) error {
	size, err := uint64Of("binary_data_size", raw)
	if err != nil {
		return err
	}
	if have := uint64(len(x.tail)); size > have {
		return wire.Invalid("unexpected size for input '%s', expecting %d additional bytes for model '%s'", t.Name, size-have, x.model)
	}
	t.Data, x.tail = x.tail[:size:size], x.tail[size:]
	return nil
}

// shared reads an input from shared memory.
func (x *exchange) shared(i int) error {
	service := x.gateway.o.Service
	p, err := x.gateway.partOf(x.json.Inputs[i].Parameters)
	if err != nil {
		return err
	}
	t := &x.inputs[i]
	if want, err := t.Shape.Bytes(t.DType); err == nil && t.DType != tensor.Bytes && uint64(want) != p.Size {
		return infer.Invalidf("input byte size mismatch for input '%s' for model '%s'. Expected %d, got %d", t.Name, x.model, want, p.Size)
	}
	if err := service.Regions().Check(p); err != nil { // before memory is taken
		return err
	}
	part := held{budget: service.Memory()}
	if err := part.resize(int(p.Size)); err != nil {
		return err
	}
	x.parts = append(x.parts, part)
	t.Data = part.B
	return service.Regions().Read(p, t.Data)
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

// decodeJSON parses an input's JSON text into the values, which get memory of the given
// size when there is none yet.
func (x *exchange) decodeJSON(text []byte, t *tensor.Tensor, room int) error {
	if x.values.Buffer == nil {
		x.values.take(room)
		x.values.B = x.values.B[:0]
	}
	for len(x.values.B)%valueAlign != 0 {
		x.values.B = append(x.values.B, 0)
	}
	from := len(x.values.B)
	if err := x.values.append(text, t); err != nil {
		return err
	}
	to := len(x.values.B)
	t.Data = x.values.B[from:to:to]
	return nil
}

// append parses an input's JSON text into the end of what is held.
func (h *held) append(text []byte, t *tensor.Tensor) error {
	want, err := t.Shape.Elements()
	if err != nil {
		return wire.Invalid("invalid shape for input '%s'", t.Name)
	}
	grown, err := jsontensor.Append(h.B, text, t.DType, want)
	switch {
	case err == nil:
		h.B = grown
		return nil
	case errors.Is(err, jsontensor.ErrUnsupported):
		return wire.Invalid("receiving %v data via JSON is not supported. Please use the binary data format for input %s", t.DType, t.Name)
	case errors.Is(err, jsontensor.ErrTooMany) && t.DType == tensor.Bytes:
		return wire.Unreadable("Unable to parse 'data': shape does not match true shape of 'data' field: %s", expected(t, want))
	case errors.Is(err, jsontensor.ErrTooMany):
		return wire.Unreadable("Unable to parse 'data': Shape does not match true shape of 'data' field: %s", expected(t, want))
	case errors.Is(err, jsontensor.ErrTooFew):
		return wire.Unreadable("Failed to parse 'data' field: shape does not match true shape: %s", expected(t, want))
	case errors.Is(err, jsontensor.ErrDepth):
		return wire.Invalid("%v", err)
	default:
		return wire.Unreadable("Unable to parse 'data': input '%s': %v", t.Name, err)
	}
}

// expected says how many elements an input's data should have had.
func expected(t *tensor.Tensor, elements int64) string {
	return fmt.Sprintf("expected %d elements for shape %v of input '%s'", elements, t.Shape, t.Name)
}
