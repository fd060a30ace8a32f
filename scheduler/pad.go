package scheduler

import (
	"bytes"
	"fmt"
	"slices"

	"galatea/infer"
	"galatea/tensor"
)

// Padding says how requests of different lengths share a batch. The lengths are those
// of the one dynamic dimension, past the batch's, that each input named here has; a
// request whose inputs differ in it is not padded.
type Padding struct {
	Inputs  map[string][]byte // by name, the element to pad with
	Buckets []int64           // lengths to pad to, ascending; none: powers of two from 16 up
	Mask    string            // input that has 1 for a request's own elements and 0 for padding; "": none
	One     []byte            // the mask's element for 1
}

// firstBucket is the least length that is padded to where none are given.
const firstBucket = 16

// padder is a Padding over a signature.
type padder struct {
	Padding
	axes    []int // of each input of the signature, the one that is padded; 0: none
	fill    [][]byte
	mask    int     // place in the signature; -1: none
	outputs [][]int // of each output, the axes that may be cut back
}

func newPadder(p Padding, s tensor.Signature) *padder {
	d := &padder{Padding: p, mask: -1, axes: make([]int, len(s.Inputs)), fill: make([][]byte, len(s.Inputs))}
	for i, in := range s.Inputs {
		fill, padded := p.Inputs[in.Name]
		if in.Name == p.Mask && p.Mask != "" {
			fill, padded, d.mask = make([]byte, in.DType.Size()), true, i
		}
		if padded {
			d.axes[i], d.fill[i] = dynamicAxes(in.Shape)[0], fill
		}
	}
	for _, out := range s.Outputs {
		d.outputs = append(d.outputs, dynamicAxes(out.Shape))
	}
	return d
}

// dynamicAxes lists the dynamic dimensions past the batch's.
func dynamicAxes(s tensor.Shape) []int {
	var axes []int
	for i, d := range s {
		if i > 0 && d < 0 {
			axes = append(axes, i)
		}
	}
	return axes
}

// measure returns the length that the inputs have, -1 when they differ in it, and the
// one to pad them to, 0 when they are not padded.
func (p *padder) measure(s tensor.Signature, inputs []tensor.Tensor) (length, bucket int64) {
	length = -1
	for _, t := range inputs {
		axis := p.axes[s.Input(t.Name)]
		switch {
		case axis == 0:
		case length < 0:
			length = t.Shape[axis]
		case length != t.Shape[axis]:
			return -1, 0
		}
	}
	if length < 0 {
		return -1, 0
	}
	if len(p.Buckets) == 0 {
		for bucket = firstBucket; bucket < length; {
			bucket *= 2
		}
		return length, bucket
	}
	i, _ := slices.BinarySearch(p.Buckets, length)
	if i == len(p.Buckets) {
		return length, 0
	}
	return length, p.Buckets[i]
}

// complete adds the mask to a request's inputs that have none: of 1, since all of its
// elements are its own.
func (p *padder) complete(s tensor.Signature, inputs []tensor.Tensor, rows int, length int64) ([]tensor.Tensor, error) {
	if p.mask < 0 || slices.ContainsFunc(inputs, func(t tensor.Tensor) bool { return t.Name == p.Mask }) {
		return inputs, nil
	}
	if length < 0 {
		return nil, infer.Invalidf("input '%s' is missing, and cannot be filled in: expected it in the request, or padded inputs of one length", p.Mask)
	}
	spec := s.Inputs[p.mask]
	mask := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: slices.Clone(spec.Shape)}
	mask.Shape[0], mask.Shape[p.axes[p.mask]] = int64(rows), length
	n, err := mask.Shape.Elements()
	if err != nil {
		return nil, infer.Invalidf("input '%s' of shape %v: %v", p.Mask, mask.Shape, err)
	}
	mask.Data = bytes.Repeat(p.One, int(n))
	at := 0
	for at < len(inputs) && s.Input(inputs[at].Name) < p.mask {
		at++
	}
	return slices.Insert(slices.Clone(inputs), at, mask), nil
}

// shape is that of an input with its length replaced.
func (p *padder) shape(s tensor.Signature, t *tensor.Tensor, length int64) tensor.Shape {
	if axis := p.axes[s.Input(t.Name)]; axis > 0 {
		shape := slices.Clone(t.Shape)
		shape[axis] = length
		return shape
	}
	return t.Shape
}

// appendPadded appends the rows of t, padded to shape but for the rows, whose number stays.
func (p *padder) appendPadded(dst []byte, t *tensor.Tensor, shape tensor.Shape, at int) ([]byte, error) {
	to := slices.Clone(shape)
	to[0] = t.Shape[0]
	size, err := to.Bytes(t.DType)
	if err != nil || int64(cap(dst)-len(dst)) < size {
		return dst, fmt.Errorf("input %q: no room to pad shape %v to %v", t.Name, t.Shape, to)
	}
	from := len(dst)
	dst = dst[:from+int(size)]
	fill(dst[from:], p.fill[at])
	tensor.CopyBox(dst[from:], to, t.Data, t.Shape, t.DType.Size())
	return dst, nil
}

// fill fills dst with copies of an element.
func fill(dst, element []byte) {
	n := copy(dst, element)
	for n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
}

// cut returns the shape that rows of an output have once they are cut back from bucket
// to length, and the one that they have before; nil when there is nothing to cut.
func (p *padder) cut(rows tensor.Shape, output int, length, bucket int64) (shape, whole tensor.Shape) {
	shape = rows
	for _, axis := range p.outputs[output] {
		if length == bucket || axis >= len(rows) || rows[axis] != bucket {
			continue
		}
		if whole == nil {
			shape, whole = slices.Clone(rows), rows
		}
		shape[axis] = length
	}
	return shape, whole
}
