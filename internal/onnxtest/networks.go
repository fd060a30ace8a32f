package onnxtest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"galatea/tensor"
)

// weights draws FP32 tensors; the same seed draws the same ones.
type weights struct{ *rand.Rand }

func newWeights(seed uint64) weights { return weights{rand.New(rand.NewPCG(seed, 0))} }

// normal is a tensor of normal numbers, scaled so that a layer with that many
// inputs keeps its values' size.
func (w weights) normal(name string, inputs int64, shape ...int64) Tensor {
	n, err := tensor.Shape(shape).Elements()
	if err != nil {
		panic("onnxtest: " + err.Error())
	}
	scale := math.Sqrt(2 / float64(inputs))
	data := make([]byte, 0, 4*n)
	for range n {
		v := float32(w.NormFloat64() * scale)
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Raw(name, tensor.FP32, shape, data)
}

// MLP is a classifier that batching speeds up: 784-1024-1024-10 with ReLU and
// Softmax and random weights; x is FP32 [-1,784], y FP32 [-1,10].
func MLP(seed uint64) []byte {
	w := newWeights(seed)
	g := NewGraph("mlp")
	g.Input("x", Symbolic(tensor.FP32, "batch", "784"))
	dense(g, w, "x", "1", 784, 1024)
	g.Node("Relu", "d1", "r1")
	dense(g, w, "r1", "2", 1024, 1024)
	g.Node("Relu", "d2", "r2")
	dense(g, w, "r2", "3", 1024, 10)
	g.Node("Softmax", "d3", "y", Int("axis", -1))
	g.Output("y", Symbolic(tensor.FP32, "batch", "10"))
	return g.bytes()
}

// CNN is a classifier that is bound by its arithmetic: 690 million operations a
// row, about 3 ms on one core with AVX-512; x is FP32 [-1,3,64,64], y FP32 [-1,10].
func CNN(seed uint64) []byte { return cnn("cnn", seed, "64") }

// CNN32 is the same network on a quarter of the pixels, for about a quarter of the time; x
// is FP32 [-1,3,32,32].
func CNN32(seed uint64) []byte { return cnn("cnn32", seed, "32") }

func cnn(name string, seed uint64, side string) []byte {
	w := newWeights(seed)
	g := NewGraph(name)
	g.Input("x", Symbolic(tensor.FP32, "batch", "3", side, side))
	conv(g, w, "x", "1", 3, 32, 1)
	conv(g, w, "c1", "2", 32, 64, 1)
	conv(g, w, "c2", "3", 64, 64, 1)
	conv(g, w, "c3", "4", 64, 128, 2)
	conv(g, w, "c4", "5", 128, 128, 2)
	g.Node("GlobalAveragePool", "c5", "pool")
	g.Node("Flatten", "pool", "flat", Int("axis", 1))
	dense(g, w, "flat", "6", 128, 10)
	g.Node("Softmax", "d6", "y", Int("axis", -1))
	g.Output("y", Symbolic(tensor.FP32, "batch", "10"))
	return g.bytes()
}

// Small is one fully connected layer and a softmax, from x FP32 [-1,64] to y [-1,10]: it
// costs next to nothing.
func Small(seed uint64) []byte {
	w := newWeights(seed)
	g := NewGraph("small")
	g.Input("x", Symbolic(tensor.FP32, "batch", "64"))
	dense(g, w, "x", "1", 64, 10)
	g.Node("Softmax", "d1", "y", Int("axis", -1))
	g.Output("y", Symbolic(tensor.FP32, "batch", "10"))
	return g.bytes()
}

// dense adds a fully connected layer from x to d<n>.
func dense(g *Graph, w weights, x, n string, from, to int64) {
	g.Initializer(w.normal("w"+n, from, from, to))
	g.Initializer(w.normal("b"+n, 1000, to))
	g.Node("Gemm", x+",w"+n+",b"+n, "d"+n)
}

// conv adds a 3x3 convolution and a ReLU from x to c<n>.
func conv(g *Graph, w weights, x, n string, from, to, stride int64) {
	g.Initializer(w.normal("w"+n, 9*from, to, from, 3, 3))
	g.Initializer(w.normal("b"+n, 1000, to))
	g.Node("Conv", x+",w"+n+",b"+n, "k"+n, Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1), Ints("strides", stride, stride))
	g.Node("Relu", "k"+n, "c"+n)
}

// sizedSide is the number of columns that Sized's input has.
const sizedSide = 256

// Sized is a model whose one weight, a matrix of zeros, takes the given number
// of bytes, rounded up to 1 KiB; x is FP32 [-1,256], y FP32 [-1,1] and zero.
func Sized(bytes int64) Model {
	columns := max(1, (bytes+4*sizedSide-1)/(4*sizedSide))
	g := NewGraph("sized")
	g.Initializer(Zeros("w", tensor.FP32, tensor.Shape{sizedSide, columns}))
	g.Initializer(Values("axes", tensor.Shape{1}, []int64{1}))
	g.Input("x", Symbolic(tensor.FP32, "batch", "256"))
	g.Node("MatMul", "x,w", "wide")
	g.Node("ReduceSum", "wide,axes", "y", Int("keepdims", 1))
	g.Output("y", Symbolic(tensor.FP32, "batch", "1"))
	return Model{Graph: g}
}
