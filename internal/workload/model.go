package workload

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// Model is a model that is measured. Each has one input x and one output y, both FP32
// with a batch axis.
type Model struct {
	Name   string
	What   string
	Row    tensor.Shape // of x, without the batch axis
	Answer int          // elements of a row of y
	make   func(seed uint64) []byte
}

// seed makes every run measure the same models and rows.
const seed = 1

// Named returns the model of that name; the error names those that there are.
func Named(name string) (Model, error) {
	switch name {
	case "mlp":
		return Model{name, "784-1024-1024-10, a row is cheaper in a batch", tensor.Shape{784}, 10, onnxtest.MLP}, nil
	case "cnn":
		return Model{name, "five 3x3 convolutions on 3x64x64, bound by its arithmetic", tensor.Shape{3, 64, 64}, 10, onnxtest.CNN}, nil
	case "cnn32":
		return Model{name, "the same on 3x32x32", tensor.Shape{3, 32, 32}, 10, onnxtest.CNN32}, nil
	case "small":
		return Model{name, "64-10, costs next to nothing", tensor.Shape{64}, 10, onnxtest.Small}, nil
	default:
		return Model{}, fmt.Errorf("no model %q: expected mlp, cnn, cnn32 or small", name)
	}
}

// Signature is the model's, without reading its file.
func (m Model) Signature() tensor.Signature {
	return tensor.Signature{
		Inputs:  []tensor.Spec{{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{tensor.Dynamic}, m.Row...)}},
		Outputs: []tensor.Spec{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, int64(m.Answer)}}},
	}
}

// Batch is an input of so many random rows, the same ones every time.
func (m Model) Batch(rows int) tensor.Tensor {
	rnd := rand.New(rand.NewPCG(seed, uint64(len(m.Row))))
	t := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{int64(rows)}, m.Row...)}
	n, _ := t.Shape.Elements() // of a shape that is known
	for range n {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(rnd.Float32()))
	}
	return t
}

// DistinctRows is how many different requests a load is made of.
const DistinctRows = 64

// File is where the model's file lies below a repository's root.
func (m Model) File(root string) string { return filepath.Join(root, m.Name, "1", "model.onnx") }

// Write puts the model into a repository, with the given config.yaml unless it is nil.
func (m Model) Write(root string, config []byte) error {
	if err := onnxtest.WriteFile(m.File(root), m.make(seed)); err != nil {
		return err
	}
	if config == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(root, m.Name, "config.yaml"), config, 0o600)
}
