package golden

import (
	"fmt"
	"math"

	"galatea/tensor"
)

func (c *Case) outputNames() []string {
	names := make([]string, len(c.outputs))
	for i, out := range c.outputs {
		names[i] = out.want.Name
	}
	return names
}

// labels reads the least shares of rows whose labels agree.
func (c *Case) labels(text []byte) error {
	return c.each(text, func(out *output, value []byte) error {
		share, err := number(value, 1)
		out.labels, out.byValue = share, false
		return err
	})
}

// tolerances reads the tolerances: one number for all outputs that hold numbers, or
// one for each that is named.
func (c *Case) tolerances(text []byte) error {
	if text[0] != '{' {
		most, err := number(text, math.MaxFloat64)
		for i := range c.outputs {
			if out := &c.outputs[i]; out.numeric() {
				out.tolerance, out.byValue = tensor.Tolerance{Absolute: most}, true
			}
		}
		return err
	}
	return c.each(text, func(out *output, value []byte) (err error) {
		if !out.numeric() {
			return fmt.Errorf("%v elements have no tolerance: they are equal or not", out.want.DType)
		}
		out.byValue = true
		out.tolerance, err = tolerance(value)
		return err
	})
}

func (o *output) numeric() bool { return o.want.DType != tensor.Bool && o.want.DType != tensor.Bytes }

// each calls read with each output that an object names, and the value there.
func (c *Case) each(text []byte, read func(out *output, value []byte) error) error {
	named, err := object(text, "output", c.outputNames())
	if err != nil {
		return err
	}
	for i := range c.outputs {
		out := &c.outputs[i]
		value := named[out.want.Name]
		if value == nil {
			continue
		}
		if err := read(out, value); err != nil {
			return fmt.Errorf("output %q: %w", out.want.Name, err)
		}
	}
	return nil
}

// tolerance reads the tolerance of one output.
func tolerance(text []byte) (t tensor.Tolerance, err error) {
	if text[0] != '{' {
		t.Absolute, err = number(text, math.MaxFloat64)
		return t, err
	}
	parts, err := object(text, "member", []string{"absolute", "relative"})
	if err != nil {
		return t, err
	}
	for _, part := range []struct {
		name string
		to   *float64
	}{{"absolute", &t.Absolute}, {"relative", &t.Relative}} {
		if value := parts[part.name]; value != nil {
			if *part.to, err = number(value, math.MaxFloat64); err != nil {
				return t, fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return t, nil
}
