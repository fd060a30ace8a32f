package tensor_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"galatea/tensor"
)

// list makes a tensor of one dimension of numbers; data of any fixed size fits.
func list[T any](d tensor.DType, all ...T) tensor.Tensor {
	data, err := binary.Append(nil, binary.LittleEndian, all)
	if err != nil {
		panic(err)
	}
	return tensor.Tensor{DType: d, Shape: tensor.Shape{int64(len(all))}, Data: data}
}

func words(all ...string) tensor.Tensor {
	return tensor.Tensor{DType: tensor.Bytes, Shape: tensor.Shape{int64(len(all))}, Data: strs(all...)}
}

// shaped is t in another shape.
func shaped(t tensor.Tensor, shape ...int64) tensor.Tensor {
	t.Shape = shape
	return t
}

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

func TestCompareFindsWhatDiffersMost(t *testing.T) {
	none := tensor.Difference{Index: -1}
	for _, tt := range []struct {
		name      string
		got, want tensor.Tensor
		tolerance tensor.Tolerance
		expected  tensor.Difference
	}{
		{"equal floats -> nothing", list(tensor.FP32, float32(1), 2), list(tensor.FP32, float32(1), 2), tensor.Tolerance{}, tensor.Difference{Elements: 2, Index: -1}},
		{"no elements -> nothing", list[float32](tensor.FP32), list[float32](tensor.FP32), tensor.Tolerance{}, none},
		{"both zeros are the same", list(tensor.FP64, 0.0), list(tensor.FP64, math.Copysign(0, -1)), tensor.Tolerance{}, tensor.Difference{Elements: 1, Index: -1}},
		{"NaN is the same as NaN", list(tensor.FP64, nan), list(tensor.FP64, nan), tensor.Tolerance{}, tensor.Difference{Elements: 1, Index: -1}},
		{"an infinity is the same as itself", list(tensor.FP64, inf, -inf), list(tensor.FP64, inf, -inf), tensor.Tolerance{}, tensor.Difference{Elements: 2, Index: -1}},
		{
			"the infinities differ, however much is allowed",
			list(tensor.FP64, inf), list(tensor.FP64, -inf),
			tensor.Tolerance{Absolute: inf, Relative: 1},
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: inf, Allowed: inf, Got: "+Inf", Want: "-Inf"},
		},
		{
			"an infinity is near to no number",
			list(tensor.FP32, float32(inf)), list(tensor.FP32, float32(7)), tensor.DefaultTolerance(tensor.FP32),
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: inf, Allowed: 1e-5, Got: "+Inf", Want: "7"},
		},
		{
			"NaN beside a number differs more than any numbers",
			list(tensor.FP64, 1e300, nan), list(tensor.FP64, -1e300, 1),
			tensor.Tolerance{},
			tensor.Difference{Elements: 2, Beyond: 2, Index: 1, Largest: inf, Got: "NaN", Want: "1"},
		},
		{
			"within the tolerance -> the largest difference all the same",
			list(tensor.FP64, 1, 2.5, 4), list(tensor.FP64, 1.25, 2, 4),
			tensor.Tolerance{Absolute: 1},
			tensor.Difference{Elements: 3, Index: 1, Largest: 0.5, Allowed: 1, Got: "2.5", Want: "2"},
		},
		{
			"at the tolerance -> allowed",
			list(tensor.FP64, 3.0), list(tensor.FP64, 4.0),
			tensor.Tolerance{Absolute: 0.5, Relative: 0.125},
			tensor.Difference{Elements: 1, Index: 0, Largest: 1, Allowed: 1, Got: "3", Want: "4"},
		},
		{
			"beyond the tolerance -> before a larger one that is allowed",
			list(tensor.FP64, 1000.0, 1), list(tensor.FP64, 990.0, 2),
			tensor.Tolerance{Relative: 0.25},
			tensor.Difference{Elements: 2, Beyond: 1, Index: 1, Largest: 1, Allowed: 0.5, Got: "1", Want: "2"},
		},
		{
			"the same beside one that was found before",
			list(tensor.FP64, 1, 1000.0, 5), list(tensor.FP64, 2, 990.0, 7),
			tensor.Tolerance{Relative: 0.25},
			tensor.Difference{Elements: 3, Beyond: 2, Index: 2, Largest: 2, Allowed: 1.75, Got: "5", Want: "7"},
		},
		{
			"of several -> the first",
			list(tensor.FP64, 1.0, 2, 3), list(tensor.FP64, 1.0, 3, 4),
			tensor.Tolerance{},
			tensor.Difference{Elements: 3, Beyond: 2, Index: 1, Largest: 1, Got: "2", Want: "3"},
		},
		{
			"a tolerance that is no number allows nothing",
			list(tensor.FP64, 1.0), list(tensor.FP64, 1.5),
			tensor.Tolerance{Absolute: nan},
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: 0.5, Allowed: nan, Got: "1", Want: "1.5"},
		},
		{
			"large integers -> exact",
			list(tensor.Int64, int64(math.MaxInt64)), list(tensor.Int64, int64(math.MaxInt64-1)), tensor.DefaultTolerance(tensor.Int64),
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: 1, Got: "9223372036854775807", Want: "9223372036854775806"},
		},
		{
			"the farthest integers -> no overflow",
			list(tensor.Int64, int64(math.MinInt64)), list(tensor.Int64, int64(math.MaxInt64)),
			tensor.Tolerance{},
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: 1 << 64, Got: "-9223372036854775808", Want: "9223372036854775807"},
		},
		{
			"unsigned integers",
			list(tensor.Uint64, uint64(0), math.MaxUint64), list(tensor.Uint64, uint64(0), 1),
			tensor.Tolerance{},
			tensor.Difference{Elements: 2, Beyond: 1, Index: 1, Largest: 1 << 64, Got: "18446744073709551615", Want: "1"},
		},
		{
			"integers within a tolerance, as of quantized models",
			list(tensor.Int8, int8(-128), 127), list(tensor.Int8, int8(-127), 127),
			tensor.Tolerance{Absolute: 1},
			tensor.Difference{Elements: 2, Index: 0, Largest: 1, Allowed: 1, Got: "-128", Want: "-127"},
		},
		{
			"booleans -> their truth, whatever is allowed",
			list(tensor.Bool, uint8(1), 0), list(tensor.Bool, uint8(255), 1),
			tensor.Tolerance{Absolute: 9},
			tensor.Difference{Elements: 2, Beyond: 1, Index: 1, Largest: inf, Allowed: 9, Got: "false", Want: "true"},
		},
		{
			"strings of other lengths",
			words("a", "", "c"), words("a", "bcd", "c"),
			tensor.Tolerance{},
			tensor.Difference{Elements: 3, Beyond: 1, Index: 1, Largest: inf, Got: `""`, Want: `"bcd"`},
		},
		{
			"long strings -> cut",
			words(strings.Repeat("a", 61)), words(strings.Repeat("b", 60)),
			tensor.Tolerance{},
			tensor.Difference{Elements: 1, Beyond: 1, Index: 0, Largest: inf, Got: `"` + strings.Repeat("a", 60) + `"`, Want: `"` + strings.Repeat("b", 60) + `"`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := tensor.Compare(tt.got, tt.want, tt.tolerance)
			if err != nil {
				t.Fatal(err)
			}
			if math.IsNaN(found.Allowed) && math.IsNaN(tt.expected.Allowed) {
				found.Allowed, tt.expected.Allowed = 0, 0
			}
			if math.Abs(found.Allowed-tt.expected.Allowed) < 1e-12 {
				found.Allowed = tt.expected.Allowed
			}
			if found != tt.expected {
				t.Errorf("\n got %+v\nwant %+v", found, tt.expected)
			}
		})
	}
}

func TestFloatsAreWidenedExactly(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    tensor.DType
		bits uint16
		want string
	}{
		{"one half", tensor.FP16, 0x3800, "0.5"},
		{"minus two", tensor.FP16, 0xc000, "-2"},
		{"the largest", tensor.FP16, 0x7bff, "65504"},
		{"the least normal one", tensor.FP16, 0x0400, "6.1035156e-05"},
		{"the least of all", tensor.FP16, 0x0001, "5.9604645e-08"},
		{"minus the largest subnormal one", tensor.FP16, 0x83ff, "-6.097555e-05"},
		{"an infinity", tensor.FP16, 0xfc00, "-Inf"},
		{"no number", tensor.FP16, 0xfe01, "NaN"},
		{"one in bfloat16", tensor.BF16, 0x3f80, "1"},
		{"about pi in bfloat16", tensor.BF16, 0xc049, "-3.140625"},
		{"an infinity in bfloat16", tensor.BF16, 0x7f80, "+Inf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := tensor.Compare(list(tt.d, tt.bits), list(tt.d, uint16(0x1234)), tensor.Tolerance{})
			if err != nil || found.Got != tt.want || found.Beyond != 1 {
				t.Errorf("got %+v, %v, want %s", found, err, tt.want)
			}
		})
	}
}

func TestTheDefaultAllowsWhatAnotherKernelChanges(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want tensor.Tensor
		same      bool
	}{
		{"the last digit of FP32", list(tensor.FP32, float32(0.1)), list(tensor.FP32, float32(0.10000001)), true},
		{"a hundredth of FP32", list(tensor.FP32, float32(0.1)), list(tensor.FP32, float32(0.101)), false},
		{"next to nothing and nothing", list(tensor.FP32, float32(1e-6)), list(tensor.FP32, float32(0)), true},
		{"a millionth of FP64", list(tensor.FP64, 1.0), list(tensor.FP64, 1+1e-6), true},
		{"a thousandth of FP64", list(tensor.FP64, 1.0), list(tensor.FP64, 1.001), false},
		{"the last digits of FP16", list(tensor.FP16, uint16(0x3c00)), list(tensor.FP16, uint16(0x3c05)), true},
		{"a tenth of FP16", list(tensor.FP16, uint16(0x3c00)), list(tensor.FP16, uint16(0x3c80)), false},
		{"the last digits of BF16", list(tensor.BF16, uint16(0x3f80)), list(tensor.BF16, uint16(0x3f85)), true},
		{"a quarter of BF16", list(tensor.BF16, uint16(0x3f80)), list(tensor.BF16, uint16(0x3fa0)), false},
		{"one of INT32", list(tensor.Int32, int32(1000)), list(tensor.Int32, int32(1001)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := tensor.Compare(tt.got, tt.want, tensor.DefaultTolerance(tt.got.DType))
			if err != nil || (found.Beyond == 0) != tt.same {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	one := list(tensor.FP32, float32(1))
	for _, tt := range []struct {
		name      string
		got, want tensor.Tensor
		text      string
	}{
		{"another type", list(tensor.Int32, int32(1)), one, "got type INT32, expected FP32"},
		{"another length", list(tensor.FP32, float32(1), 2), one, "got shape [2], expected [1]"},
		{"another rank", shaped(one, 1, 1), one, "got shape [1,1], expected [1]"},
		{"no type", tensor.Tensor{}, tensor.Tensor{}, "tensors of type INVALID cannot be compared"},
		{"a shape that is none", shaped(one, -1), shaped(one, -1), "invalid shape: [-1]"},
		{"more bytes than there can be", shaped(one, 1<<62), shaped(one, 1<<62), "got 4 bytes for FP32 of shape [4611686018427387904], expected 0"},
		{"too few bytes", shaped(one, 2), list(tensor.FP32, float32(1), 2), "got 4 bytes for FP32 of shape [2], expected 8"},
		{"too few bytes on the other side", list(tensor.FP32, float32(1), 2), shaped(one, 2), "what is expected has 4 bytes for FP32 of shape [2], expected 8"},
		{"too few strings", shaped(words("a"), 2), words("a", "b"), "got 1 strings for shape [2], expected 2"},
		{"half a string", tensor.Tensor{DType: tensor.Bytes, Shape: tensor.Shape{1}, Data: []byte{1}}, words("b"), "got malformed BYTES data: incomplete string length indicator"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if found, err := tensor.Compare(tt.got, tt.want, tensor.Tolerance{}); err == nil || err.Error() != tt.text {
				t.Errorf("got %+v, %v, want %s", found, err, tt.text)
			}
			if _, _, err := tensor.Labels(tt.got, tt.want); err == nil || err.Error() != tt.text {
				t.Errorf("labels: got %v, want %s", err, tt.text)
			}
		})
	}
}

func TestLabelsAreTheLargestElements(t *testing.T) {
	for _, tt := range []struct {
		name        string
		got, want   tensor.Tensor
		agree, rows int
	}{
		{"other scores, the same class", list(tensor.FP32, float32(1), 5, 2), list(tensor.FP32, float32(0), 9, 8), 1, 1},
		{"another class in one of two rows", shaped(list(tensor.FP32, float32(1), 5, 5, 1), 2, 2), shaped(list(tensor.FP32, float32(1), 5, 1, 5), 2, 2), 1, 2},
		{"rows of more axes", shaped(list(tensor.FP64, 1., 2, 3, 4, 5, 6, 8, 7), 2, 2, 2), shaped(list(tensor.FP64, 1., 2, 3, 4, 5, 6, 7, 8), 2, 2, 2), 3, 4},
		{"equal elements -> the first", list(tensor.FP64, 3., 3, 1), list(tensor.FP64, 3., 2, 1), 1, 1},
		{"no number is the largest", list(tensor.FP64, nan, -inf, 1), list(tensor.FP64, 1., 2, 3), 1, 1},
		{"no numbers at all agree with none", shaped(list(tensor.FP64, nan, nan, nan, nan), 2, 2), shaped(list(tensor.FP64, nan, nan, 1, nan), 2, 2), 1, 2},
		{"half precision", list(tensor.FP16, uint16(0xc000), 0x3800), list(tensor.FP16, uint16(0x3800), 0x3c00), 1, 1},
		{"scores that are integers", shaped(list(tensor.Int8, int8(-128), 127, -1, 0), 2, 2), shaped(list(tensor.Int8, int8(1), 2, 2, 1), 2, 2), 1, 2},
		{"scores past FP64's precision", shaped(list(tensor.Uint64, uint64(math.MaxUint64-1), math.MaxUint64), 1, 2), shaped(list(tensor.Uint64, uint64(0), 1), 1, 2), 1, 1},
		{"a list of integers -> each is a label", list(tensor.Int64, int64(3), 4, 5), list(tensor.Int64, int64(3), 4, 6), 2, 3},
		{"a column of integers -> each is a label", shaped(list(tensor.Int64, int64(3), 4), 2, 1), shaped(list(tensor.Int64, int64(3), 5), 2, 1), 1, 2},
		{"a column of floats -> each is a label", shaped(list(tensor.FP64, 3., 4), 2, 1), shaped(list(tensor.FP64, 3., 5), 2, 1), 1, 2},
		{"strings -> each is a label", shaped(words("a", "b", "c", "d"), 2, 2), shaped(words("a", "b", "c", "e"), 2, 2), 3, 4},
		{"booleans -> each is a label", shaped(list(tensor.Bool, uint8(1), 0), 1, 2), shaped(list(tensor.Bool, uint8(1), 1), 1, 2), 1, 2},
		{"a scalar -> it is the label", shaped(list(tensor.FP64, 1.)), shaped(list(tensor.FP64, 2.)), 0, 1},
		{"no rows", shaped(list[float64](tensor.FP64), 0, 3), shaped(list[float64](tensor.FP64), 0, 3), 0, 0},
		{"no classes", shaped(list[float64](tensor.FP64), 3, 0), shaped(list[float64](tensor.FP64), 3, 0), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			agree, rows, err := tensor.Labels(tt.got, tt.want)
			if err != nil || agree != tt.agree || rows != tt.rows {
				t.Errorf("%d of %d agree, %v; want %d of %d", agree, rows, err, tt.agree, tt.rows)
			}
		})
	}
}

// FuzzCompare holds any two tensors against each other, both ways, and against themselves.
func FuzzCompare(f *testing.F) {
	f.Add(uint8(tensor.FP32), int64(2), int64(1), []byte("aaaabbbb"), []byte("aaaabbbc"), 0.1, 0.2)
	f.Add(uint8(tensor.FP16), int64(1), int64(2), []byte{0, 0x7c, 1, 0xfe}, []byte{1, 0x7e, 0, 0xfc}, 0.0, 1.0)
	f.Add(uint8(tensor.Bytes), int64(2), int64(1), strs("a", ""), strs("a", "bcd"), 0.0, 0.0)
	f.Add(uint8(tensor.Int64), int64(1)<<32, int64(1)<<32, []byte{}, []byte{1}, -1.0, math.Inf(1))
	f.Fuzz(func(t *testing.T, dtype uint8, rows, columns int64, a, b []byte, absolute, relative float64) {
		tolerance := tensor.Tolerance{Absolute: absolute, Relative: relative}
		one := tensor.Tensor{DType: tensor.DType(dtype), Shape: tensor.Shape{rows, columns}, Data: a}
		other := tensor.Tensor{DType: one.DType, Shape: one.Shape, Data: b}
		for _, x := range []tensor.Tensor{one, other} {
			found, err := tensor.Compare(x, x, tolerance)
			agree, all, errLabels := tensor.Labels(x, x)
			if (err == nil) != (errLabels == nil) || err == nil && (found.Beyond != 0 || found.Index != -1 || agree != all) {
				t.Errorf("%v beside itself: %+v, %v; %d of %d, %v", x, found, err, agree, all, errLabels)
			}
		}
		there, err := tensor.Compare(one, other, tolerance)
		back, errBack := tensor.Compare(other, one, tolerance)
		if (err == nil) != (errBack == nil) {
			t.Fatalf("%v, %v", err, errBack)
		}
		there.Got, there.Want = there.Want, there.Got
		if math.IsNaN(there.Allowed) && math.IsNaN(back.Allowed) {
			there.Allowed, back.Allowed = 0, 0
		}
		if there != back || there.Beyond > there.Elements || there.Beyond > 0 && there.Index < 0 {
			t.Errorf("there %+v, back %+v", there, back)
		}
	})
}
