package onnxtest

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"galatea/tensor"
)

// Tensor is a constant: an initializer or an attribute's value.
type Tensor struct {
	name    string
	elem    Elem
	shape   tensor.Shape
	data    []byte   // raw bytes, little-endian
	zeros   int64    // that many raw bytes instead of data
	strings []string // the elements of a string tensor
	side    *side    // where the bytes are when they are not here
}

// side says which bytes of which file hold a tensor.
type side struct {
	location       string
	offset, length int64 // not written when negative
}

// Number is a type that tensor elements can have in Go.
type Number interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// Values is a constant with the given elements; its type is theirs.
func Values[T Number](name string, shape tensor.Shape, elems []T) Tensor {
	return Raw(name, dtypeOf[T](), shape, bytesOf(elems))
}

// Strings is a constant of strings.
func Strings(name string, shape tensor.Shape, elems ...string) Tensor {
	return Tensor{name: name, elem: ElemOf(tensor.Bytes), shape: shape, strings: elems}
}

// Raw is a constant whose elements are data, little-endian. It keeps data.
func Raw(name string, d tensor.DType, shape tensor.Shape, data []byte) Tensor {
	return RawElem(name, ElemOf(d), shape, data)
}

// RawElem is Raw for any element type.
func RawElem(name string, e Elem, shape tensor.Shape, data []byte) Tensor {
	return Tensor{name: name, elem: e, shape: shape, data: data}
}

// Zeros is a constant of zeros, which takes no memory until it is encoded.
func Zeros(name string, d tensor.DType, shape tensor.Shape) Tensor {
	n, err := shape.Bytes(d)
	if err != nil {
		panic("onnxtest: zeros of shape " + shape.String() + ": " + err.Error())
	}
	return Tensor{name: name, elem: ElemOf(d), shape: shape, zeros: n}
}

// Aside is a constant whose bytes are in another file, at the given offset. A
// negative offset or length is left out.
func Aside(name string, d tensor.DType, shape tensor.Shape, location string, offset, length int64) Tensor {
	return Tensor{name: name, elem: ElemOf(d), shape: shape, side: &side{location, offset, length}}
}

func (t Tensor) message() message {
	var m message
	for _, d := range t.shape {
		m.varint(1, d)
	}
	m.varint(2, int64(t.elem))
	for _, s := range t.strings {
		m.bytes(6, []byte(s))
	}
	m.text(8, t.name)
	switch {
	case t.side != nil:
		m.entry(13, "location", t.side.location)
		if t.side.offset >= 0 {
			m.entry(13, "offset", strconv.FormatInt(t.side.offset, 10))
		}
		if t.side.length >= 0 {
			m.entry(13, "length", strconv.FormatInt(t.side.length, 10))
		}
		m.varint(14, 1)
	case t.zeros > 0:
		m.zeros(9, t.zeros)
	case t.strings == nil:
		m.bytes(9, t.data)
	}
	return m
}

func bytesOf[T Number](elems []T) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, elems); err != nil {
		panic("onnxtest: " + err.Error()) // cannot be: T is a number
	}
	return b.Bytes()
}

func dtypeOf[T Number]() tensor.DType {
	var zero T
	switch any(zero).(type) {
	case bool:
		return tensor.Bool
	case int8:
		return tensor.Int8
	case int16:
		return tensor.Int16
	case int32:
		return tensor.Int32
	case int64:
		return tensor.Int64
	case uint8:
		return tensor.Uint8
	case uint16:
		return tensor.Uint16
	case uint32:
		return tensor.Uint32
	case uint64:
		return tensor.Uint64
	case float32:
		return tensor.FP32
	default:
		return tensor.FP64
	}
}
