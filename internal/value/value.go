package value

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"galatea/internal/jsontensor"
	"galatea/internal/npy"
	"galatea/tensor"
)

// Parse makes the tensor of an input. text is a value, or @FILE, whose name's end says what
// it holds: .npy, .json, or .raw and .bin for the bytes as they are. The shape is the
// value's, with a first dimension of one before it where the model batches and it lacks
// that, and for a flat list that of the input, as far as it is determined. Numbers are
// converted to the input's type; floats are rounded, all else has to fit exactly.
func Parse(in tensor.Spec, batching bool, text string, read func(file string) ([]byte, error)) (tensor.Tensor, error) {
	t, err := parse(in, text, read)
	if err == nil {
		err = convert(&t, in.DType)
	}
	if err == nil {
		err = reshape(&t, in.Shape, batching)
	}
	if err != nil {
		return t, fmt.Errorf("input %s: %w", in.Name, err)
	}
	t.Name = in.Name
	return t, nil
}

// parse reads a value, of any type and shape.
func parse(in tensor.Spec, text string, read func(file string) ([]byte, error)) (tensor.Tensor, error) {
	file, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		return fromText(in.DType, []byte(text))
	}
	content, err := read(file)
	if err != nil {
		return tensor.Tensor{}, err
	}
	switch end := path.Ext(file); end {
	case ".npy":
		t, err := npy.Read(content)
		if err != nil {
			return t, fmt.Errorf("%s: %w", file, err)
		}
		return t, nil
	case ".json":
		t, err := fromJSON(in.DType, content)
		if err != nil {
			return t, fmt.Errorf("%s: %w", file, err)
		}
		return t, nil
	case ".raw", ".bin":
		if in.DType == tensor.Bytes {
			return tensor.Tensor{DType: tensor.Bytes, Data: tensor.AppendString(nil, content)}, nil
		}
		n := len(content) / in.DType.Size()
		if n*in.DType.Size() != len(content) {
			return tensor.Tensor{}, fmt.Errorf("%s has %d bytes: expected a multiple of %d, the size of %v", file, len(content), in.DType.Size(), in.DType)
		}
		return tensor.Tensor{DType: in.DType, Shape: tensor.Shape{int64(n)}, Data: content}, nil
	default:
		return tensor.Tensor{}, fmt.Errorf("%s: a file of kind %q: expected .npy, .json, .raw or .bin", file, end)
	}
}

// fromText reads a value of the command line: a text is itself, unless it is a list.
func fromText(d tensor.DType, text []byte) (tensor.Tensor, error) {
	if d == tensor.Bytes && (len(text) == 0 || text[0] != '[') {
		return tensor.Tensor{DType: tensor.Bytes, Data: tensor.AppendString(nil, text)}, nil
	}
	return fromJSON(d, text)
}

// fromJSON reads a value whose nesting is its shape. Types that JSON does not carry are
// read as FP64.
func fromJSON(d tensor.DType, text []byte) (t tensor.Tensor, err error) {
	t.DType = d
	if d == tensor.FP16 || d == tensor.BF16 {
		t.DType = tensor.FP64
	}
	t.Data, t.Shape, err = jsontensor.AppendNested(nil, nil, text, t.DType)
	switch {
	case err == nil:
		return t, nil
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return t, fmt.Errorf("a value of %v: got an object in JSON: expected a value or a list, such as the data of an input in a request", d)
	default:
		return t, fmt.Errorf("a value of %v: %w", d, err)
	}
}

// convert makes a tensor one of another type.
func convert(t *tensor.Tensor, to tensor.DType) error {
	switch {
	case t.DType == to:
		return nil
	case t.DType == tensor.Bytes || to == tensor.Bytes:
		return fmt.Errorf("it takes %v, got %v", to, t.DType)
	}
	from := t.DType.Size()
	var data []byte
	for at := 0; at < len(t.Data); at += from {
		f, exact := tensor.Number(t.DType, t.Data[at:])
		grown, ok := tensor.AppendNumber(data, to, f)
		if !ok || !exact {
			return fmt.Errorf("element %d is %s, which %v does not hold", at/from, tensor.AppendFixed(nil, t.DType, t.Data[at:]), to)
		}
		data = grown
	}
	t.DType, t.Data = to, data
	return nil
}

// errShape is worded by its only caller.
var errShape = errors.New("shape")

// reshape gives a tensor a shape that the input takes.
func reshape(t *tensor.Tensor, want tensor.Shape, batching bool) error {
	row := want
	if batching {
		row = want[1:]
	}
	n, err := t.Shape.Elements()
	if err != nil {
		return err
	}
	switch {
	case want.Accepts(t.Shape):
		return nil
	case batching && row.Accepts(t.Shape):
		t.Shape = append(tensor.Shape{1}, t.Shape...)
		return nil
	case len(t.Shape) > 1:
		err = errShape
	default:
		var fitting tensor.Shape
		if fitting, err = fit(want, batching, n); err == nil {
			t.Shape = fitting
		}
	}
	if err != nil {
		return fmt.Errorf("it takes a shape of %v, got a value of shape %v", want, t.Shape)
	}
	return nil
}

// fit is a shape of so many elements that an input takes: the first of its dynamic
// dimensions has what the fixed ones leave, and all others are one. A batch is one row
// where the row has room for that, too.
func fit(want tensor.Shape, batching bool, elements int64) (tensor.Shape, error) {
	shape := append(tensor.Shape{}, want...)
	first, fixed := -1, int64(1)
	for i, d := range shape {
		switch {
		case d >= 0:
			fixed *= d
		case first < 0 || batching && first == 0:
			if first == 0 {
				shape[0] = 1
			}
			first = i
		default:
			shape[i] = 1
		}
	}
	if first < 0 {
		if fixed != elements {
			return nil, errShape
		}
		return shape, nil
	}
	if fixed == 0 || elements%fixed != 0 || elements/fixed > math.MaxInt32 {
		return nil, errShape
	}
	shape[first] = elements / fixed
	return shape, nil
}
