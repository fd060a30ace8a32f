package golden

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// request reads the inputs.
func (c *Case) request(text []byte) error {
	var r jsontensor.Request
	if err := r.Parse(text, jsontensor.Limits{}); err != nil {
		return err
	}
	if !r.HasInputs {
		return errors.New(`no member "inputs"`)
	}
	var err error
	c.id = string(r.ID)
	c.inputs, err = tensors("input", r.Inputs)
	return err
}

// response reads the outputs that are expected.
func (c *Case) response(text []byte) error {
	var list []byte
	err := jsontensor.Members(text, func(name, value []byte) error {
		if string(name) == "outputs" {
			if list != nil {
				return errors.New(`member "outputs" is there twice`)
			}
			list = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0] == 'n' {
		return errors.New(`no member "outputs"`)
	}
	found, err := outputList(list)
	if err != nil {
		return err
	}
	all, err := tensors("output", found)
	for _, t := range all {
		c.outputs = append(c.outputs, output{want: t, byValue: true, tolerance: tensor.DefaultTolerance(t.DType)})
	}
	if err == nil && len(all) == 0 {
		return errors.New("no outputs: expected at least one to compare")
	}
	return err
}

// outputList reads a list of outputs. An answer's outputs have the form of a request's
// inputs, so they are read as such.
func outputList(list []byte) ([]jsontensor.Input, error) {
	const head = `{"inputs":`
	text := slices.Concat([]byte(head), list, []byte{'}'})
	var r jsontensor.Request
	err := r.Parse(text, jsontensor.Limits{})
	if syntax, is := errors.AsType[*jsontensor.SyntaxError](err); is {
		syntax.Offset -= len(head)
	}
	if field, is := errors.AsType[*jsontensor.FieldError](err); is && field.Field == "inputs" {
		field.Field = "outputs"
	}
	if errors.Is(err, jsontensor.ErrInputs) {
		err = fmt.Errorf("too many outputs: expected at most %d", jsontensor.DefaultInputs)
	}
	return r.Inputs, err
}

// tensors reads the inputs or the outputs, as kind says.
func tensors(kind string, list []jsontensor.Input) ([]tensor.Tensor, error) {
	all := make([]tensor.Tensor, 0, len(list))
	seen := make(map[string]bool, len(list))
	for i := range list {
		j := &list[i]
		if j.Name == nil {
			return nil, fmt.Errorf("%s %d has no name", kind, i)
		}
		if seen[string(j.Name)] {
			return nil, fmt.Errorf("%s %q is there twice", kind, j.Name)
		}
		seen[string(j.Name)] = true
		t, err := tensorOf(j)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", kind, j.Name, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func tensorOf(j *jsontensor.Input) (tensor.Tensor, error) {
	t := tensor.Tensor{Name: string(j.Name)}
	switch {
	case j.DataType == nil:
		return t, errors.New("no datatype")
	case j.Shape == nil:
		return t, errors.New("no shape")
	}
	var err error
	if t.DType, err = tensor.ParseDType(string(j.DataType)); err != nil {
		return t, err
	}
	if t.DType == tensor.FP16 || t.DType == tensor.BF16 {
		return t, unsupported(t.DType)
	}
	if j.Data == nil {
		return t, errors.New("no data: a golden file holds all data in JSON, none in binary form")
	}
	t.Shape = make(tensor.Shape, len(j.Shape))
	for i, n := range j.Shape {
		if n > math.MaxInt64 {
			return t, fmt.Errorf("%w: %d", tensor.ErrShape, j.Shape)
		}
		t.Shape[i] = int64(n)
	}
	want, err := t.Shape.Elements()
	if err == nil {
		_, err = t.Shape.Bytes(t.DType)
	}
	if err != nil {
		return t, fmt.Errorf("%w: %v", err, t.Shape)
	}
	if t.Data, err = jsontensor.Append(nil, j.Data, t.DType, want); err != nil {
		return t, fmt.Errorf("data of shape %v: %w", t.Shape, err)
	}
	return t, nil
}

func unsupported(d tensor.DType) error {
	return fmt.Errorf("%w: %v: a golden file holds neither FP16 nor BF16", jsontensor.ErrUnsupported, d)
}
