package jsontensor

import (
	"errors"
	"math"
	"strings"
	"testing"

	"galatea/tensor"
)

func TestAppendArray(t *testing.T) {
	tests := []struct {
		name  string
		dtype tensor.DType
		shape tensor.Shape
		data  []byte
		want  string
	}{
		{"floats in the shortest form", tensor.FP32, tensor.Shape{2, 2}, le[float32](0.1, -2.5, 1.0/3, 16777216), "[0.1,-2.5,0.33333334,16777216.0]"},
		{"whole floats with a point", tensor.FP32, tensor.Shape{4}, le(0, math.Float32frombits(1<<31), -7, 16777215), "[0.0,-0.0,-7.0,16777215.0]"},
		{"very large and very small floats", tensor.FP32, tensor.Shape{5}, le[float32](1e20, 1e21, math.MaxFloat32, 1.5e-6, 1.5e-7), "[100000000000000000000.0,1e+21,3.4028235e+38,0.0000015,1.5e-07]"},
		{"subnormal floats", tensor.FP32, tensor.Shape{1}, le(math.Float32frombits(1)), "[1e-45]"},
		{"what is no number", tensor.FP32, tensor.Shape{3}, le(float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))), "[NaN,Infinity,-Infinity]"},
		{"FP64", tensor.FP64, tensor.Shape{5}, le(0.1, 1e16, -5e-324, math.Inf(-1), 9007199254740993), "[0.1,10000000000000000.0,-5e-324,-Infinity,9007199254740992.0]"},
		{"BOOL", tensor.Bool, tensor.Shape{3}, []byte{0, 1, 2}, "[false,true,true]"},
		{"UINT8", tensor.Uint8, tensor.Shape{2}, le[uint8](0, 255), "[0,255]"},
		{"UINT16", tensor.Uint16, tensor.Shape{1}, le[uint16](65535), "[65535]"},
		{"UINT32", tensor.Uint32, tensor.Shape{1}, le[uint32](math.MaxUint32), "[4294967295]"},
		{"UINT64", tensor.Uint64, tensor.Shape{1}, le[uint64](math.MaxUint64), "[18446744073709551615]"},
		{"INT8", tensor.Int8, tensor.Shape{2}, le[int8](-128, 127), "[-128,127]"},
		{"INT16", tensor.Int16, tensor.Shape{1}, le[int16](-32768), "[-32768]"},
		{"INT32", tensor.Int32, tensor.Shape{1}, le[int32](math.MinInt32), "[-2147483648]"},
		{"INT64", tensor.Int64, tensor.Shape{1}, le[int64](math.MinInt64), "[-9223372036854775808]"},
		{"a scalar", tensor.Int64, tensor.Shape{}, le[int64](5), "[5]"},
		{"no elements", tensor.FP32, tensor.Shape{0, 3}, nil, "[]"},
		{"no strings", tensor.Bytes, tensor.Shape{0}, nil, "[]"},
		{"strings", tensor.Bytes, tensor.Shape{4}, stringsOf("", "a\"b\\c", "<grün & 😀>", "\b\f\n\r\t\x00\x1f\x7f"), `["","a\"b\\c","<grün & 😀>","\b\f\n\r\t\u0000\u001f` + "\x7f" + `"]`},
		{"strings that are not UTF-8", tensor.Bytes, tensor.Shape{3}, stringsOf("a\xffb", "\xc3", "\xed\xa0\x80"), `["a\ufffdb","\ufffd","\ufffd\ufffd\ufffd"]`},
		{"a replacement character that was there", tensor.Bytes, tensor.Shape{1}, stringsOf("\ufffd"), "[\"\ufffd\"]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := AppendArray([]byte("before"), tensor.Tensor{DType: test.dtype, Shape: test.shape, Data: test.data})
			if err != nil {
				t.Fatal(err)
			}
			if want := "before" + test.want; string(got) != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

func TestAppendArrayRefuses(t *testing.T) {
	tests := []struct {
		name   string
		tensor tensor.Tensor
		text   string
	}{
		{"FP16", tensor.Tensor{DType: tensor.FP16, Shape: tensor.Shape{1}, Data: []byte{0, 0}}, "data type is not supported in JSON: FP16"},
		{"BF16", tensor.Tensor{DType: tensor.BF16, Shape: tensor.Shape{1}, Data: []byte{0, 0}}, "data type is not supported in JSON: BF16"},
		{"no type", tensor.Tensor{}, "data type is not supported in JSON: INVALID"},
		{"too little data", tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{2}, Data: make([]byte, 7)}, `tensor "y" of type FP32 and shape [2] has 7 bytes`},
		{"a shape that is none", tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{-1}, Data: make([]byte, 4)}, `tensor "y" of type FP32 and shape [-1] has 4 bytes`},
		{"too many strings", tensor.Tensor{Name: "y", DType: tensor.Bytes, Shape: tensor.Shape{1}, Data: stringsOf("a", "b")}, `tensor "y" of type BYTES and shape [1] has 2 elements`},
		{"a length that lies", tensor.Tensor{Name: "y", DType: tensor.Bytes, Shape: tensor.Shape{2}, Data: append(stringsOf("a"), 9, 0, 0, 0, 'b')}, `tensor "y": element 1: malformed BYTES data: an element of 9 bytes, 1 left`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := AppendArray([]byte("before"), test.tensor)
			if err == nil || err.Error() != test.text {
				t.Fatalf("got %v\nwant %s", err, test.text)
			}
			if string(got) != "before" {
				t.Errorf("got %q beside the error", got)
			}
			if strings.Contains(test.text, "not supported") != errors.Is(err, ErrUnsupported) {
				t.Errorf("%v: wrong kind of error", err)
			}
		})
	}
}

func TestAppendArrayAllocations(t *testing.T) {
	dst := make([]byte, 0, 1<<16)
	for _, d := range tensor.DTypes() {
		if supported(d) != nil {
			continue
		}
		values := tensor.Tensor{DType: d, Shape: tensor.Shape{1000}, Data: make([]byte, 1000*max(4, d.Size()))}
		if d.Size() > 0 {
			values.Data = values.Data[:1000*d.Size()]
		}
		if n := testing.AllocsPerRun(10, func() { AppendArray(dst, values) }); n != 0 {
			t.Errorf("%v: %v allocations", d, n)
		}
	}
}
