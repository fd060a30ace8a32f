package onnxtest

import "galatea/tensor"

// slowSide is the side of the matrices that Slow multiplies.
const slowSide = 512

// Slow gives x, FP32 [-1,4], back as y after n products of two 512x512 matrices
// in a Loop. Each takes about 1 ms on one core with AVX-512 and 2 to 5 ms on one
// without, however many rows x has. The loop runs node by node, so that a run can
// be terminated between any two products.
func Slow(n int) []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("slow")
	g.Initializer(Values("n", nil, []int64{int64(n)}))
	g.Input("x", t)
	slowLoop(g, "n")
	g.Node("Add", "x,nothing", "y")
	g.Output("y", t)
	return g.bytes()
}

// SlowBy is Slow with the number of products chosen by the caller: x is INT64
// [-1,1], its largest element counts, and y = x.
func SlowBy() []byte {
	t := Symbolic(tensor.Int64, "batch", "1")
	g := NewGraph("slow_by")
	g.Input("x", t)
	g.Node("ReduceMax", "x", "n", Int("keepdims", 0))
	slowLoop(g, "n")
	g.Node("Cast", "nothing", "none", Int("to", int64(ElemOf(tensor.Int64))))
	g.Node("Add", "x,none", "y")
	g.Output("y", t)
	return g.bytes()
}

// slowLoop adds nodes that take trips products to compute the scalar nothing,
// which is zero. They depend on x's shape, so that nothing can be computed when
// the model is loaded, but not on x's elements.
func slowLoop(g *Graph, trips string) {
	matrix := tensor.Shape{slowSide, slowSide}
	// All elements are 1/512: the product of two such matrices is the same again.
	fill := Const("value", Values("", tensor.Shape{1}, []float32{1.0 / slowSide}))
	g.Initializer(Values("side", tensor.Shape{2}, matrix))
	g.Node("ConstantOfShape", "side", "w", fill)
	g.Initializer(Values("zero_i", nil, []int64{0}))
	g.Initializer(Values("zero_f", nil, []float32{0}))

	body := NewGraph("product")
	body.Input("trip", TensorOf(tensor.Int64, nil))
	body.Input("go", TensorOf(tensor.Bool, nil))
	body.Input("state", TensorOf(tensor.FP32, matrix))
	body.Node("Identity", "go", "go_on")
	body.Node("MatMul", "state,w", "next")
	body.Output("go_on", TensorOf(tensor.Bool, nil))
	body.Output("next", TensorOf(tensor.FP32, matrix))

	g.Node("Size", "x", "size")
	g.Node("Mul", "size,zero_i", "no_size")
	g.Node("Cast", "no_size", "unknown_zero", Int("to", int64(ElemOf(tensor.FP32))))
	g.Node("Add", "w,unknown_zero", "start")
	g.Node("Loop", trips+",,start", "end", Body("body", body))
	g.Node("ReduceMax", "end", "most", Int("keepdims", 0))
	g.Node("Mul", "most,zero_f", "nothing")
}
