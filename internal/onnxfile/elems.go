package onnxfile

import (
	"strconv"

	"galatea/tensor"
)

// elem is an element type as TensorProto.DataType numbers it.
type elem uint64

// elems describes the element types: the name that ONNX Runtime prints, the bits
// that one element takes, and the type that tensor has for it, if any. A string's
// bits are its characters', which differ.
var elems = [...]struct {
	name  string
	bits  uint64
	dtype tensor.DType
}{
	0:  {"undefined", 0, tensor.Invalid},
	1:  {"float", 32, tensor.FP32},
	2:  {"uint8", 8, tensor.Uint8},
	3:  {"int8", 8, tensor.Int8},
	4:  {"uint16", 16, tensor.Uint16},
	5:  {"int16", 16, tensor.Int16},
	6:  {"int32", 32, tensor.Int32},
	7:  {"int64", 64, tensor.Int64},
	8:  {"string", 0, tensor.Bytes},
	9:  {"bool", 8, tensor.Bool},
	10: {"float16", 16, tensor.FP16},
	11: {"double", 64, tensor.FP64},
	12: {"uint32", 32, tensor.Uint32},
	13: {"uint64", 64, tensor.Uint64},
	14: {"complex64", 64, tensor.Invalid},
	15: {"complex128", 128, tensor.Invalid},
	16: {"bfloat16", 16, tensor.BF16},
	17: {"float8e4m3fn", 8, tensor.Invalid},
	18: {"float8e4m3fnuz", 8, tensor.Invalid},
	19: {"float8e5m2", 8, tensor.Invalid},
	20: {"float8e5m2fnuz", 8, tensor.Invalid},
	21: {"uint4", 4, tensor.Invalid},
	22: {"int4", 4, tensor.Invalid},
	23: {"float4e2m1", 4, tensor.Invalid},
	24: {"float8e8m0", 8, tensor.Invalid},
	25: {"uint2", 2, tensor.Invalid},
	26: {"int2", 2, tensor.Invalid},
	27: {"float6e2m3", 6, tensor.Invalid},
	28: {"float6e3m2", 6, tensor.Invalid},
}

func (e elem) String() string {
	if e >= elem(len(elems)) {
		return "type " + strconv.FormatUint(uint64(e), 10)
	}
	return elems[e].name
}

func (e elem) bits() uint64 {
	if e >= elem(len(elems)) {
		return 0
	}
	return elems[e].bits
}

func (e elem) dtype() tensor.DType {
	if e >= elem(len(elems)) {
		return tensor.Invalid
	}
	return elems[e].dtype
}
