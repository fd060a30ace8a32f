package infer_test

import (
	"context"
	"testing"

	"galatea/infer"
	"galatea/tensor"
)

// signature has one input and one output of the shapes.
func signature(in, out tensor.Shape) tensor.Signature {
	return tensor.Signature{Inputs: []tensor.Spec{{Name: "x", Shape: in}}, Outputs: []tensor.Spec{{Name: "y", Shape: out}}}
}

func TestCallersAndTheModelEachHaveTheirShapes(t *testing.T) {
	const free = tensor.Dynamic
	callers := signature(tensor.Shape{free, 2, 2}, tensor.Shape{free, 1, free})
	model := signature(tensor.Shape{free, 4}, tensor.Shape{free, free})
	var got tensor.Shape
	h := infer.Reshape(callers, model)(infer.HandlerFunc(func(_ context.Context, req *infer.Request) (*infer.Response, error) {
		got = req.Inputs[0].Shape
		return &infer.Response{Outputs: []tensor.Tensor{{Name: "y", Shape: tensor.Shape{3, 5}}}}, nil
	}))
	for _, tt := range []struct{ sent, model tensor.Shape }{
		{tensor.Shape{3, 2, 2}, tensor.Shape{3, 4}},
		{tensor.Shape{3, 4}, tensor.Shape{3, 4}},
		{tensor.Shape{3, 4, 1}, tensor.Shape{3, 4, 1}}, // the signature check refuses it
	} {
		sent := append(tensor.Shape{}, tt.sent...)
		resp, err := h.Infer(t.Context(), &infer.Request{Inputs: []tensor.Tensor{{Name: "x", Shape: sent}}})
		if err != nil || !got.Equal(tt.model) || !resp.Outputs[0].Shape.Equal(tensor.Shape{3, 1, 5}) {
			t.Errorf("%v: the model got %v, the caller %v, %v", tt.sent, got, resp.Outputs[0].Shape, err)
		}
		if !sent.Equal(tt.sent) {
			t.Errorf("the caller's own shape is %v now", sent)
		}
	}
	resp, err := h.Infer(t.Context(), &infer.Request{Inputs: []tensor.Tensor{{Name: "x", Shape: tensor.Shape{3, 4}}}, Classes: []uint64{5}})
	if err != nil || !resp.Outputs[0].Shape.Equal(tensor.Shape{3, 5}) {
		t.Errorf("classes: %v, %v", resp.Outputs[0].Shape, err)
	}
	if infer.Reshape(model, model) != nil {
		t.Error("there is something to do where nothing differs")
	}
}
