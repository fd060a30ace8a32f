package tfjson

import (
	"fmt"
	"strings"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// Format is how the tensors of a predict body are laid out, and so those of its answer.
type Format int

// The formats.
const (
	Row    Format = iota // instances and predictions: a list of rows, each with a part of every tensor
	Column               // inputs and outputs: whole tensors
)

// DefaultSignature is the only signature that there is: a model that is no SavedModel
// has one way to be called.
const DefaultSignature = "serving_default"

// DecodePredict reads the body of a predict request to a model with the given inputs.
// The tensors are in the order of inputs, without those that are optional and not
// there; their shapes are as the body has them, whatever those of inputs say. They
// share no memory with body.
//
// Only the first JSON value of body counts. The error is an *Error.
func DecodePredict(body []byte, inputs []tensor.Spec) ([]tensor.Tensor, Format, error) {
	var instances, columns []byte
	err := members(body, map[string]*[]byte{"instances": &instances, "inputs": &columns})
	switch {
	case err != nil:
		return nil, Row, err
	case len(inputs) == 0:
		return nil, Row, errorf("Failed to get input map for signature: DEFAULT")
	case instances != nil && columns != nil:
		return nil, Row, errorf("JSON Value: %s Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ", brief(body))
	case instances != nil:
		tensors, err := decodeRows(body, instances, inputs)
		return tensors, Row, err
	case columns != nil:
		tensors, err := decodeColumns(columns, inputs)
		return tensors, Column, err
	}
	return nil, Row, errorf("Missing 'inputs' or 'instances' key")
}

// members takes a body apart: it puts the text of each member that is wanted where want
// says. It checks the signature.
func members(body []byte, want map[string]*[]byte) error {
	if len(body) == 0 {
		return errorf("JSON Parse error: The document is empty")
	}
	var signature []byte
	want["signature_name"] = &signature
	err := jsontensor.LeadingMembers(body, func(name, value []byte) error {
		to := want[string(name)]
		if to == nil {
			return nil
		}
		if *to != nil {
			return errorf("JSON Parse error: duplicate key %q", name)
		}
		*to = value
		return nil
	})
	if err != nil {
		return parseError(err, body)
	}
	if signature == nil {
		return nil
	}
	switch name, is := jsontensor.Text(signature); {
	case !is:
		return errorf("JSON Value: %s not formatted correctly. 'signature_name' key must be a string value.", brief(body))
	case len(name) > 0 && string(name) != DefaultSignature:
		return errorf("Serving signature name: \"%.200s\" not found in signature def", name)
	}
	return nil
}

// sole returns the index of the input that a value without names is for: the only one,
// or the only one that has to be there; -1 if it is not clear.
func sole(inputs []tensor.Spec) int {
	if len(inputs) == 1 {
		return 0
	}
	found := -1
	for i := range inputs {
		switch {
		case inputs[i].Optional:
		case found >= 0:
			return -1
		default:
			found = i
		}
	}
	return found
}

// isObject reports whether a value is an object of names, and not a string in base64.
func isObject(value []byte) bool {
	if value[0] != '{' {
		return false
	}
	_, encoded := jsontensor.Base64(value)
	return !encoded
}

// decodeColumns reads the value of `inputs`.
func decodeColumns(text []byte, inputs []tensor.Spec) ([]tensor.Tensor, error) {
	if !isObject(text) {
		i := sole(inputs)
		if i < 0 {
			return nil, errorf("inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map")
		}
		t, err := decodeTensor(text, &inputs[i])
		if err != nil {
			return nil, err
		}
		return []tensor.Tensor{t}, nil
	}
	given := make(map[string][]byte, len(inputs))
	for i := range inputs {
		given[inputs[i].Name] = nil
	}
	err := jsontensor.Members(text, func(name, value []byte) error {
		earlier, known := given[string(name)]
		if earlier != nil {
			return errorf("JSON Parse error: duplicate key %q", name)
		}
		if known {
			given[string(name)] = value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	tensors := make([]tensor.Tensor, 0, len(inputs))
	for i := range inputs {
		value := given[inputs[i].Name]
		switch {
		case value == nil && inputs[i].Optional:
			continue
		case value == nil:
			return nil, errorf("Missing named input: %s in 'inputs' object.", inputs[i].Name)
		}
		t, err := decodeTensor(value, &inputs[i])
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, t)
	}
	return tensors, nil
}

// decodeTensor reads a value that is the whole tensor.
func decodeTensor(text []byte, spec *tensor.Spec) (tensor.Tensor, error) {
	data, shape, err := jsontensor.AppendNested(nil, tensor.Shape{}, text, spec.DType)
	if err != nil {
		return tensor.Tensor{}, valueError(err, text, spec.DType)
	}
	return tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: shape, Data: data}, nil
}

// TypeName returns TensorFlow's name of a data type, such as float or string. In upper
// case and behind DT_ it is the one in a model's metadata.
func TypeName(d tensor.DType) string {
	switch d {
	case tensor.FP16:
		return "half"
	case tensor.BF16:
		return "bfloat16"
	case tensor.FP32:
		return "float"
	case tensor.FP64:
		return "double"
	case tensor.Bytes:
		return "string"
	default:
		return strings.ToLower(d.String())
	}
}

// Error is what is wrong with a body or an answer, for the caller to read.
type Error struct {
	Text        string
	Unsupported bool // JSON does not carry the data type: not the body's fault
}

func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) error { return &Error{Text: fmt.Sprintf(format, args...)} }
