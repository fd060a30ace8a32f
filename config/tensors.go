package config

import (
	"fmt"
	"slices"
	"strings"

	"galatea/tensor"
)

// declared is an input or output as the file declares it.
type declared struct {
	field    string // its place in the file, such as input[0]
	name     string
	dtype    tensor.DType
	dims     []int64 // the model's own; nil where the file gives none; empty where it gives []
	callers  []int64 // what requests or answers have in their place; nil where that is dims
	reshape  *Reshape
	optional *bool
}

// written are the dims as the file has them.
func (d declared) written() []int64 {
	if d.callers != nil {
		return d.callers
	}
	return d.dims
}

// reshaped takes a reshape into account.
func (d declared) reshaped(r *Reshape) declared {
	if d.reshape = r; r != nil && d.dims != nil {
		d.dims, d.callers = append([]int64{}, r.Shape...), d.dims
	}
	return d
}

func (m *Model) inputs() []declared {
	all := make([]declared, len(m.Input))
	for i, t := range m.Input {
		all[i] = declared{field: fmt.Sprintf("input[%d]", i), name: t.Name, dtype: t.DataType, dims: t.Dims, optional: t.Optional}.reshaped(t.Reshape)
	}
	return all
}

func (m *Model) outputs() []declared {
	all := make([]declared, len(m.Output))
	for i, t := range m.Output {
		all[i] = declared{field: fmt.Sprintf("output[%d]", i), name: t.Name, dtype: t.DataType, dims: t.Dims}.reshaped(t.Reshape)
	}
	return all
}

// served is an input or output that is served: the graph's, and the file's words on it.
type served struct {
	what string // input or output
	spec tensor.Spec
	file declared // zero where the file does not list it
}

func (t served) String() string { return fmt.Sprintf("%s %q", t.what, t.spec.Name) }

// tensors pairs the graph's inputs and outputs with the file's, and drops those that a list leaves out.
func (c *completer) tensors(graph tensor.Signature) {
	c.pair("input", graph.Inputs, c.model.inputs())
	c.pair("output", graph.Outputs, c.model.outputs())
	if !slices.ContainsFunc(c.served, func(t served) bool { return t.what == "input" && !t.spec.Optional }) {
		c.unserved = "no input has to be given"
	} else if !slices.ContainsFunc(c.served, func(t served) bool { return t.what == "output" }) {
		c.unserved = "the model has no output"
	}
}

func (c *completer) pair(what string, specs []tensor.Spec, list []declared) {
	whole := c.knownNames(what, specs, list)
	var missing []string
	for _, spec := range specs {
		t := served{what: what, spec: spec}
		i := slices.IndexFunc(list, func(d declared) bool { return d.name == spec.Name })
		switch {
		case i >= 0:
			t.file = list[i]
			c.served = append(c.served, c.declare(t))
		case len(list) == 0:
			c.served = append(c.served, t)
		case what == "input" && !spec.Optional:
			missing = append(missing, fmt.Sprintf("%q", spec.Name))
		default:
			c.note("%s is not served, since the file lists others only", t)
		}
	}
	if len(missing) > 0 && whole {
		c.fail(what, "unable to load model '%s', configuration expects %d inputs, model provides %d: expected %s, too",
			c.model.Name, len(list), len(specs), strings.Join(missing, ", "))
	}
}

// knownNames reports names that the graph does not have, and whether there were none.
func (c *completer) knownNames(what string, specs []tensor.Spec, list []declared) bool {
	known, whole := tensor.Names(specs), true
	for _, d := range list {
		if slices.Contains(known, d.name) {
			continue
		}
		whole = false
		hint := ""
		if near := Nearest(d.name, known); near != "" {
			hint = fmt.Sprintf(": did you mean %q?", near)
		}
		c.fail(d.field+".name", "unable to load model '%s', unexpected inference %s '%s', allowed %ss are: %s%s",
			c.model.Name, what, cut(d.name), what, strings.Join(known, ", "), hint)
	}
	return whole
}

// declare checks what the file says of a tensor besides its shape, and applies it.
func (c *completer) declare(t served) served {
	if want := t.file.dtype; want != tensor.Invalid && want != t.spec.DType {
		c.fail(t.file.field+".data_type", "unable to load model '%s', configuration expects datatype %s for %s '%s', model provides %s",
			c.model.Name, want.ConfigName(), t.what, t.spec.Name, t.spec.DType.ConfigName())
	}
	if o := t.file.optional; o != nil && *o && !t.spec.Optional {
		c.fail(t.file.field+".optional", "the ONNX file holds no value for input '%s': expected an input that has one, or false", t.spec.Name)
	} else if o != nil {
		t.spec.Optional = *o
	}
	if size := c.model.MaxBatchSize; t.unknown() && t.file.dims != nil {
		t.spec.Shape = tensor.Shape(slices.Clone(t.file.dims))
		if size != nil && *size > 0 {
			t.spec.Shape = append(tensor.Shape{tensor.Dynamic}, t.spec.Shape...)
		}
	}
	return t
}

// unknown reports whether the graph leaves an output's shape open, and the file does not give it either.
func (t served) unknown() bool { return t.what == "output" && t.spec.Shape == nil }

// rows says why a tensor has no rows, or "".
func (t served) rows() string {
	switch {
	case t.unknown():
		return fmt.Sprintf("the ONNX file does not say what shape %s has", t)
	case len(t.spec.Shape) == 0:
		return fmt.Sprintf("%s has no dimensions", t)
	case t.spec.Shape[0] != tensor.Dynamic:
		return fmt.Sprintf("%s starts with a fixed %d", t, t.spec.Shape[0])
	case len(t.file.dims) == len(t.spec.Shape) && t.file.dims[0] != tensor.Dynamic:
		return fmt.Sprintf("the file lets %s start with a fixed %d", t, t.file.dims[0])
	}
	return ""
}

// blocker says why the model cannot batch, or "".
func (c *completer) blocker() string {
	for _, t := range c.served {
		if why := t.rows(); why != "" {
			return why
		}
	}
	return c.unserved
}

// demandRows reports every tensor without rows of a model whose file insists on batching.
func (c *completer) demandRows() {
	for _, t := range c.served {
		why := t.rows()
		switch {
		case why == "":
		case t.unknown():
			c.fail("max_batch_size", "unable to load model '%s', model configuration supports batching but %s: expected dims for it, or max_batch_size 0",
				c.model.Name, why)
		case len(t.spec.Shape) > 0 && t.spec.Shape[0] == tensor.Dynamic:
			c.fail(t.file.field+".dims", "max_batch_size demands batching, but %s: expected -1 there, or the dims without the batch dimension", why)
		default:
			c.fail("max_batch_size", "unable to load model '%s', model configuration supports batching but first dimension of tensor '%s' is not a variable-size batch dimension: the model provides %v: expected max_batch_size 0",
				c.model.Name, t.spec.Name, t.spec.Shape)
		}
	}
	if c.blocker() != "" && c.blocker() == c.unserved {
		c.fail("max_batch_size", "%s, so that there are no rows: expected max_batch_size 0", c.unserved)
	}
}

// signature narrows the shapes by the file's dims.
func (c *completer) signature(r *Resolved) tensor.Signature {
	var sig tensor.Signature
	for _, t := range c.served {
		t.spec.Shape = c.narrow(t, r)
		if t.file.callers != nil {
			c.relay(t, r)
		}
		if t.what == "input" {
			sig.Inputs = append(sig.Inputs, t.spec)
		} else {
			sig.Outputs = append(sig.Outputs, t.spec)
		}
	}
	return sig
}

// relay notes the shape that callers have in place of the model's.
func (c *completer) relay(t served, r *Resolved) {
	shape := tensor.Shape(slices.Clone(t.file.callers))
	if r.Batching() && len(t.file.dims) != len(t.spec.Shape) {
		shape = append(tensor.Shape{tensor.Dynamic}, shape...)
	}
	if r.callers == nil {
		r.callers = map[string]tensor.Shape{}
	}
	r.callers[t.what+" "+t.spec.Name] = shape
}

func (c *completer) narrow(t served, r *Resolved) tensor.Shape {
	graph, batching := t.spec.Shape, r.Batching()
	if t.file.dims == nil || batching && t.rows() != "" { // the latter has been reported
		return graph
	}
	dims := tensor.Shape(t.file.dims)
	if batching && len(dims) == len(graph)-1 {
		dims = append(tensor.Shape{tensor.Dynamic}, dims...)
	}
	mismatch := func(format string, args ...any) {
		c.fail(t.file.field+".dims", "unable to load model '%s', configuration expects dims %v for %s '%s', model provides %v: %s",
			c.model.Name, tensor.Shape(t.file.dims), t.what, t.spec.Name, graph, fmt.Sprintf(format, args...))
	}
	switch {
	case len(dims) == len(graph):
	case batching:
		mismatch("expected %d dimensions, or %d without that of the batch", len(graph), len(graph)-1)
		return graph
	case len(dims) == len(graph)-1 && c.model.MaxBatchSize == nil:
		mismatch("expected %d dimensions, since batching is %s", len(graph), r.batching)
		return graph
	default:
		mismatch("expected %d dimensions", len(graph))
		return graph
	}
	shape := slices.Clone(graph)
	for i, want := range dims {
		switch {
		case graph[i] == tensor.Dynamic && want != 0:
			shape[i] = want
		case want != graph[i]:
			mismatch("dimension %d is %d, expected %d", i, want, graph[i])
			return graph
		}
	}
	return shape
}
