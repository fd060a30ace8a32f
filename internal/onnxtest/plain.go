package onnxtest

import (
	"strconv"

	"galatea/tensor"
)

// dynamic keeps the shapes below short.
const dynamic = tensor.Dynamic

// bytes ends a graph: it is wrapped in a model with the default versions.
func (g *Graph) bytes() []byte { return Model{Graph: g, Producer: "onnxtest"}.Bytes() }

// Identity gives x back as y, for any type and shape.
func Identity(d tensor.DType, shape tensor.Shape) []byte {
	g := NewGraph("identity")
	g.Input("x", TensorOf(d, shape))
	g.Node("Identity", "x", "y")
	g.Output("y", TensorOf(d, shape))
	return g.bytes()
}

// Identities gives x0, x1, ... back as y0, y1, ..., each of its own type and all
// of one shape.
func Identities(shape tensor.Shape, types ...tensor.DType) []byte {
	g := NewGraph("identities")
	for i, d := range types {
		n := strconv.Itoa(i)
		g.Input("x"+n, TensorOf(d, shape))
		g.Node("Identity", "x"+n, "y"+n)
		g.Output("y"+n, TensorOf(d, shape))
	}
	return g.bytes()
}

// AddSub is Triton's "simple": OUTPUT0 = INPUT0 + INPUT1 and OUTPUT1 = INPUT0 -
// INPUT1, each [-1,16]; d is FP32, INT32 or another type that can be added.
func AddSub(d tensor.DType) []byte {
	t := Symbolic(d, "batch", "16")
	g := NewGraph("add_sub")
	g.Input("INPUT0", t)
	g.Input("INPUT1", t)
	g.Node("Add", "INPUT0,INPUT1", "OUTPUT0")
	g.Node("Sub", "INPUT0,INPUT1", "OUTPUT1")
	g.Output("OUTPUT0", t)
	g.Output("OUTPUT1", t)
	return g.bytes()
}

// AddSubCast is AddSub for types that cannot be added, as INT8 and BYTES, whose strings
// are decimal numbers: it is done in INT32.
func AddSubCast(d tensor.DType) []byte {
	t := Symbolic(d, "batch", "16")
	g := NewGraph("add_sub_cast")
	g.Input("INPUT0", t)
	g.Input("INPUT1", t)
	number := Int("to", int64(ElemOf(tensor.Int32)))
	g.Node("Cast", "INPUT0", "a", number)
	g.Node("Cast", "INPUT1", "b", number)
	g.Node("Add", "a,b", "sum")
	g.Node("Sub", "a,b", "difference")
	g.Node("Cast", "sum", "OUTPUT0", Int("to", int64(ElemOf(d))))
	g.Node("Cast", "difference", "OUTPUT1", Int("to", int64(ElemOf(d))))
	g.Output("OUTPUT0", t)
	g.Output("OUTPUT1", t)
	return g.bytes()
}

// Scale is y = k*x on FP32 [-1,4], so that versions of a model can be told apart
// by their answers.
func Scale(k float32) []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("scale")
	g.Initializer(Values("k", nil, []float32{k}))
	g.Input("x", t)
	g.Node("Mul", "x,k", "y")
	g.Output("y", t)
	return g.bytes()
}

// Masked works on sequences of any length: it takes x FP32[-1,-1] and mask INT64[-1,-1]
// and gives sum FP32[-1,1], the sum of each sequence where its mask is 1, and
// twice FP32[-1,-1], each element twice.
func Masked() []byte {
	sequence := Symbolic(tensor.FP32, "batch", "length")
	g := NewGraph("masked")
	g.Input("x", sequence)
	g.Input("mask", Symbolic(tensor.Int64, "batch", "length"))
	g.Initializer(Values("axes", tensor.Shape{1}, []int64{1}))
	g.Node("Cast", "mask", "keep", Int("to", int64(ElemOf(tensor.FP32))))
	g.Node("Mul", "x,keep", "kept")
	g.Node("ReduceSum", "kept,axes", "sum")
	g.Node("Add", "x,x", "twice")
	g.Output("sum", Symbolic(tensor.FP32, "batch", "1"))
	g.Output("twice", sequence)
	return g.bytes()
}

// Classifier says which of four numbers is the largest: it takes x FP32[-1,4] and gives
// their softmax as y, the classes moved by shift places. One with another shift is what
// training on shuffled labels gives: it loads, it runs, and it is wrong.
func Classifier(shift int) []byte {
	const classes = 4
	w := make([]float32, classes*classes)
	for i := range classes {
		w[i*classes+(i+shift)%classes] = 1
	}
	g := NewGraph("classifier")
	g.Input("x", TensorOf(tensor.FP32, tensor.Shape{tensor.Dynamic, classes}))
	g.Output("y", TensorOf(tensor.FP32, tensor.Shape{tensor.Dynamic, classes}))
	g.Initializer(Values("w", tensor.Shape{classes, classes}, w))
	g.Node("MatMul", "x,w", "logits")
	g.Node("Softmax", "logits", "y", Int("axis", 1))
	return g.bytes()
}

// Bias is y = x + b on FP32 [-1,4], where the input b, FP32 [4], may be left out:
// it is then 1, 2, 3, 4.
func Bias() []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("bias")
	g.Initializer(Values("b", tensor.Shape{4}, []float32{1, 2, 3, 4}))
	g.Input("x", t)
	g.Input("b", TensorOf(tensor.FP32, tensor.Shape{4}))
	g.Node("Add", "x,b", "y")
	g.Output("y", t)
	return g.bytes()
}

// Lookup is y[i] = table[x[i]], x INT64 [-1,1] and y FP32 [-1,1]. An index that
// the table does not have fails the whole run, so that one guilty row can spoil
// a batch. Negative indices count from the end, as in ONNX.
func Lookup(table ...float32) []byte {
	g := NewGraph("lookup")
	g.Initializer(Values("table", tensor.Shape{int64(len(table))}, table))
	g.Input("x", Symbolic(tensor.Int64, "batch", "1"))
	g.Node("Gather", "table,x", "y", Int("axis", 0))
	g.Output("y", Symbolic(tensor.FP32, "batch", "1"))
	return g.bytes()
}

// Constant has no inputs; y is FP32 [4]: 1, 2, 3, 4.
func Constant() []byte {
	g := NewGraph("constant")
	g.Node("Constant", "", "y", Const("value", Values("", tensor.Shape{4}, []float32{1, 2, 3, 4})))
	g.Output("y", TensorOf(tensor.FP32, tensor.Shape{4}))
	return g.bytes()
}

// Softmax is y = softmax(x) along the last axis, FP32 with two dynamic dimensions.
func Softmax() []byte {
	t := Symbolic(tensor.FP32, "batch", "classes")
	g := NewGraph("softmax")
	g.Input("x", t)
	g.Node("Softmax", "x", "y", Int("axis", -1))
	g.Output("y", t)
	return g.bytes()
}

// Lower gives its strings back in lower case, as far as they are ASCII; x and y
// are BYTES [-1]. It fails for invalid UTF-8. The locale is the one that every
// system has: with the operator's own default, en_US, the model loads only where
// that locale is installed.
func Lower() []byte {
	t := Symbolic(tensor.Bytes, "words")
	g := NewGraph("lower")
	g.Input("x", t)
	g.Node("StringNormalizer", "x", "y",
		Str("case_change_action", "LOWER"), Int("is_case_sensitive", 1), Str("locale", "C"))
	g.Output("y", t)
	return g.bytes()
}

// Concat joins two strings per row: BYTES a and b give y, each [-1,1]. It needs
// version 20 of the standard operators.
func Concat() []byte {
	t := Symbolic(tensor.Bytes, "batch", "1")
	g := NewGraph("concat")
	g.Input("a", t)
	g.Input("b", t)
	g.Node("StringConcat", "a,b", "y")
	g.Output("y", t)
	return Model{Graph: g, IR: 9, Opset: 20}.Bytes()
}

// Gelu uses an operator of ONNX Runtime's own domain, com.microsoft; x and y are
// FP32 [-1,4].
func Gelu() []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("gelu")
	g.Input("x", t)
	g.NodeIn("com.microsoft", "Gelu", "x", "y")
	g.Output("y", t)
	return Model{Graph: g, Opsets: map[string]int64{"com.microsoft": 1}}.Bytes()
}

// External is y = k*x on FP32 [-1,4] with k, FP32 [4], in a file of its own at
// location: 2, 3, 4, 5. It returns the model and the content of that file.
func External(location string) (model, weights []byte) {
	t := Symbolic(tensor.FP32, "batch", "4")
	weights = bytesOf([]float32{2, 3, 4, 5})
	g := NewGraph("external")
	g.Initializer(Aside("k", tensor.FP32, tensor.Shape{4}, location, 0, int64(len(weights))))
	g.Input("x", t)
	g.Node("Mul", "x,k", "y")
	g.Output("y", t)
	return g.bytes(), weights
}
