package value_test

import (
	"errors"
	"os"
	"testing"

	"galatea/internal/value"
	"galatea/tensor"
)

// files are those that the values of these tests name.
func files(name string) ([]byte, error) {
	switch name {
	case "four.json":
		return []byte("[[1, 2], [3, 4]]"), nil
	case "four.raw":
		return []byte("\x01\x02\x03\x04"), nil
	case "wide.npy": // two FP64: 0.5 and 300
		header := "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"
		return append([]byte("\x93NUMPY\x01\x00\x39\x00"+header), "\x00\x00\x00\x00\x00\x00\xe0\x3f\x00\x00\x00\x00\x00\xc0\x72\x40"...), nil
	default:
		return nil, os.ErrNotExist
	}
}

func numbers(d tensor.DType, values ...float64) string {
	var data []byte
	for _, v := range values {
		data, _ = tensor.AppendNumber(data, d, v)
	}
	return string(data)
}

func TestValuesBecomeTensorsOfTheirInput(t *testing.T) {
	const free = tensor.Dynamic
	for _, tt := range []struct {
		text     string
		d        tensor.DType
		takes    tensor.Shape
		batching bool
		shape    tensor.Shape
		data     string
	}{
		{"hello", tensor.Bytes, tensor.Shape{free}, true, tensor.Shape{1}, "\x05\x00\x00\x00hello"},
		{"", tensor.Bytes, tensor.Shape{free, 1}, true, tensor.Shape{1, 1}, "\x00\x00\x00\x00"},
		{`["a","b"]`, tensor.Bytes, tensor.Shape{free}, true, tensor.Shape{2}, "\x01\x00\x00\x00a\x01\x00\x00\x00b"},
		{"3", tensor.FP32, tensor.Shape{free, 1}, true, tensor.Shape{1, 1}, numbers(tensor.FP32, 3)},
		{"3", tensor.FP32, nil, false, nil, numbers(tensor.FP32, 3)},
		{"[1,2,3,4]", tensor.Int32, tensor.Shape{free, 4}, true, tensor.Shape{1, 4}, numbers(tensor.Int32, 1, 2, 3, 4)},
		{"[1,2,3,4]", tensor.Int32, tensor.Shape{free, 2}, true, tensor.Shape{2, 2}, numbers(tensor.Int32, 1, 2, 3, 4)},
		{"[1,2,3,4]", tensor.Int32, tensor.Shape{free, 2, 2}, true, tensor.Shape{1, 2, 2}, numbers(tensor.Int32, 1, 2, 3, 4)},
		{"[1,2,3]", tensor.Int32, tensor.Shape{free, free}, true, tensor.Shape{1, 3}, numbers(tensor.Int32, 1, 2, 3)},
		{"[[1,2],[3,4]]", tensor.Int8, tensor.Shape{free, 2}, true, tensor.Shape{2, 2}, "\x01\x02\x03\x04"},
		{"[1.5]", tensor.FP16, tensor.Shape{1}, false, tensor.Shape{1}, numbers(tensor.FP16, 1.5)},
		{"@four.json", tensor.Uint8, tensor.Shape{free, 2}, true, tensor.Shape{2, 2}, "\x01\x02\x03\x04"},
		{"@four.raw", tensor.Int16, tensor.Shape{free, 2}, true, tensor.Shape{1, 2}, "\x01\x02\x03\x04"},
		{"@four.raw", tensor.Bytes, tensor.Shape{free}, true, tensor.Shape{1}, "\x04\x00\x00\x00\x01\x02\x03\x04"},
		{"@wide.npy", tensor.FP32, tensor.Shape{free, 2}, true, tensor.Shape{1, 2}, numbers(tensor.FP32, 0.5, 300)},
	} {
		got, err := value.Parse(tensor.Spec{Name: "x", DType: tt.d, Shape: tt.takes}, tt.batching, tt.text, files)
		if err != nil || got.Name != "x" || got.DType != tt.d || !got.Shape.Equal(tt.shape) || string(got.Data) != tt.data {
			t.Errorf("%s for %v %v: %+v, %v", tt.text, tt.d, tt.takes, got, err)
		}
	}
}

func TestValuesThatDoNotFitAreRefused(t *testing.T) {
	for _, tt := range []struct {
		text  string
		d     tensor.DType
		takes tensor.Shape
		want  string
	}{
		{`{"inputs":[]}`, tensor.FP32, tensor.Shape{2, 2}, "input x: a value of FP32: got an object in JSON: expected a value or a list, such as the data of an input in a request"},
		{"[1,2,3]", tensor.FP32, tensor.Shape{2, 2}, "input x: it takes a shape of [2,2], got a value of shape [3]"},
		{"[[1,2,3]]", tensor.FP32, tensor.Shape{3}, "input x: it takes a shape of [3], got a value of shape [1,3]"},
		{"@wide.npy", tensor.Int8, tensor.Shape{2}, "input x: element 0 is 0.500000, which INT8 does not hold"},
		{"@wide.npy", tensor.Bytes, tensor.Shape{2}, "input x: it takes BYTES, got FP64"},
		{"@nothing.npy", tensor.FP32, tensor.Shape{2}, "input x: file does not exist"},
		{"@four.txt", tensor.FP32, tensor.Shape{2}, "input x: file does not exist"},
		{"@four.raw", tensor.FP64, tensor.Shape{2}, "input x: four.raw has 4 bytes: expected a multiple of 8, the size of FP64"},
	} {
		if got, err := value.Parse(tensor.Spec{Name: "x", DType: tt.d, Shape: tt.takes}, false, tt.text, files); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %+v, %v", tt.text, got, err)
		}
	}
	other := func(string) ([]byte, error) { return nil, nil }
	if _, err := value.Parse(tensor.Spec{Name: "x", DType: tensor.FP32}, false, "@a.txt", other); err == nil || err.Error() != `input x: a.txt: a file of kind ".txt": expected .npy, .json, .raw or .bin` {
		t.Error(err)
	}
	if _, err := value.Parse(tensor.Spec{Name: "x", DType: tensor.FP32}, false, "@a.json", files); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
