package app

import (
	"context"
	"math"
	"slices"

	"galatea/backend"
	"galatea/repository"
	"galatea/tensor"
)

// An example is for people, who paste it: as small as the model lets it be, with numbers
// that could mean something.

// exampleSizes are tried for dynamic dimensions, the smallest first.
var exampleSizes = []int64{1, 2, 3, 8, 32, 64}

// maxExample is the most elements of an example's inputs, and of its outputs: more is not
// for people.
const maxExample = 1 << 14

// guess is what the elements of an example are, but for those of floats. An integer may be
// an index, a mask, a length, or a dimension, of which -1 is any.
type guess struct {
	integer float64
	text    string
}

var guesses = []guess{{1, "text"}, {0, "1"}, {-1, ""}}

// find runs made-up requests until the model takes one and answers something; one that is
// answered by tensors without elements does where there is no other. nil: it takes none.
func (w *warmer) find(ctx context.Context, in backend.Instance) (found *repository.Example) {
	sizes := exampleSizes
	if !w.open() {
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		for _, g := range guesses {
			inputs, fits := w.guessed(size, g)
			if !fits || ctx.Err() != nil {
				return found
			}
			outputs, err := runOnce(ctx, in, inputs, w.s)
			if err != nil {
				continue
			}
			if !slices.ContainsFunc(outputs, func(t tensor.Tensor) bool { return len(t.Data) == 0 }) {
				return w.exampleOf(inputs, outputs)
			}
			if found == nil {
				found = w.exampleOf(inputs, outputs)
			}
		}
	}
	return found
}

// open reports whether the inputs have dynamic dimensions besides the batch's.
func (w *warmer) open() bool {
	for _, spec := range w.s.Inputs {
		shape := spec.Shape
		if w.batches() {
			shape = shape[1:]
		}
		if !spec.Optional && !shape.Static() {
			return true
		}
	}
	return false
}

// batches reports whether the model batches: its made-up runs have rows then.
func (w *warmer) batches() bool { return w.sizes[0] > 0 }

// guessed makes one row, whose other dynamic dimensions have the given size. It reports
// whether that is no too large for an example.
func (w *warmer) guessed(size int64, g guess) ([]tensor.Tensor, bool) {
	all, total := []tensor.Tensor{}, int64(0)
	for _, spec := range w.s.Inputs {
		if spec.Optional {
			continue
		}
		t := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: append(tensor.Shape{}, spec.Shape...)}
		for i, d := range t.Shape {
			switch {
			case d != tensor.Dynamic:
			case i == 0 && w.batches():
				t.Shape[i] = 1
			default:
				t.Shape[i] = size
			}
		}
		n, err := t.Shape.Elements()
		if total += n; err != nil || n > maxExample || total > maxExample {
			return nil, false
		}
		for i := range n {
			t.Data = appendGuess(t.Data, spec.DType, int(i), g)
		}
		all = append(all, t)
	}
	return all, true
}

// appendGuess appends an element. Types that JSON does not carry get bytes that are
// letters, so that they can be pasted behind it: 0.527 as FP16 is 88, 0.746 as BF16 is ??.
func appendGuess(dst []byte, d tensor.DType, i int, g guess) []byte {
	switch d {
	case tensor.FP16:
		return append(dst, "88"...)
	case tensor.BF16:
		return append(dst, "??"...)
	case tensor.FP32, tensor.FP64:
		dst, _ = tensor.AppendNumber(dst, d, float64(10+5*(i%7))/100) // it fits both
		return dst
	case tensor.Bytes:
		return tensor.AppendString(dst, g.text)
	default:
		if out, fits := tensor.AppendNumber(dst, d, g.integer); fits {
			return out
		}
		dst, _ = tensor.AppendNumber(dst, d, math.Abs(g.integer)) // 0 or 1
		return dst
	}
}

// exampleOf leaves out what a request may leave out.
func (w *warmer) exampleOf(inputs, outputs []tensor.Tensor) *repository.Example {
	e := &repository.Example{Inputs: []tensor.Tensor{}}
	for _, t := range inputs {
		if spec := w.sought.Inputs[w.sought.Input(t.Name)]; !spec.Optional {
			t.Shape = asCallers(t.Shape, w.s.Inputs[w.s.Input(t.Name)].Shape, spec.Shape)
			e.Inputs = append(e.Inputs, t)
		}
	}
	total := int64(0)
	for _, t := range outputs {
		n, err := t.Shape.Elements()
		if total += n; err != nil || total > maxExample {
			return e
		}
	}
	for _, t := range outputs {
		t.Shape = asCallers(t.Shape, w.s.Outputs[w.s.Output(t.Name)].Shape, w.sought.Outputs[w.sought.Output(t.Name)].Shape)
		e.Outputs = append(e.Outputs, t)
	}
	return e
}

// asCallers is a shape of the model's as callers know it.
func asCallers(shape, model, callers tensor.Shape) tensor.Shape {
	if !model.Accepts(shape) || model.Equal(callers) {
		return shape
	}
	return shape.Relay(model, callers)
}
