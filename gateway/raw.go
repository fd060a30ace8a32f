package gateway

import (
	"encoding/binary"

	"galatea/infer"
	"galatea/tensor"
)

// parseRaw makes the request of a body that is nothing but the one input's bytes: the
// raw binary request of Triton's binary data extension. The shape is the model's, with one
// row where it batches, and at most one dimension that follows from the bytes. All outputs
// come as bytes.
func (x *exchange) parseRaw() error {
	info, err := x.gateway.o.Service.Info(x.req.Model)
	if err != nil {
		return err
	}
	inputs := info.Config.RequestSignature().Inputs
	if len(inputs) != 1 {
		return infer.Invalidf("Raw request must only have 1 input (found 1) to be deduced but got %d inputs in '%s' model configuration", len(inputs), x.model)
	}
	in := inputs[0]
	t := tensor.Tensor{Name: in.Name, DType: in.DType, Shape: append(tensor.Shape{}, in.Shape...), Data: x.body.B}
	dims := t.Shape
	if info.Config.Batching() {
		dims[0], dims = 1, dims[1:]
	}
	if in.DType == tensor.Bytes {
		if len(dims) != 1 || dims[0] != 1 {
			return infer.Invalidf("For BYTE datatype raw input '%s', the model must have input shape [1]", in.Name)
		}
		x.values.take(len(x.body.B) + 4)
		binary.LittleEndian.PutUint32(x.values.B, uint32(len(x.body.B)))
		copy(x.values.B[4:], x.body.B)
		t.Data = x.values.B
	} else if !deduce(dims, int64(len(x.body.B)/in.DType.Size())) {
		return infer.Invalidf("The shape of the raw input '%s' can not be deduced because there are more than one variable-sized dimension", in.Name)
	}
	x.inputs = append(x.inputs, t)
	x.req.Inputs = x.inputs
	x.wanted.rest = true
	return nil
}

// deduce sets the one dimension of a shape that is dynamic so that the shape has so many
// elements, as far as the others let it. It reports false where there are several.
func deduce(shape tensor.Shape, elements int64) bool {
	at, fixed := -1, int64(1)
	for i, d := range shape {
		switch {
		case d >= 0:
			fixed *= max(d, 1)
		case at >= 0:
			return false
		default:
			at = i
		}
	}
	if at >= 0 {
		shape[at] = elements / fixed
	}
	return true
}
