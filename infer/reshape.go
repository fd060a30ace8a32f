package infer

import (
	"context"

	"galatea/tensor"
)

// Reshape returns a middleware for callers who know other shapes than the model has: their
// inputs get the model's, and outputs theirs. callers and model differ in shapes only. An
// input of another shape stays as it is, so that one that has the model's own passes. It
// returns nil where nothing differs.
func Reshape(callers, model tensor.Signature) Middleware {
	in, out := relays(callers.Inputs, model.Inputs), relays(model.Outputs, callers.Outputs)
	if len(in) == 0 && len(out) == 0 {
		return nil
	}
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, req *Request) (*Response, error) {
			for i := range req.Inputs {
				in.apply(&req.Inputs[i])
			}
			resp, err := next.Infer(ctx, req)
			if err != nil {
				return nil, err
			}
			for i := range resp.Outputs {
				if i < len(req.Classes) && req.Classes[i] > 0 {
					continue // classes have a shape of their own
				}
				out.apply(&resp.Outputs[i])
			}
			return resp, nil
		})
	}
}

// relay is a shape in two forms.
type relay struct{ from, to tensor.Shape }

// relayed is the tensors that have a relay, by name.
type relayed map[string]relay

func relays(from, to []tensor.Spec) relayed {
	all := relayed{}
	for i := range from {
		if !from[i].Shape.Equal(to[i].Shape) {
			all[from[i].Name] = relay{from[i].Shape, to[i].Shape}
		}
	}
	return all
}

func (r relayed) apply(t *tensor.Tensor) {
	if form, is := r[t.Name]; is && form.from.Accepts(t.Shape) {
		t.Shape = t.Shape.Relay(form.from, form.to)
	}
}
