package golden

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"galatea/infer"
	"galatea/tensor"
)

// Case is one golden file.
type Case struct {
	Name        string // the file's, with which errors begin
	Description string
	MaxLatency  time.Duration // 0: any

	id      string
	inputs  []tensor.Tensor
	outputs []output
}

// output is what is expected of one output.
type output struct {
	want      tensor.Tensor
	byValue   bool // compared by value
	tolerance tensor.Tolerance
	labels    float64 // the least share of rows whose labels agree
}

// Request returns the case's request to a model, in memory of its own that is left to
// the garbage collector. It asks for the outputs that are expected.
func (c *Case) Request(ref infer.Ref) *infer.Request {
	req := &infer.Request{Model: ref, ID: c.id}
	for _, in := range c.inputs {
		in.Shape, in.Data = slices.Clone(in.Shape), slices.Clone(in.Data)
		req.Inputs = append(req.Inputs, in)
	}
	for _, out := range c.outputs {
		req.Outputs = append(req.Outputs, out.want.Name)
	}
	return req
}

// Check returns how an answer, and the time that it took, differ from what is
// expected: nil when they do not, else a line for each output that does. The answer
// still belongs to the caller.
func (c *Case) Check(resp *infer.Response, took time.Duration) error {
	var wrong []error
	note := func(err error) {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	for _, out := range c.outputs {
		i := slices.IndexFunc(resp.Outputs, func(t tensor.Tensor) bool { return t.Name == out.want.Name })
		if i < 0 {
			note(fmt.Errorf("output %q is missing", out.want.Name))
			continue
		}
		note(out.value(resp.Outputs[i]))
		note(out.label(resp.Outputs[i]))
	}
	if c.MaxLatency > 0 && took > c.MaxLatency {
		note(fmt.Errorf("took %v ms, expected at most %v ms", milliseconds(took), milliseconds(c.MaxLatency)))
	}
	return errors.Join(wrong...)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// value holds an output against the expected values; where these do not count, against
// type and shape.
func (o *output) value(got tensor.Tensor) error {
	found, err := tensor.Compare(got, o.want, o.tolerance)
	switch {
	case err != nil:
		return fmt.Errorf("output %q: %w", o.want.Name, err)
	case !o.byValue || found.Beyond == 0:
		return nil
	}
	by := ""
	if !math.IsInf(found.Largest, 1) {
		by = fmt.Sprintf(": a difference of %.3g, tolerance %.3g", found.Largest, found.Allowed)
	}
	return fmt.Errorf("output %q: %sgot %s, expected %s%s (%d of %d elements differ)",
		o.want.Name, place(o.want.Shape, found.Index), found.Got, found.Want, by, found.Beyond, found.Elements)
}

// label holds an output against the expected labels, if they count.
func (o *output) label(got tensor.Tensor) error {
	if o.labels == 0 {
		return nil
	}
	agree, rows, err := tensor.Labels(got, o.want)
	if err != nil || rows == 0 || float64(agree)/float64(rows) >= o.labels {
		return nil //nolint:nilerr // value says what cannot be compared
	}
	return fmt.Errorf("output %q: labels agree in %d of %d rows, expected at least %v", o.want.Name, agree, rows, o.labels)
}

// place says where an element is, for the beginning of an error text. Rows are those
// of the first axis.
func place(s tensor.Shape, index int64) string {
	switch len(s) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("element %d: ", index)
	}
	row, _ := s.RowElements() // not 0, since there is such an element
	return fmt.Sprintf("row %d, element %d: ", index/row, index%row)
}
