package config

import (
	"maps"
	"slices"

	"galatea/tensor"
)

// Batching says how requests of different lengths share a batch, as the file declares it.
type Batching struct {
	// The inputs that are padded at the end of their dynamic dimension, and what with: input_ids: 0 say. Outputs are cut back to the request's own length. Each of the inputs has one dynamic dimension beside the batch's.
	Pad map[string]float64 `yaml:"pad" min:"-1.7976931348623157e308" max:"1.7976931348623157e308" rule:"required"`

	// The lengths to pad to. Requests share a batch when they are padded to the same; a longer one is not padded. Left out: 16, 32, 64 and so on, doubling.
	Buckets []int64 `yaml:"buckets" min:"1" max:"2147483647" rule:"unique nonempty"`

	// An input that tells the model what is padding: 1 for a request's own elements, 0 for padding. It is filled for requests that leave it out, and padded with 0 in those that give it.
	Mask string `yaml:"mask"`
}

// Padding says how requests of different lengths share a batch.
type Padding struct {
	Inputs  map[string][]byte // by name, the element to pad with
	Buckets []int64           // ascending; empty: powers of two from 16 up
	Mask    string            // "": none
	One     []byte            // the mask's element for a request's own
}

// padding completes how requests of different lengths share a batch.
func (c *completer) padding(r *Resolved) {
	b := c.model.Batching
	if b == nil || !r.Batching() {
		return
	}
	p := &Padding{Inputs: map[string][]byte{}, Buckets: slices.Sorted(slices.Values(b.Buckets)), Mask: b.Mask}
	if len(b.Pad) == 0 {
		c.fail("batching.pad", "no input: expected one with a dynamic dimension beside the batch's, such as input_ids: 0")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Pad)) {
		field := join("batching.pad", name)
		if spec := c.padded(r, field, name); spec != nil {
			element, fits := tensor.AppendNumber(nil, spec.DType, b.Pad[name])
			if !fits {
				c.fail(field, "%v is no value of type %s: expected a number that is", b.Pad[name], spec.DType.ConfigName())
			}
			p.Inputs[name] = element
		}
	}
	if b.Mask != "" {
		if _, twice := b.Pad[b.Mask]; twice {
			c.fail("batching.mask", "%s is among the inputs of pad: expected it in one place, since a mask is padded with 0", quote(b.Mask))
		}
		if spec := c.padded(r, "batching.mask", b.Mask); spec != nil {
			p.One, _ = tensor.AppendNumber(nil, spec.DType, 1)
		}
	}
	for _, out := range r.Signature.Outputs {
		if out.DType == tensor.Bytes && !out.Shape[1:].Static() {
			c.fail("batching", "output %s has strings and a dynamic dimension, and such cannot be cut back: expected no padding for this model", quote(out.Name))
		}
	}
	r.Padding = p
}

// padded returns the input of that name if it can be padded; what is wrong is reported.
func (c *completer) padded(r *Resolved, field, name string) *tensor.Spec {
	i := r.Signature.Input(name)
	if i < 0 {
		var names []string
		for _, in := range r.Signature.Inputs {
			names = append(names, in.Name)
		}
		c.fail(field, "no input is named %s: expected %s", quote(name), either(names))
		return nil
	}
	spec := &r.Signature.Inputs[i]
	dynamic := 0
	for _, d := range spec.Shape[1:] {
		if d == tensor.Dynamic {
			dynamic++
		}
	}
	switch {
	case spec.DType == tensor.Bytes:
		c.fail(field, "input %s has strings: expected an input of numbers", quote(name))
	case dynamic != 1:
		c.fail(field, "input %s has %d dynamic dimensions beside the batch's: expected one", quote(name), dynamic)
	default:
		return spec
	}
	return nil
}

// RequestSignature is the signature as callers know it: shapes are those of requests and
// answers, and an input that is made where a request leaves it out is optional.
func (r *Resolved) RequestSignature() tensor.Signature {
	s := r.CheckedSignature()
	if r.callers == nil {
		return s
	}
	relayed := func(what string, specs []tensor.Spec) []tensor.Spec {
		specs = slices.Clone(specs)
		for i := range specs {
			if shape, is := r.callers[what+" "+specs[i].Name]; is {
				specs[i].Shape = shape
			}
		}
		return specs
	}
	return tensor.Signature{Inputs: relayed("input", s.Inputs), Outputs: relayed("output", s.Outputs)}
}

// CheckedSignature is RequestSignature with the model's own shapes.
func (r *Resolved) CheckedSignature() tensor.Signature {
	if r.Padding == nil || r.Padding.Mask == "" {
		return r.Signature
	}
	s := tensor.Signature{Inputs: slices.Clone(r.Signature.Inputs), Outputs: r.Signature.Outputs}
	if i := s.Input(r.Padding.Mask); i >= 0 {
		s.Inputs[i].Optional = true
	}
	return s
}
