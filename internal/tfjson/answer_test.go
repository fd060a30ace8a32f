package tfjson

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"galatea/tensor"
)

// le returns numbers as a tensor's bytes.
func le[T any](values ...T) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return b
}

func bytesOf(values ...string) (b []byte) {
	for _, s := range values {
		b = tensor.AppendString(b, s)
	}
	return b
}

func out(name string, d tensor.DType, data []byte, shape ...int64) tensor.Tensor {
	return tensor.Tensor{Name: name, DType: d, Shape: shape, Data: data}
}

func TestPredictAnswers(t *testing.T) {
	matrix := out("y", tensor.Int32, le[int32](1, 2, 3, 4, 5, 6), 3, 2)
	for _, tt := range []struct {
		name    string
		outputs []tensor.Tensor
		row     string // "": not possible
		column  string
	}{
		{"one output", []tensor.Tensor{matrix}, `{"predictions":[[1,2],[3,4],[5,6]]}`, `{"outputs":[[1,2],[3,4],[5,6]]}`},
		{"several outputs", []tensor.Tensor{matrix, out("b", tensor.Bool, []byte{1, 0, 1}, 3)}, `{"predictions":[{"y":[1,2],"b":true},{"y":[3,4],"b":false},{"y":[5,6],"b":true}]}`, `{"outputs":{"y":[[1,2],[3,4],[5,6]],"b":[true,false,true]}}`},
		{"numbers", []tensor.Tensor{out("y", tensor.Int64, le[int64](math.MinInt64, 2), 2)}, `{"predictions":[-9223372036854775808,2]}`, `{"outputs":[-9223372036854775808,2]}`},
		{"strings", []tensor.Tensor{out("s", tensor.Bytes, bytesOf("a\"", "\xffé"), 2)}, `{"predictions":["a\"","\ufffdé"]}`, `{"outputs":["a\"","\ufffdé"]}`},
		{"bytes", []tensor.Tensor{out("s_bytes", tensor.Bytes, bytesOf("hello", "\xff", ""), 3, 1)}, `{"predictions":[[{"b64":"aGVsbG8="}],[{"b64":"/w=="}],[{"b64":""}]]}`, `{"outputs":[[{"b64":"aGVsbG8="}],[{"b64":"/w=="}],[{"b64":""}]]}`},
		{"numbers in an output called so", []tensor.Tensor{out("n_bytes", tensor.Uint8, []byte{7}, 1)}, `{"predictions":[7]}`, `{"outputs":[7]}`},
		{"no rows", []tensor.Tensor{out("y", tensor.FP32, nil, 0, 3)}, `{"predictions":[]}`, `{"outputs":[]}`},
		{"no rows of several", []tensor.Tensor{out("y", tensor.FP32, nil, 0, 3), out("z", tensor.FP32, nil, 0)}, `{"predictions":[]}`, `{"outputs":{"y":[],"z":[]}}`},
		{"rows of nothing", []tensor.Tensor{out("y", tensor.FP32, nil, 2, 0)}, `{"predictions":[[],[]]}`, `{"outputs":[[],[]]}`},
		{"a scalar", []tensor.Tensor{out("y", tensor.FP64, le(0.5))}, "", `{"outputs":0.5}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for format, want := range map[Format]string{Row: tt.row, Column: tt.column} {
				if want == "" {
					continue
				}
				if got, err := AppendPredict([]byte("-"), tt.outputs, format); err != nil || string(got) != "-"+want {
					t.Errorf("got  %s, %v\nwant %s", got, err, want)
				}
			}
		})
	}
}

func TestPredictAnswersThatCannotBe(t *testing.T) {
	matrix := out("y", tensor.Int32, le[int32](1, 2), 2, 1)
	for _, tt := range []struct {
		name    string
		outputs []tensor.Tensor
		format  Format
		own     bool // an *Error
		want    string
	}{
		{"none", nil, Row, true, "Cannot convert empty tensor map to JSON"},
		{"a scalar in rows", []tensor.Tensor{matrix, out("z", tensor.Int8, []byte{1})}, Row, true, "Tensor name: z has no shape information "},
		{"different rows", []tensor.Tensor{matrix, out("z", tensor.Int8, []byte{1}, 1)}, Row, true, "Tensor name: z has inconsistent batch size: 1 expecting: 2"},
		{"a type that JSON does not carry", []tensor.Tensor{matrix, out("z", tensor.FP16, []byte{1, 2}, 1)}, Column, true, "Failed to write JSON value for tensor type: half"},
		{"nothing in very many lists", []tensor.Tensor{out("z", tensor.FP32, nil, 2, 1<<40, 0)}, Column, true, "Tensor name: z of shape [2,1099511627776,0] has no elements, but more than 65536 lists"},
		{"nothing in too many lists", []tensor.Tensor{out("z", tensor.FP32, nil, 256, 256, 0)}, Row, true, "Tensor name: z of shape [256,256,0] has no elements, but more than 65536 lists"},
		{"too few bytes", []tensor.Tensor{out("z", tensor.FP32, []byte{1, 2, 3}, 1)}, Row, false, `tensor "z" of type FP32 and shape [1] has 0 elements`},
		{"too few strings", []tensor.Tensor{out("z", tensor.Bytes, bytesOf("a"), 2)}, Row, false, `tensor "z" of type BYTES and shape [2] has 1 elements`},
		{"broken strings", []tensor.Tensor{out("z", tensor.Bytes, []byte{1}, 1)}, Row, false, `tensor "z": malformed BYTES data: incomplete string length indicator`},
		{"no shape", []tensor.Tensor{out("z", tensor.FP32, nil, -1)}, Row, false, `tensor "z" has the shape [-1]: invalid shape`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendPredict([]byte("-"), tt.outputs, tt.format)
			if _, own := errors.AsType[*Error](err); err == nil || err.Error() != tt.want || own != tt.own || string(got) != "-" {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestFloatsAreWrittenAsTensorFlowServingDoes(t *testing.T) {
	for _, tt := range []struct {
		f    float64
		bits int
		want string
	}{
		{9000000, 32, "9e+06"},
		{999999, 32, "999999.0"},
		{0.5, 32, "0.5"},
		{.0003, 32, "0.0003"},
		{.00003, 32, "3e-05"},
		{555557.5, 32, "555557.5"},
		{0, 32, "0.0"},
		{math.Copysign(0, -1), 32, "-0.0"},
		{1, 32, "1.0"},
		{-12, 64, "-12.0"},
		{100000, 32, "100000.0"},
		{1e6, 64, "1e+06"},
		{0.1, 32, "0.1"},
		{0.1, 64, "0.1"},
		{1.0 / 3, 32, "0.333333343"},
		{1.0 / 3, 64, "0.33333333333333331"},
		{16777216, 32, "16777216.0"},
		{1234567, 64, "1234567.0"},
		{1e21, 32, "1e+21"},
		{5e-324, 64, "4.94066e-324"},
		{math.MaxFloat32, 32, "3.40282347e+38"},
		{math.NaN(), 32, "NaN"},
		{math.Inf(1), 64, "Infinity"},
		{math.Inf(-1), 32, "-Infinity"},
	} {
		if tt.bits == 32 {
			tt.f = float64(float32(tt.f))
		}
		if got := string(appendFloat(nil, tt.f, tt.bits)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
