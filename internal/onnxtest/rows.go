package onnxtest

import "galatea/tensor"

// The models in this file have a leading dynamic dimension, as one that batches
// has, but their rows are not independent, or their outputs have no row per row.

// Centre is y = x - mean of x over the rows, FP32 [-1,4]: each row's answer
// depends on the others, and a single row's is zero.
func Centre() []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("centre")
	g.Input("x", t)
	g.Node("ReduceMean", "x", "mean", Ints("axes", 0), Int("keepdims", 1))
	g.Node("Sub", "x,mean", "y")
	g.Output("y", t)
	return g.bytes()
}

// Requantize rounds x to 8 bits with a scale taken over all rows, FP32 [-1,4],
// as dynamically quantised models do: a large row makes a small one coarse.
func Requantize() []byte {
	t := Symbolic(tensor.FP32, "batch", "4")
	g := NewGraph("requantize")
	g.Input("x", t)
	g.Node("DynamicQuantizeLinear", "x", "q,scale,zero")
	g.Node("DequantizeLinear", "q,scale,zero", "y")
	g.Output("y", t)
	return g.bytes()
}

// SumRows adds the rows up: x is FP32 [-1,4], and so is y as it is declared, but
// it always has one row.
func SumRows() []byte {
	g := NewGraph("sum_rows")
	g.Initializer(Values("axes", tensor.Shape{1}, []int64{0}))
	g.Input("x", Symbolic(tensor.FP32, "batch", "4"))
	g.Node("ReduceSum", "x,axes", "y", Int("keepdims", 1))
	g.Output("y", Symbolic(tensor.FP32, "", "4"))
	return g.bytes()
}

// Positions lists where x, FP32 [-1,4], is not zero: y is INT64 [-1,2] with a row
// per element found.
func Positions() []byte {
	g := NewGraph("positions")
	g.Input("x", Symbolic(tensor.FP32, "batch", "4"))
	g.Node("NonZero", "x", "columns")
	g.Node("Transpose", "columns", "y", Ints("perm", 1, 0))
	g.Output("y", Symbolic(tensor.Int64, "found", "2"))
	return g.bytes()
}

// Ragged repeats each row's number as often as the largest number says: x is
// INT64 [-1,1] and y INT64 [-1,-1], so a row's width depends on its neighbours.
func Ragged() []byte {
	g := NewGraph("ragged")
	g.Initializer(Values("one", tensor.Shape{1}, []int64{1}))
	g.Initializer(Values("vector", tensor.Shape{1}, []int64{-1}))
	g.Input("x", Symbolic(tensor.Int64, "batch", "1"))
	g.Node("ReduceMax", "x", "most", Int("keepdims", 0))
	g.Node("Reshape", "most,vector", "width")
	g.Node("Concat", "one,width", "shape", Int("axis", 0))
	g.Node("Expand", "x,shape", "y")
	g.Output("y", Symbolic(tensor.Int64, "batch", "width"))
	return g.bytes()
}

// Undeclared is Positions with y's shape left out of the file; the runtime infers
// its rank.
func Undeclared() []byte {
	g := NewGraph("undeclared")
	g.Input("x", Symbolic(tensor.FP32, "batch", "4"))
	g.Node("NonZero", "x", "columns")
	g.Node("Transpose", "columns", "y", Ints("perm", 1, 0))
	g.Output("y", Unshaped(tensor.Int64))
	return g.bytes()
}

// Reshape gives x, FP32 [-1,4], the shape that the input shape, INT64 [-1], says:
// not even y's rank is known before a run.
func Reshape() []byte {
	g := NewGraph("reshape")
	g.Input("x", Symbolic(tensor.FP32, "batch", "4"))
	g.Input("shape", Symbolic(tensor.Int64, "rank"))
	g.Node("Reshape", "x,shape", "y")
	g.Output("y", Unshaped(tensor.FP32))
	return g.bytes()
}
