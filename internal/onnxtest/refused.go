package onnxtest

import "galatea/tensor"

// The models in this file are valid, but take or give what cannot be served: a
// value that is no tensor, or a tensor of a type that the protocol has no name
// for.

// SequenceInput counts the tensors of a sequence: x is a sequence of FP32 [-1], y
// an INT64 scalar.
func SequenceInput() []byte {
	g := NewGraph("sequence_input")
	g.Input("x", SequenceOf(TensorOf(tensor.FP32, tensor.Shape{dynamic})))
	g.Node("SequenceLength", "x", "y")
	g.Output("y", TensorOf(tensor.Int64, nil))
	return g.bytes()
}

// SequenceOutput cuts x, FP32 [-1], into a sequence of scalars, y.
func SequenceOutput() []byte {
	g := NewGraph("sequence_output")
	g.Input("x", TensorOf(tensor.FP32, tensor.Shape{dynamic}))
	g.Node("SplitToSequence", "x", "y", Int("axis", 0), Int("keepdims", 0))
	g.Output("y", SequenceOf(TensorOf(tensor.FP32, nil)))
	return g.bytes()
}

// MapInput takes a map from INT64 to FP32 and gives its values, FP32 [1,-1].
func MapInput() []byte {
	g := NewGraph("map_input")
	g.Input("x", MapOf(tensor.Int64, TensorOf(tensor.FP32, nil)))
	g.NodeIn("ai.onnx.ml", "CastMap", "x", "y", Str("cast_to", "TO_FLOAT"), Str("map_form", "DENSE"))
	g.Output("y", TensorOf(tensor.FP32, tensor.Shape{1, dynamic}))
	return classic(g)
}

// ZipMap ends as many classifiers do: x is FP32 [-1,2], y a sequence with one map
// from label to score per row.
func ZipMap() []byte {
	g := NewGraph("zip_map")
	g.Input("x", Symbolic(tensor.FP32, "batch", "2"))
	g.NodeIn("ai.onnx.ml", "ZipMap", "x", "y", Ints("classlabels_int64s", 0, 1))
	g.Output("y", SequenceOf(MapOf(tensor.Int64, TensorOf(tensor.FP32, nil))))
	return classic(g)
}

func classic(g *Graph) []byte {
	return Model{Graph: g, Opsets: map[string]int64{"ai.onnx.ml": 3}}.Bytes()
}

// OptionalType says whether x, an optional FP32 [-1], is there: y is a BOOL scalar.
func OptionalType() []byte {
	g := NewGraph("optional_type")
	g.Input("x", OptionalOf(TensorOf(tensor.FP32, tensor.Shape{dynamic})))
	g.Node("OptionalHasElement", "x", "y")
	g.Output("y", TensorOf(tensor.Bool, nil))
	return g.bytes()
}

// SparseInput makes a sparse x, FP32 [4,4], dense and multiplies it by y, FP32 [4,4].
func SparseInput() []byte {
	t := tensor.Shape{4, 4}
	g := NewGraph("sparse_input")
	g.Input("x", SparseOf(tensor.FP32, t))
	g.Input("d", TensorOf(tensor.FP32, t))
	g.NodeIn("com.microsoft", "SparseToDenseMatMul", "x,d", "y")
	g.Output("y", TensorOf(tensor.FP32, t))
	return Model{Graph: g, Opsets: map[string]int64{"com.microsoft": 1}}.Bytes()
}

// ElemInput casts x, [-1] of an element type without a name here, to FP32: FP8
// types need no more, INT4 and UINT4 neither.
func ElemInput(e Elem) []byte {
	g := NewGraph("elem_input")
	g.Input("x", ElemTensor(e, tensor.Shape{dynamic}))
	g.Node("Cast", "x", "y", Int("to", int64(ElemOf(tensor.FP32))))
	g.Output("y", TensorOf(tensor.FP32, tensor.Shape{dynamic}))
	return Model{Graph: g, IR: 10, Opset: 21}.Bytes()
}

// Unranked gives x, an FP32 tensor whose rank is not declared, back as y.
func Unranked() []byte {
	g := NewGraph("unranked")
	g.Input("x", Unshaped(tensor.FP32))
	g.Node("Identity", "x", "y")
	g.Output("y", Unshaped(tensor.FP32))
	return g.bytes()
}
