package tfjson

import (
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// TakesExamples reports whether the input of a model can be made of a feature of each
// example: behind the first dimension, which the examples make, none may be dynamic, but
// for the only one.
func TakesExamples(input tensor.Spec) bool {
	return len(input.Shape) == 2 || len(input.Shape) > 0 && input.Shape[1:].Static()
}

// DecodeExamples reads the body of a classify or regress request to a model whose sole
// input TakesExamples. The feature with its name holds the input's elements for an
// example, in a flat list; the others are checked and dropped. A feature of the context
// is every example's that has none of that name itself.
//
// An input of floats takes integers as well, other than TensorFlow Serving's; one of
// integers takes true and false as 1 and 0. Only the first JSON value of body counts.
// The error is an *Error.
func DecodeExamples(body []byte, method string, input tensor.Spec) (tensor.Tensor, error) {
	var text, context []byte
	if err := members(body, map[string]*[]byte{"examples": &text, "context": &context}); err != nil {
		return tensor.Tensor{}, err
	}
	e := examples{input: input, limit: 8*len(body) + mostShared}
	if context != nil {
		if err := e.context(context); err != nil {
			return tensor.Tensor{}, err
		}
	}
	switch {
	case text == nil:
		return tensor.Tensor{}, errorf("JSON Value: %s When method is %s, key 'examples' is expected and was not found", brief(body), method)
	case text[0] != '[':
		return tensor.Tensor{}, errorf("JSON Value: %s Expecting 'examples' value to be an list/array", brief(body))
	}
	if err := jsontensor.Elements(text, e.add); err != nil {
		return tensor.Tensor{}, err
	}
	if e.count == 0 {
		return tensor.Tensor{}, errorf("JSON Value: %s 'examples' value is an empty array", brief(body))
	}
	shape := append(tensor.Shape{e.count}, e.shape...)
	return tensor.Tensor{Name: input.Name, DType: input.DType, Shape: shape, Data: e.data}, nil
}

// mostShared bounds what a feature of the context becomes in all examples together,
// which may be far more than the body: this much, and eight times the body.
const mostShared = 1 << 20

// examples joins a feature of each example to a tensor.
type examples struct {
	input  tensor.Spec
	limit  int     // of data, in bytes
	shared *vector // of the context; nil: it has none
	data   []byte
	count  int64        // examples
	shape  tensor.Shape // of each
}

// vector is the elements of a feature.
type vector struct {
	data []byte
	size int64
}

// context reads the features that all examples have.
func (e *examples) context(text []byte) error {
	feature, err := e.feature(text)
	if err != nil || feature == nil {
		return err
	}
	e.shared = &vector{}
	return e.read(feature, e.shared)
}

// feature checks an example and returns the text of the feature that is wanted, nil if
// it is not there.
func (e *examples) feature(text []byte) (found []byte, err error) {
	if text[0] != '{' {
		return nil, errorf("Example must be JSON object but got JSON %s", jsonType(text[0]))
	}
	err = jsontensor.Members(text, func(name, value []byte) error {
		if err := eachValue(value, func(v []byte) error { return checkFeature(name, v) }); err != nil {
			return err
		}
		if string(name) != e.input.Name {
			return nil
		}
		if found != nil {
			return errorf("JSON Parse error: duplicate key %q", name)
		}
		found = value
		return nil
	})
	return found, err
}

// eachValue calls do with each value of a feature, which may be just one.
func eachValue(feature []byte, do func(value []byte) error) error {
	if feature[0] != '[' {
		return do(feature)
	}
	return jsontensor.Elements(feature, do)
}

// checkFeature refuses what is no value of any feature.
func checkFeature(name, value []byte) error {
	if value[0] == 'n' || value[0] == '[' || isObject(value) {
		return errorf("Feature: %s has element with unexpected JSON type: %s", brief(name), jsonType(value[0]))
	}
	return nil
}

// add reads an example.
func (e *examples) add(text []byte) error {
	feature, err := e.feature(text)
	if err != nil {
		return err
	}
	size := int64(0)
	switch {
	case feature != nil:
		v := vector{data: e.data}
		if err := e.read(feature, &v); err != nil {
			return err
		}
		e.data, size = v.data, v.size
	case e.shared == nil:
		return errorf("Feature: %s (data type: %s) is required but could not be found.", e.input.Name, TypeName(e.input.DType))
	case len(e.data)+len(e.shared.data) > e.limit:
		return errorf("Feature: %s of the context is too large for so many examples: expected at most %d bytes in all", e.input.Name, e.limit)
	default:
		e.data, size = append(e.data, e.shared.data...), e.shared.size
	}
	return e.fits(size)
}

// fits counts an example, if its feature has as many values as it has to have.
func (e *examples) fits(size int64) error {
	if e.count == 0 {
		if e.shape = e.input.Shape[1:]; !e.shape.Static() {
			e.shape = tensor.Shape{size}
		}
	}
	if want, err := e.shape.Elements(); err != nil || size != want {
		return errorf("Key: %s.  Number of %s values != expected.  Values size: %d but output shape: %v", e.input.Name, TypeName(e.input.DType), size, e.shape)
	}
	e.count++
	return nil
}

// read appends the values of the feature that is wanted to v.
func (e *examples) read(feature []byte, v *vector) error {
	return eachValue(feature, func(value []byte) error {
		v.size++
		return e.value(value, v)
	})
}

// value appends one of them.
func (e *examples) value(text []byte, v *vector) error {
	kind := kindOf(e.input.DType)
	if kind == integers && text[0] == 't' {
		text = []byte{'1'}
	} else if kind == integers && text[0] == 'f' {
		text = []byte{'0'}
	}
	if !kind.takes(jsonType(text[0])) {
		return errorf("Unexpected element type in feature: %s expecting type: %s", e.input.Name, TypeName(e.input.DType))
	}
	data, _, err := jsontensor.AppendNested(v.data, nil, text, e.input.DType)
	if err != nil {
		return valueError(err, text, e.input.DType)
	}
	v.data = data
	return nil
}

// kind is what features of a data type are.
type kind int

const (
	floats kind = iota
	integers
	booleans
	texts
)

func kindOf(d tensor.DType) kind {
	switch d {
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		return floats
	case tensor.Bool:
		return booleans
	case tensor.Bytes:
		return texts
	default:
		return integers
	}
}

// takes reports whether a JSON value of a type may stand for such a feature.
func (k kind) takes(jsonType string) bool {
	switch k {
	case booleans:
		return jsonType == "True" || jsonType == "False"
	case texts:
		return jsonType == "String" || jsonType == "Object"
	default:
		return jsonType == "Number"
	}
}

// AppendClassifications appends the answer to a classify request: for each row of
// scores, of which there have to be two dimensions, each class with its score. A class
// that has no label has an empty one.
func AppendClassifications(dst []byte, scores tensor.Tensor, labels []string) ([]byte, error) {
	var v values
	if err := v.of(scores); err != nil {
		return dst, err
	}
	if len(scores.Shape) != 2 {
		return dst, errorf("Expected Tensor shape: [batch_size num_classes] but got %v", scores.Shape)
	}
	dst = append(dst, `{"results":[`...)
	for row := range scores.Shape[0] {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for class := range scores.Shape[1] {
			if class > 0 {
				dst = append(dst, ',')
			}
			label := ""
			if class < int64(len(labels)) {
				label = labels[class]
			}
			dst = jsontensor.AppendString(append(dst, '['), []byte(label))
			dst = append(v.next(append(dst, ',')), ']')
		}
		dst = append(dst, ']')
	}
	return append(dst, ']', '}'), nil
}

// AppendRegressions appends the answer to a regress request: the value of each row.
// There have to be as many values as rows.
func AppendRegressions(dst []byte, results tensor.Tensor) ([]byte, error) {
	var v values
	if err := v.of(results); err != nil {
		return dst, err
	}
	if n := len(results.Shape); n == 0 || n > 2 || n == 2 && results.Shape[1] != 1 {
		return dst, errorf("Expected output regression Tensor shape to be [batch_size] or [batch_size, 1] but got %v", results.Shape)
	}
	out := v.append(append(dst, `{"results":`...), results.Shape[:1])
	return append(out, '}'), nil
}
