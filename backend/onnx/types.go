package onnx

import (
	"fmt"

	"galatea/tensor"
)

// elementTypes are ONNX's numbers for the element types (TensorProto.DataType).
var elementTypes = [...]tensor.DType{
	1: tensor.FP32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32, 7: tensor.Int64,
	8: tensor.Bytes, 9: tensor.Bool, 10: tensor.FP16, 11: tensor.FP64, 12: tensor.Uint32, 13: tensor.Uint64, 16: tensor.BF16,
}

func dtypeOf(element int32) (tensor.DType, error) {
	if element < 0 || int(element) >= len(elementTypes) || elementTypes[element] == tensor.Invalid {
		return tensor.Invalid, fmt.Errorf("element type %d of ONNX has no name on the wire", element)
	}
	return elementTypes[element], nil
}

func elementOf(d tensor.DType) int32 {
	for element, known := range elementTypes {
		if known == d && d != tensor.Invalid {
			return int32(element)
		}
	}
	return 0
}
