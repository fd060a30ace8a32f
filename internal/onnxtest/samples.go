package onnxtest

import (
	"strings"

	"galatea/tensor"
)

// Servable returns one small model of each kind that can be served, by name.
// External, which needs a second file, and the larger models (Slow, MLP, CNN,
// Sized) are not among them.
func Servable() map[string][]byte {
	all := map[string][]byte{
		"add_sub_fp32":     AddSub(tensor.FP32),
		"add_sub_int32":    AddSub(tensor.Int32),
		"bias":             Bias(),
		"centre":           Centre(),
		"concat":           Concat(),
		"constant":         Constant(),
		"gelu":             Gelu(),
		"identity_3":       Identities(tensor.Shape{dynamic, dynamic}, tensor.FP32, tensor.Int64, tensor.Bytes),
		"identity_scalar":  Identity(tensor.FP32, nil),
		"identity_nothing": Identity(tensor.FP16, tensor.Shape{0}),
		"identity_empty":   Identity(tensor.FP32, tensor.Shape{dynamic, 0, 4}),
		"lookup":           Lookup(10, 20, 30),
		"lower":            Lower(),
		"masked":           Masked(),
		"positions":        Positions(),
		"ragged":           Ragged(),
		"requantize":       Requantize(),
		"reshape":          Reshape(),
		"scale":            Scale(2),
		"softmax":          Softmax(),
		"sum_rows":         SumRows(),
		"undeclared":       Undeclared(),
	}
	for _, d := range tensor.DTypes() {
		all["identity_"+strings.ToLower(d.String())] = Identity(d, tensor.Shape{dynamic, 4})
	}
	return all
}

// Refused returns one small model of each kind that is valid but cannot be
// served, by name.
func Refused() map[string][]byte {
	return map[string][]byte{
		"sequence_input":  SequenceInput(),
		"sequence_output": SequenceOutput(),
		"map_input":       MapInput(),
		"zip_map":         ZipMap(),
		"optional_type":   OptionalType(),
		"sparse_input":    SparseInput(),
		"fp8_input":       ElemInput(Float8E4M3FN),
		"int4_input":      ElemInput(Int4),
		"unranked":        Unranked(),
	}
}
