package jsontensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"galatea/tensor"
)

// AppendArray appends a tensor's elements as a flat JSON array. Floats are written
// in the shortest form that reads back as the same value, whole ones with ".0",
// and NaN and the infinities as the bare words that Triton writes. Bytes of
// strings that are not UTF-8 become U+FFFD.
//
// It returns an error that wraps ErrUnsupported for a data type that JSON does not
// carry, and another where the tensor's data is not what its shape says; dst is
// then returned as it was.
func AppendArray(dst []byte, t tensor.Tensor) ([]byte, error) {
	if err := supported(t.DType); err != nil {
		return dst, err
	}
	if t.DType == tensor.Bytes {
		return appendStrings(dst, t)
	}
	if n, err := t.Shape.Bytes(t.DType); err != nil || n != int64(len(t.Data)) {
		return dst, fmt.Errorf("tensor %q of type %v and shape %v has %d bytes", t.Name, t.DType, t.Shape, len(t.Data))
	}
	size := t.DType.Size()
	dst = slices.Grow(dst, 3*len(t.Data)+2) // about what floats take, the most common
	dst = append(dst, '[')
	for i := 0; i < len(t.Data); i += size {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendElement(dst, t.DType, t.Data[i:i+size])
	}
	return append(dst, ']'), nil
}

// appendStrings appends a BYTES tensor.
func appendStrings(dst []byte, t tensor.Tensor) ([]byte, error) {
	out := slices.Grow(dst, len(t.Data)+2) // quotes and commas take less than the lengths did
	out = append(out, '[')
	count := int64(0)
	for rest := t.Data; len(rest) > 0; count++ {
		elem, after, err := tensor.NextString(rest)
		if err != nil {
			return dst, fmt.Errorf("tensor %q: element %d: %w", t.Name, count, err)
		}
		if count > 0 {
			out = append(out, ',')
		}
		out = AppendString(out, elem)
		rest = after
	}
	if n, err := t.Shape.Elements(); err != nil || n != count {
		return dst, fmt.Errorf("tensor %q of type %v and shape %v has %d elements", t.Name, t.DType, t.Shape, count)
	}
	return append(out, ']'), nil
}

// AppendElement appends the element that b holds, of a type of fixed size that JSON
// carries.
func AppendElement(dst []byte, d tensor.DType, b []byte) []byte {
	switch d {
	case tensor.FP32:
		return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case tensor.FP64:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case tensor.Bool:
		return strconv.AppendBool(dst, b[0] != 0)
	case tensor.Uint8:
		return strconv.AppendUint(dst, uint64(b[0]), 10)
	case tensor.Uint16:
		return strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint16(b)), 10)
	case tensor.Uint32:
		return strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint32(b)), 10)
	case tensor.Uint64:
		return strconv.AppendUint(dst, binary.LittleEndian.Uint64(b), 10)
	case tensor.Int8:
		return strconv.AppendInt(dst, int64(int8(b[0])), 10)
	case tensor.Int16:
		return strconv.AppendInt(dst, int64(int16(binary.LittleEndian.Uint16(b))), 10)
	case tensor.Int32:
		return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(b))), 10)
	default: // Int64: JSON carries no other
		return strconv.AppendInt(dst, int64(binary.LittleEndian.Uint64(b)), 10)
	}
}

// appendFloat appends f, a value of the given number of bits. Like JavaScript and
// encoding/json it uses an exponent only for the very small and the very large.
func appendFloat(dst []byte, f float64, size int) []byte {
	magnitude := math.Abs(f)
	isWhole := f == math.Trunc(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case isWhole && magnitude < 1<<24: // strconv would say the same, several times slower
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(magnitude), 10)
	case magnitude < 1e-6, magnitude >= 1e21:
		return strconv.AppendFloat(dst, f, 'e', -1, size)
	default:
		dst = strconv.AppendFloat(dst, f, 'f', -1, size)
	}
	if isWhole {
		dst = append(dst, ".0"...)
	}
	return dst
}
