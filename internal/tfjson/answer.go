package tfjson

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// AppendPredict appends the answer to a predict request, in the format of its body. A
// sole output stands for itself, several are members of objects.
//
// Strings of an output whose name ends in _bytes are written in base64. In the format
// Row all outputs need the same first dimension. It returns an *Error for outputs that
// JSON or the format cannot express, and another where the data of one is not what its
// shape says; dst is then returned as it was.
func AppendPredict(dst []byte, outputs []tensor.Tensor, f Format) ([]byte, error) {
	if len(outputs) == 0 {
		return dst, errorf("Cannot convert empty tensor map to JSON")
	}
	all := make([]values, len(outputs))
	for i, t := range outputs {
		if err := all[i].of(t); err != nil {
			return dst, err
		}
	}
	if f == Column {
		dst = append(dst, `{"outputs":`...)
		return append(appendNamed(dst, all, 0), '}'), nil
	}
	rows, err := batch(outputs)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `{"predictions":[`...)
	for i := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNamed(dst, all, 1)
	}
	return append(dst, ']', '}'), nil
}

// batch returns the first dimension that the outputs share.
func batch(outputs []tensor.Tensor) (int64, error) {
	for _, t := range outputs {
		if len(t.Shape) == 0 {
			return 0, errorf("Tensor name: %s has no shape information ", t.Name)
		}
		if first := outputs[0].Shape[0]; t.Shape[0] != first {
			return 0, errorf("Tensor name: %s has inconsistent batch size: %d expecting: %d", t.Name, t.Shape[0], first)
		}
	}
	return outputs[0].Shape[0], nil
}

// appendNamed appends the next part of each tensor, which lies that many dimensions
// below its whole: a sole one as it is, several as an object.
func appendNamed(dst []byte, all []values, below int) []byte {
	if len(all) == 1 {
		return all[0].append(dst, all[0].t.Shape[below:])
	}
	dst = append(dst, '{')
	for i := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontensor.AppendString(dst, []byte(all[i].t.Name)), ':')
		dst = all[i].append(dst, all[i].t.Shape[below:])
	}
	return append(dst, '}')
}

// values writes a tensor's elements, one after the other.
type values struct {
	t     tensor.Tensor
	rest  []byte // of the data
	coded bool   // strings are written in base64
}

// mostLists bounds the lists of a tensor without elements, which its size does not.
const mostLists = 1 << 16

// of makes v write t, whose data has to be what its shape says.
func (v *values) of(t tensor.Tensor) error {
	if t.DType == tensor.FP16 || t.DType == tensor.BF16 || !t.DType.Valid() {
		return errorf("Failed to write JSON value for tensor type: %s", TypeName(t.DType))
	}
	elements, err := t.Shape.Elements()
	if err != nil {
		return fmt.Errorf("tensor %q has the shape %v: %w", t.Name, t.Shape, err)
	}
	have := int64(0)
	if t.DType != tensor.Bytes {
		have = int64(len(t.Data) / t.DType.Size())
	} else if have, err = tensor.CountStrings(t.Data); err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if have != elements {
		return fmt.Errorf("tensor %q of type %v and shape %v has %d elements", t.Name, t.DType, t.Shape, have)
	}
	if elements == 0 && lists(t.Shape) > mostLists {
		return errorf("Tensor name: %s of shape %v has no elements, but more than %d lists", t.Name, t.Shape, mostLists)
	}
	*v = values{t: t, rest: t.Data, coded: t.DType == tensor.Bytes && strings.HasSuffix(t.Name, "_bytes")}
	return nil
}

// lists returns how many lists a tensor without elements is written as, or some number
// above mostLists.
func lists(shape tensor.Shape) int64 {
	total, level := int64(0), int64(1)
	for _, d := range shape {
		if total += level; d == 0 || total > mostLists {
			break
		}
		level *= min(d, mostLists+1) // neither is larger than that
	}
	return total
}

// append appends the next part of the tensor, of the given shape.
func (v *values) append(dst []byte, shape tensor.Shape) []byte {
	if len(shape) == 0 {
		return v.next(dst)
	}
	dst = append(dst, '[')
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = v.append(dst, shape[1:])
	}
	return append(dst, ']')
}

// next appends the next element.
func (v *values) next(dst []byte) []byte {
	if v.t.DType == tensor.Bytes {
		var elem []byte
		elem, v.rest, _ = tensor.NextString(v.rest) // of has walked them
		if !v.coded {
			return jsontensor.AppendString(dst, elem)
		}
		dst = append(dst, `{"b64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, elem)
		return append(dst, '"', '}')
	}
	elem := v.rest[:v.t.DType.Size()]
	v.rest = v.rest[len(elem):]
	switch v.t.DType {
	case tensor.FP32:
		return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(elem))), 32)
	case tensor.FP64:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(elem)), 64)
	default:
		return jsontensor.AppendElement(dst, v.t.DType, elem)
	}
}

// appendFloat appends f, a value of the given number of bits, as TensorFlow Serving
// does: with six digits if they read back as f, else with as many as are always enough;
// with an exponent from 1e+06 on and below 1e-04; with ".0" where it has neither point
// nor exponent.
func appendFloat(dst []byte, f float64, bits int) []byte {
	const few = 6
	enough := 9
	if bits == 64 {
		enough = 17
	}
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', few, bits)
	if back, _ := strconv.ParseFloat(string(dst[start:]), bits); back != f {
		dst = strconv.AppendFloat(dst[:start], f, 'g', enough, bits)
	}
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}
