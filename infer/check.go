package infer

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"galatea/tensor"
)

// CheckSignature returns a middleware that refuses requests that do not fit the
// model, before they cost anything, with an *InvalidError in Triton's words. It puts
// the inputs into the signature's order and sets Rows. maxBatch is the most rows of
// a request; 0 is a model that does not batch, whose shapes are full ones.
func CheckSignature(model string, s tensor.Signature, maxBatch int) Middleware {
	c := &checker{model: model, signature: s, maxBatch: maxBatch}
	for _, in := range s.Inputs {
		if !in.Optional {
			c.required++
		}
	}
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, req *Request) (*Response, error) {
			if err := c.check(req); err != nil {
				return nil, err
			}
			return next.Infer(ctx, req)
		})
	}
}

type checker struct {
	model     string
	signature tensor.Signature
	maxBatch  int
	required  int
}

func (c *checker) check(req *Request) error {
	if err := c.order(req); err != nil {
		return err
	}
	req.Rows = 1
	for i := range req.Inputs {
		if err := c.input(req, i); err != nil {
			return err
		}
	}
	for _, name := range req.Outputs {
		if c.signature.Output(name) < 0 {
			return Invalidf("unexpected inference output '%s' for model '%s'", name, c.model)
		}
	}
	return nil
}

// order checks which inputs there are and sorts them as the signature has them.
func (c *checker) order(req *Request) error {
	if len(req.Inputs) < c.required {
		return c.missing(req.Inputs)
	}
	sorted := true
	last := -1
	for i, in := range req.Inputs {
		at := c.signature.Input(in.Name)
		if at < 0 {
			return Invalidf("unexpected inference input '%s' for model '%s'", in.Name, c.model)
		}
		if slices.ContainsFunc(req.Inputs[:i], func(t tensor.Tensor) bool { return t.Name == in.Name }) {
			return Invalidf("input '%s' already exists in request", in.Name)
		}
		sorted = sorted && at > last
		last = at
	}
	if len(req.Inputs) < len(c.signature.Inputs) {
		if err := c.missing(req.Inputs); err != nil {
			return err
		}
	}
	if !sorted {
		req.Inputs = slices.Clone(req.Inputs)
		slices.SortFunc(req.Inputs, func(a, b tensor.Tensor) int { return c.signature.Input(a.Name) - c.signature.Input(b.Name) })
	}
	return nil
}

// missing says which required inputs are not among those given, if any.
func (c *checker) missing(given []tensor.Tensor) error {
	var got, lacking []string
	for _, in := range given {
		got = append(got, "'"+in.Name+"'")
	}
	for _, in := range c.signature.Inputs {
		if !in.Optional && !slices.Contains(got, "'"+in.Name+"'") {
			lacking = append(lacking, "'"+in.Name+"'")
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	list := "Got input(s) [" + strings.Join(got, ",") + "], but missing required input(s) [" + strings.Join(lacking, ",") + "]. Please provide all required input(s)."
	if all := len(c.signature.Inputs); c.required < all {
		return Invalidf("expected number of inputs between %d and %d but got %d inputs for model '%s'. %s", c.required, all, len(given), c.model, list)
	}
	return Invalidf("expected %d inputs but got %d inputs for model '%s'. %s", c.required, len(given), c.model, list)
}

// input checks one input against the signature, and the rows against the others.
func (c *checker) input(req *Request, i int) error {
	in := &req.Inputs[i]
	spec := &c.signature.Inputs[c.signature.Input(in.Name)]
	if in.DType != spec.DType {
		return Invalidf("inference input '%s' data-type is '%v', but model '%s' expects '%v'", in.Name, in.DType, c.model, spec.DType)
	}
	if c.maxBatch > 0 {
		if len(in.Shape) == 0 {
			return Invalidf("input '%s' has no shape but model requires batch dimension for '%s'", in.Name, c.model)
		}
		switch rows := in.Shape[0]; {
		case rows < 1:
			return Invalidf("inference request batch-size must be >= 1 for '%s'", c.model)
		case rows > int64(c.maxBatch):
			return Invalidf("inference request batch-size must be <= %d for '%s'", c.maxBatch, c.model)
		case i > 0 && rows != int64(req.Rows):
			return Invalidf("input '%s' batch size does not match other inputs for '%s'", in.Name, c.model)
		default:
			req.Rows = int(rows)
		}
	}
	if !spec.Shape.Accepts(in.Shape) {
		return c.shapeError(in, spec)
	}
	return c.size(in)
}

func (c *checker) shapeError(in *tensor.Tensor, spec *tensor.Spec) error {
	note := ""
	if c.maxBatch > 0 {
		note = ". NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
	}
	return Invalidf("unexpected shape for input '%s' for model '%s'. Expected %v, got %v%s", in.Name, c.model, spec.Shape, in.Shape, note)
}

// size checks that the data is what type and shape say.
func (c *checker) size(in *tensor.Tensor) error {
	elements, err := in.Shape.Elements()
	if err != nil {
		return Invalidf("invalid shape for input '%s': shape %v contains one or more invalid dimensions", in.Name, in.Shape)
	}
	if in.DType == tensor.Bytes {
		return c.strings(in, elements)
	}
	want, err := in.Shape.Bytes(in.DType)
	if err != nil {
		return Invalidf("invalid shape for input '%s': shape %v causes total element count to exceed maximum size of %d", in.Name, in.Shape, int64(1<<63-1))
	}
	if int64(len(in.Data)) != want {
		return Invalidf("input byte size mismatch for input '%s' for model '%s'. Expected %d, got %d", in.Name, c.model, want, len(in.Data))
	}
	return nil
}

func (c *checker) strings(in *tensor.Tensor, want int64) error {
	n := int64(0)
	for rest := in.Data; len(rest) > 0; n++ {
		if n == want {
			return Invalidf("unexpected number of string elements %d for inference input '%s' for model '%s', expecting %d", n+1, in.Name, c.model, want)
		}
		_, next, err := tensor.NextString(rest)
		if err != nil {
			return Invalidf("%s. Expecting %d string elements in total, and this is element %d.", c.incomplete(in, rest), want, n+1)
		}
		rest = next
	}
	if n != want {
		return Invalidf("expected %d string elements for inference input '%s' for model '%s', got %d", want, in.Name, c.model, n)
	}
	return nil
}

// incomplete says how the last string, which rest begins with, ends too soon.
func (c *checker) incomplete(in *tensor.Tensor, rest []byte) string {
	const prefix = 4
	where := "for inference input '" + in.Name + "' for model '" + c.model + "', expecting"
	if len(rest) < prefix {
		return fmt.Sprintf("incomplete string length indicator %s %d bytes but only %d bytes available", where, prefix, len(rest))
	}
	return fmt.Sprintf("incomplete string data %s string of length %d but only %d bytes available", where, binary.LittleEndian.Uint32(rest), len(rest)-prefix)
}
