// Package onnxtest makes small ONNX models for tests and benchmarks, in Go alone.
//
// A Model holds a Graph, which is built node by node and written in ONNX's
// protobuf form:
//
//	g := onnxtest.NewGraph("double")
//	g.Input("x", onnxtest.TensorOf(tensor.FP32, tensor.Shape{tensor.Dynamic, 4}))
//	g.Initializer(onnxtest.Values("two", nil, []float32{2}))
//	g.Node("Mul", "x,two", "y")
//	g.Output("y", onnxtest.TensorOf(tensor.FP32, tensor.Shape{tensor.Dynamic, 4}))
//	model := onnxtest.Model{Graph: g}.Bytes()
//
// The builder checks nothing, so that broken models can be built as well. Ready
// graphs (Identity, AddSub, Scale, Lookup, Slow, MLP, ...) are functions that
// return a whole model. ONNX Runtime loads all of them, and the ONNX checker
// accepts them too but for those whose point is that a shape is not declared.
//
// The field numbers are written out here a second time, apart from those of the
// package that reads models, so that the two test each other.
//
// The package starts no goroutine and imports no testing package; everything but
// a Graph under construction may be used from anywhere.
package onnxtest
