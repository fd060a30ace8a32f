package rpc

import (
	"encoding/binary"
	"math"

	"galatea/gateway/wire"
	"galatea/internal/tritonpb"
	"galatea/tensor"
)

// typed is the kinds of typed contents, with the data types that travel in each.
var typed = []struct {
	dtypes []tensor.DType
	count  func(c *tritonpb.InferTensorContents) int
}{
	{[]tensor.DType{tensor.Bool}, func(c *tritonpb.InferTensorContents) int { return len(c.BoolContents) }},
	{[]tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32}, func(c *tritonpb.InferTensorContents) int { return len(c.IntContents) }},
	{[]tensor.DType{tensor.Int64}, func(c *tritonpb.InferTensorContents) int { return len(c.Int64Contents) }},
	{[]tensor.DType{tensor.Uint8, tensor.Uint16, tensor.Uint32}, func(c *tritonpb.InferTensorContents) int { return len(c.UintContents) }},
	{[]tensor.DType{tensor.Uint64}, func(c *tritonpb.InferTensorContents) int { return len(c.Uint64Contents) }},
	{[]tensor.DType{tensor.FP32}, func(c *tritonpb.InferTensorContents) int { return len(c.Fp32Contents) }},
	{[]tensor.DType{tensor.FP64}, func(c *tritonpb.InferTensorContents) int { return len(c.Fp64Contents) }},
	{[]tensor.DType{tensor.Bytes}, func(c *tritonpb.InferTensorContents) int { return len(c.BytesContents) }},
}

// appendContents appends the elements of typed contents as a tensor's bytes. t has all but
// its data; the number of elements is left to the signature check.
func appendContents(dst []byte, c *tritonpb.InferTensorContents, t tensor.Tensor, model string) ([]byte, error) {
	if t.DType == tensor.FP16 || t.DType == tensor.BF16 {
		return dst, wire.Invalid("explicit tensor data is not supported for input tensor '%s' for model '%s' of type '%v': send it in raw_input_contents", t.Name, model, t.DType)
	}
	for _, kind := range typed {
		fits := false
		for _, d := range kind.dtypes {
			fits = fits || d == t.DType
		}
		if n := kind.count(c); n > 0 && !fits {
			return dst, wire.Invalid("unexpected explicit tensor data for input tensor '%s' for model '%s' of type '%v', expected datatype '%v'", t.Name, model, kind.dtypes[len(kind.dtypes)-1], t.DType)
		}
	}
	switch t.DType {
	case tensor.Int8, tensor.Int16, tensor.Int32:
		return appendSigned(dst, c.IntContents, t)
	case tensor.Uint8, tensor.Uint16, tensor.Uint32:
		return appendUnsigned(dst, c.UintContents, t)
	default:
		return appendWhole(dst, c), nil
	}
}

// appendWhole appends the contents of the types that have one to themselves; only one kind
// has any.
func appendWhole(dst []byte, c *tritonpb.InferTensorContents) []byte {
	for _, v := range c.BoolContents {
		b := byte(0)
		if v {
			b = 1
		}
		dst = append(dst, b)
	}
	for _, v := range c.Int64Contents {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	for _, v := range c.Uint64Contents {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	for _, v := range c.Fp32Contents {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	for _, v := range c.Fp64Contents {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	for _, v := range c.BytesContents {
		dst = tensor.AppendString(dst, v)
	}
	return dst
}

// appendSigned appends integers in the size of the tensor's type.
func appendSigned(dst []byte, values []int32, t tensor.Tensor) ([]byte, error) {
	bits := 8 * t.DType.Size()
	for _, v := range values {
		if int64(v)<<(64-bits)>>(64-bits) != int64(v) {
			return dst, outOfRange(t, int64(v))
		}
		dst = appendInteger(dst, uint32(v), bits)
	}
	return dst, nil
}

func appendUnsigned(dst []byte, values []uint32, t tensor.Tensor) ([]byte, error) {
	bits := 8 * t.DType.Size()
	for _, v := range values {
		if uint64(v)>>bits != 0 {
			return dst, outOfRange(t, int64(v))
		}
		dst = appendInteger(dst, v, bits)
	}
	return dst, nil
}

func appendInteger(dst []byte, v uint32, bits int) []byte {
	switch bits {
	case 8:
		return append(dst, byte(v))
	case 16:
		return binary.LittleEndian.AppendUint16(dst, uint16(v))
	default:
		return binary.LittleEndian.AppendUint32(dst, v)
	}
}

func outOfRange(t tensor.Tensor, v int64) error {
	return wire.Invalid("input tensor '%s' has an element of %d, which is out of range for datatype '%v'", t.Name, v, t.DType)
}

// sizeOf is at least the bytes that appendContents makes of contents.
func sizeOf(c *tritonpb.InferTensorContents, d tensor.DType) int {
	if d != tensor.Bytes {
		n := 0
		for _, kind := range typed {
			n = max(n, kind.count(c))
		}
		return n * d.Size()
	}
	n := 0
	for _, v := range c.BytesContents {
		n += 4 + len(v)
	}
	return n
}
