package tfjson

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// decodeRows reads the value of `instances`. body is for errors.
func decodeRows(body, text []byte, inputs []tensor.Spec) ([]tensor.Tensor, error) {
	if text[0] != '[' {
		return nil, errorf("JSON Value: %s Excepting 'instances' to be an list/array", brief(body))
	}
	first := bytes.TrimLeft(text[1:], " \t\r\n")
	if first[0] == ']' {
		return nil, errorf("JSON Value: %s No values in 'instances' array", brief(body))
	}
	r := newRows(inputs)
	r.named = first[0] == '{' && isObject(firstOf(text))
	if !r.named {
		if r.plain < 0 {
			return nil, errorf("instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map")
		}
		// Rows of equal shapes are a tensor as they stand. Only where that fails are they
		// read one by one, to say which one it is.
		t, err := decodeTensor(text, &inputs[r.plain])
		if err == nil {
			return []tensor.Tensor{t}, nil
		}
		if failed := r.read(text); failed != nil {
			return nil, failed
		}
		return nil, err
	}
	if err := r.read(text); err != nil {
		return nil, err
	}
	return r.tensors(), nil
}

// errStop ends a walk.
var errStop = errors.New("stop")

// firstOf returns the first element of an array.
func firstOf(text []byte) (first []byte) {
	_ = jsontensor.Elements(text, func(value []byte) error {
		first = value
		return errStop
	})
	return first
}

// rows joins the rows of `instances` to tensors.
type rows struct {
	columns []column
	byName  map[string]int
	plain   int   // the column of rows without names; -1: there is none
	named   bool  // rows are objects of names
	count   int64 // rows read
	shape   tensor.Shape
}

// column is the part of a tensor that has been read.
type column struct {
	spec  *tensor.Spec
	given bool // it is in the first row
	data  []byte
	rows  int64
	shape tensor.Shape // of a row
	size  int64        // of a row, in elements
}

func newRows(inputs []tensor.Spec) *rows {
	r := &rows{columns: make([]column, len(inputs)), byName: make(map[string]int, len(inputs)), plain: sole(inputs)}
	for i := range inputs {
		r.columns[i].spec = &inputs[i]
		r.byName[inputs[i].Name] = i
	}
	return r
}

func (r *rows) read(text []byte) error {
	return jsontensor.Elements(text, func(row []byte) error {
		err := r.row(row)
		r.count++
		return err
	})
}

func (r *rows) row(row []byte) error {
	switch object := isObject(row); {
	case r.named && !object:
		return errorf("Expecting object but got list at item %d of input list", r.count)
	case !r.named && object:
		return errorf("Expecting value/list but got object at item %d of input list", r.count)
	case !r.named:
		return r.wrap("", r.add(r.plain, row))
	}
	err := jsontensor.Members(row, func(name, value []byte) error {
		i, known := r.byName[string(name)]
		if !known {
			return r.wrap(" key: "+brief(name), errorf("JSON object: does not have named input: %s", brief(name)))
		}
		if r.count > 0 && !r.columns[i].expected() {
			return r.keysError(row)
		}
		return r.wrap(" key: "+r.columns[i].spec.Name, r.add(i, value))
	})
	if err != nil {
		return err
	}
	for i := range r.columns {
		if c := &r.columns[i]; c.expected() && c.rows <= r.count {
			return r.keysError(row)
		}
	}
	return nil
}

// expected reports whether each row has to have the column: every one that is not
// optional, and what the first row has.
func (c *column) expected() bool { return !c.spec.Optional || c.given }

// keysError words that a row has other names than it has to have.
func (r *rows) keysError(row []byte) error {
	var names []string
	for i := range r.columns {
		if c := &r.columns[i]; c.expected() {
			names = append(names, c.spec.Name)
		}
	}
	slices.Sort(names)
	return errorf("Failed to process element: %d of 'instances' list. JSON object: %s keys must be equal to: %s", r.count, brief(row), strings.Join(names, ","))
}

// wrap words which row it is whose value is wrong.
func (r *rows) wrap(key string, err error) error {
	own, is := errors.AsType[*Error](err)
	if !is || own.Unsupported {
		return err
	}
	return errorf("Failed to process element: %d%s of 'instances' list. Error: INVALID_ARGUMENT: %s", r.count, key, own.Text)
}

// add reads a row of a column.
func (r *rows) add(i int, value []byte) error {
	c := &r.columns[i]
	if c.rows > r.count {
		return errorf("duplicate key %q", c.spec.Name)
	}
	data, shape, err := jsontensor.AppendNested(c.data, r.shape[:0], value, c.spec.DType)
	if err != nil {
		return valueError(err, value, c.spec.DType)
	}
	r.shape = shape
	size, err := shape.Elements()
	if err != nil {
		return errorf("%v %v", err, shape)
	}
	switch {
	case c.rows == 0:
		c.given, c.shape, c.size = true, slices.Clone(shape), size
	case size != c.size:
		return errorf("Expecting tensor size: %d but got: %d", c.size, size)
	case !shape.Equal(c.shape):
		return errorf("Expecting shape %v but got: %v", c.shape, shape)
	}
	c.data = data
	c.rows++
	return nil
}

// tensors returns what was read.
func (r *rows) tensors() []tensor.Tensor {
	all := make([]tensor.Tensor, 0, len(r.columns))
	for i := range r.columns {
		if c := &r.columns[i]; c.rows > 0 {
			shape := append(tensor.Shape{c.rows}, c.shape...)
			all = append(all, tensor.Tensor{Name: c.spec.Name, DType: c.spec.DType, Shape: shape, Data: c.data})
		}
	}
	return all
}
