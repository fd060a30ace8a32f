package onnxtest

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"galatea/tensor"
)

// Elem is an element type by its number in the file format.
type Elem int32

// The element types that tensor.DType has no name for.
const (
	Undefined      Elem = 0
	Complex64      Elem = 14
	Complex128     Elem = 15
	Float8E4M3FN   Elem = 17
	Float8E4M3FNUZ Elem = 18
	Float8E5M2     Elem = 19
	Float8E5M2FNUZ Elem = 20
	Uint4          Elem = 21
	Int4           Elem = 22
	Float4E2M1     Elem = 23
)

// ElemOf returns d's number in the file format, or Undefined.
func ElemOf(d tensor.DType) Elem {
	switch d {
	case tensor.FP32:
		return 1
	case tensor.Uint8:
		return 2
	case tensor.Int8:
		return 3
	case tensor.Uint16:
		return 4
	case tensor.Int16:
		return 5
	case tensor.Int32:
		return 6
	case tensor.Int64:
		return 7
	case tensor.Bytes:
		return 8
	case tensor.Bool:
		return 9
	case tensor.FP16:
		return 10
	case tensor.FP64:
		return 11
	case tensor.Uint32:
		return 12
	case tensor.Uint64:
		return 13
	case tensor.BF16:
		return 16
	case tensor.Invalid:
		return Undefined
	}
	return Undefined
}

// Type is the type of a value. The zero Type declares none.
type Type struct{ message }

// TensorOf is a tensor of known rank. Dynamic dimensions have no name.
func TensorOf(d tensor.DType, shape tensor.Shape) Type { return ElemTensor(ElemOf(d), shape) }

// ElemTensor is TensorOf for any element type.
func ElemTensor(e Elem, shape tensor.Shape) Type {
	return wrap(1, tensorType(e, dimNames(shape), true))
}

// Symbolic is a tensor whose dimensions are numbers or the names of dynamic
// ones: Symbolic(tensor.FP32, "batch", "3").
func Symbolic(d tensor.DType, dims ...string) Type {
	return wrap(1, tensorType(ElemOf(d), dims, true))
}

// Unshaped is a tensor whose rank is not declared.
func Unshaped(d tensor.DType) Type { return wrap(1, tensorType(ElemOf(d), nil, false)) }

// SparseOf is a sparse tensor.
func SparseOf(d tensor.DType, shape tensor.Shape) Type {
	return wrap(8, tensorType(ElemOf(d), dimNames(shape), true))
}

// SequenceOf is a sequence of values of type t.
func SequenceOf(t Type) Type {
	var m message
	m.child(1, t.message)
	return wrap(4, m)
}

// MapOf is a map from keys, integers or strings, to values of type t.
func MapOf(key tensor.DType, t Type) Type {
	var m message
	m.varint(1, int64(ElemOf(key)))
	m.child(2, t.message)
	return wrap(5, m)
}

// OptionalOf is a value of type t or none.
func OptionalOf(t Type) Type {
	var m message
	m.child(1, t.message)
	return wrap(9, m)
}

func wrap(num protowire.Number, body message) Type {
	var m message
	m.child(num, body)
	return Type{m}
}

// dimNames spells a shape for tensorType: a dynamic dimension is empty.
func dimNames(shape tensor.Shape) []string {
	dims := make([]string, len(shape))
	for i, d := range shape {
		if d >= 0 {
			dims[i] = strconv.FormatInt(d, 10)
		}
	}
	return dims
}

func tensorType(e Elem, dims []string, shaped bool) message {
	var m message
	m.varint(1, int64(e))
	if !shaped {
		return m
	}
	var shape message
	for _, d := range dims {
		var dim message
		if n, err := strconv.ParseInt(d, 10, 64); err == nil {
			dim.varint(1, n)
		} else {
			dim.text(2, d)
		}
		shape.child(1, dim)
	}
	m.child(2, shape)
	return m
}
