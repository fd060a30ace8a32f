package jsontensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"galatea/tensor"
)

func le[T any](values ...T) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return b
}

func stringsOf(values ...string) (b []byte) {
	for _, v := range values {
		b = tensor.AppendString(b, v)
	}
	return b
}

var inf, nan = float32(math.Inf(1)), float32(math.NaN())

var values = []struct {
	name, src string
	dtype     tensor.DType
	count     int64
	want      []byte
}{
	{"a flat array", "[1,2.5,-3e2]", tensor.FP32, 3, le[float32](1, 2.5, -300)},
	{"nesting does not matter", "[[1,2],[3],[[4]],5,[]]", tensor.FP32, 5, le[float32](1, 2, 3, 4, 5)},
	{"nor does white space", " [ [ 1 ,\t2 ] , [\r\n] ] \n", tensor.FP32, 2, le[float32](1, 2)},
	{"a bare value is one element", "7", tensor.FP32, 1, le[float32](7)},
	{"a bare string is one element", ` "a" `, tensor.Bytes, 1, stringsOf("a")},
	{"no elements", "[]", tensor.FP32, 0, nil},
	{"no elements, nested", "[[],[[]]]", tensor.Int8, 0, nil},
	{"more brackets than any limit", deep(5000), tensor.Bool, 0, nil},
	{"no strings", "[]", tensor.Bytes, 0, nil},
	{"words for what is no number", "[NaN,Infinity,-Infinity]", tensor.FP32, 3, le(nan, inf, -inf)},
	{"the same as FP64", "[NaN,Infinity,-Infinity]", tensor.FP64, 3, le(math.Float64frombits(0x7ff8000000000001), math.Inf(1), math.Inf(-1))},
	{"zeros keep their sign", "[0,-0,0.0,-0.0,0e5,-0e-5]", tensor.FP32, 6, le(0, math.Float32frombits(1<<31), 0, math.Float32frombits(1<<31), 0, math.Float32frombits(1<<31))},
	{"what is too small becomes subnormal or zero", "[1e-45,1e-60,-1e-400]", tensor.FP32, 3, le(math.Float32frombits(1), 0, math.Float32frombits(1<<31))},
	{"the largest FP32", "[3.4028234663852886e38,-3.4028235e+38]", tensor.FP32, 2, le[float32](math.MaxFloat32, -math.MaxFloat32)},
	{"many leading zeros", "[0.00000000000000000000000000001234567]", tensor.FP32, 1, le[float32](1.234567e-29)},
	{"a whole part of 2^64 and a fraction", "[18446744073709551616.05]", tensor.FP64, 1, le(18446744073709551616.05)},
	{"a tie of two FP32 goes to the even one", "[16777217,16777219,1.00000005960464477539062500000001]", tensor.FP32, 3, le[float32](16777216, 16777220, 1.0000001)},
	{"exponents that would overflow", "[1e-99999999999999999999,0e99999999999999999999]", tensor.FP64, 2, le[float64](0, 0)},
	{"the range of INT8", "[-128,127,-0]", tensor.Int8, 3, le[int8](-128, 127, 0)},
	{"the range of INT16", "[-32768,32767]", tensor.Int16, 2, le[int16](-32768, 32767)},
	{"the range of INT32", "[-2147483648,2147483647]", tensor.Int32, 2, le[int32](-2147483648, 2147483647)},
	{"the range of INT64", "[-9223372036854775808,9223372036854775807,9007199254740993]", tensor.Int64, 3, le[int64](math.MinInt64, math.MaxInt64, 1<<53+1)},
	{"the range of UINT8", "[0,-0,255]", tensor.Uint8, 3, le[uint8](0, 0, 255)},
	{"the range of UINT16", "[65535]", tensor.Uint16, 1, le[uint16](65535)},
	{"the range of UINT32", "[4294967295]", tensor.Uint32, 1, le[uint32](4294967295)},
	{"the range of UINT64", "[18446744073709551615]", tensor.Uint64, 1, le[uint64](math.MaxUint64)},
	{"truth", "[true,false,[true]]", tensor.Bool, 3, []byte{1, 0, 1}},
	{"strings", `["","a","grün","\u00e9\n\"\\\/\b\f\r\t","\ud83d\ude00 😀"]`, tensor.Bytes, 5, stringsOf("", "a", "grün", "é\n\"\\/\b\f\r\t", "😀 😀")},
	{"a zero byte in a string", `["a\u0000b"]`, tensor.Bytes, 1, stringsOf("a\x00b")},
	{"half a surrogate pair", `["\ud83d","\ude00","\ud83d\ud83d\ude00","\ud83dx","\ud83d\n"]`, tensor.Bytes, 5, stringsOf("\ufffd", "\ufffd", "\ufffd😀", "\ufffdx", "\ufffd\n")},
	{"strings that look like JSON", `["[1,2]",["],["]]`, tensor.Bytes, 2, stringsOf("[1,2]", "],[")},
}

func TestAppend(t *testing.T) {
	for _, test := range values {
		t.Run(test.name, func(t *testing.T) {
			got, err := Append([]byte("before"), []byte(test.src), test.dtype, test.count)
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]byte("before"), test.want...); !slices.Equal(got, want) {
				t.Errorf("got % x\nwant % x", got, want)
			}
		})
	}
}

var long = strings.Repeat("ü", 100)

var refusedData = []struct {
	name, src string
	dtype     tensor.DType
	count     int64
	text      string
}{
	{"too few", "[1,2]", tensor.FP32, 3, "unexpected number of elements: too few: expected 3, got 2"},
	{"none of many", "[]", tensor.FP32, math.MaxInt64, "unexpected number of elements: too few: expected 9223372036854775807, got 0"},
	{"too many", "[1,2,3]", tensor.FP32, 2, "unexpected number of elements: too many: expected 2"},
	{"too many strings", `["a","b"]`, tensor.Bytes, 1, "unexpected number of elements: too many: expected 1"},
	{"too many of none", "[[1]]", tensor.Int8, 0, "unexpected number of elements: too many: expected 0"},
	{"none of less than none", "[]", tensor.FP32, -1, "unexpected number of elements: too many: expected -1"},
	{"a string for a number", `[1,"x"]`, tensor.FP32, 2, `element 1: expected a number within the range of FP32, got "x"`},
	{"elements are counted through nested arrays", `[[1,2],[3,null]]`, tensor.FP64, 4, `element 3: expected a number within the range of FP64, got null`},
	{"too large for FP32", "[1e39]", tensor.FP32, 1, "element 0: expected a number within the range of FP32, got 1e39"},
	{"rounds beyond FP32", "[3.4028235678e38]", tensor.FP32, 1, "element 0: expected a number within the range of FP32, got 3.4028235678e38"},
	{"too large for FP64", "[-1e400]", tensor.FP64, 1, "element 0: expected a number within the range of FP64, got -1e400"},
	{"a fraction for an integer", "[1.0]", tensor.Int32, 1, "element 0: expected an integer from -2147483648 to 2147483647, got 1.0"},
	{"an exponent for an integer", "[1e2]", tensor.Int64, 1, "element 0: expected an integer from -9223372036854775808 to 9223372036854775807, got 1e2"},
	{"no number for an integer", "[NaN]", tensor.Int8, 1, "element 0: expected an integer from -128 to 127, got NaN"},
	{"too large for INT8", "[128]", tensor.Int8, 1, "element 0: expected an integer from -128 to 127, got 128"},
	{"too small for INT16", "[-32769]", tensor.Int16, 1, "element 0: expected an integer from -32768 to 32767, got -32769"},
	{"too small for INT64", "[-9223372036854775809]", tensor.Int64, 1, "element 0: expected an integer from -9223372036854775808 to 9223372036854775807, got -9223372036854775809"},
	{"too large for UINT64", "[18446744073709551616]", tensor.Uint64, 1, "element 0: expected an integer from 0 to 18446744073709551615, got 18446744073709551616"},
	{"far too large for UINT64", "[100000000000000000000000000000]", tensor.Uint64, 1, "element 0: expected an integer from 0 to 18446744073709551615, got 100000000000000000000000000000"},
	{"less than nothing", "[-1]", tensor.Uint8, 1, "element 0: expected an integer from 0 to 255, got -1"},
	{"a number for truth", "[1]", tensor.Bool, 1, "element 0: expected true or false, got 1"},
	{"a word for truth", `["true"]`, tensor.Bool, 1, `element 0: expected true or false, got "true"`},
	{"truth for a number", "[true]", tensor.Uint8, 1, "element 0: expected an integer from 0 to 255, got true"},
	{"a number for a string", "[1]", tensor.Bytes, 1, "element 0: expected a string, got 1"},
	{"an object", `[{"b64": "AA=="}]`, tensor.Bytes, 1, `element 0: expected a string, got {"b64": "AA=="}`},
	{"null", `null`, tensor.FP32, 1, `element 0: expected a number within the range of FP32, got null`},
	{"a long value", `["` + long + `"]`, tensor.FP32, 1, `element 0: expected a number within the range of FP32, got "` + long[:38] + `...`},
	{"FP16", "[1]", tensor.FP16, 1, "data type is not supported in JSON: FP16"},
	{"BF16", "[1]", tensor.BF16, 1, "data type is not supported in JSON: BF16"},
	{"no type", "[1]", tensor.Invalid, 1, "data type is not supported in JSON: INVALID"},
	{"an unknown type", "[1]", tensor.DType(200), 1, "data type is not supported in JSON: DType(200)"},
	{"nothing", "", tensor.FP32, 1, "unexpected end of JSON: expected a value at 0"},
	{"two values", "1 2", tensor.FP32, 1, "unexpected character '2': expected nothing after the value at 2"},
	{"a second array", "[1][2]", tensor.FP32, 2, "unexpected character '[': expected nothing after the value at 3"},
	{"no comma", "[1 2]", tensor.FP32, 2, "unexpected character '2': expected ',' or ']' at 3"},
	{"no comma between arrays", "[[1][2]]", tensor.FP32, 2, "unexpected character '[': expected ',' or ']' at 4"},
	{"a comma too many", "[1,]", tensor.FP32, 1, "unexpected character ']': expected a value at 3"},
	{"a comma only", "[,]", tensor.FP32, 1, "unexpected character ',': expected a value at 1"},
	{"an open array", "[[1]", tensor.FP32, 1, "unexpected end of JSON: expected ',' or ']' at 4"},
	{"only open arrays", strings.Repeat("[", 5000), tensor.FP32, 1, "unexpected end of JSON: expected a value at 5000"},
	{"a broken number", "[1.]", tensor.FP32, 1, "unexpected character ']': expected a digit at 3"},
	{"a broken word", "[tru]", tensor.Bool, 1, "unexpected character ']': expected true at 4"},
	{"a broken string", `["\q"]`, tensor.Bytes, 1, "unexpected character 'q': expected an escape at 3"},
	{"a broken value of another type", `[{"a"}]`, tensor.FP32, 1, "unexpected character '}': expected ':' at 5"},
	{"an object that is too deep", strings.Repeat(`{"a":`, 101), tensor.FP32, 1, "JSON nesting depth exceeds maximum allowed limit (100)"},
}

func TestAppendRefuses(t *testing.T) {
	for _, test := range refusedData {
		t.Run(test.name, func(t *testing.T) {
			got, err := Append([]byte("before"), []byte(test.src), test.dtype, test.count)
			if err == nil || err.Error() != test.text {
				t.Fatalf("got %v\nwant %s", err, test.text)
			}
			if string(got) != "before" {
				t.Errorf("got %q beside the error", got)
			}
		})
	}
}

func TestAppendErrorKinds(t *testing.T) {
	_, few := Append(nil, []byte("[1]"), tensor.FP32, 2)
	if !errors.Is(few, ErrCount) || !errors.Is(few, ErrTooFew) || errors.Is(few, ErrTooMany) {
		t.Errorf("too few elements: got %v", few)
	}
	_, many := Append(nil, []byte("[1,2]"), tensor.FP32, 1)
	if !errors.Is(many, ErrCount) || !errors.Is(many, ErrTooMany) || errors.Is(many, ErrTooFew) {
		t.Errorf("too many elements: got %v", many)
	}
	_, err := Append(nil, []byte(`[1,2,"x"]`), tensor.FP32, 3)
	var element *ElementError
	if !errors.As(err, &element) || element.Index != 2 || element.Got != `"x"` {
		t.Errorf("a wrong element: got %v", err)
	}
	_, err = Append(nil, []byte(`[1,2,]`), tensor.FP32, 3)
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != 5 {
		t.Errorf("a syntax error: got %v", err)
	}
	if _, err = Append(nil, nil, tensor.BF16, 0); !errors.Is(err, ErrUnsupported) {
		t.Errorf("BF16: got %v", err)
	}
}

// A shape that lies must cost no more memory than the text it comes with.
func TestAppendRoom(t *testing.T) {
	for _, d := range tensor.DTypes() {
		for _, want := range []int64{math.MinInt64, -1, 0, 1, 10, math.MaxInt64} {
			got, bound := int64(room(100, d, want)), int64(8*(100/2+1))
			if want >= 0 && want < bound {
				bound = want * int64(max(d.Size(), 4))
			}
			if d == tensor.Bytes {
				bound += 100
			}
			if got < 0 || got > max(bound, 0) && d != tensor.Bytes || d == tensor.Bytes && got > 100+4*51 {
				t.Errorf("%d elements of %v in 100 bytes: room for %d bytes", want, d, got)
			}
		}
	}
}

// The common path must not allocate when there is room, and where there is none
// must make it at once.
func TestAppendAllocations(t *testing.T) {
	for _, d := range tensor.DTypes() {
		if supported(d) != nil {
			continue
		}
		src := []byte("[" + strings.Repeat("1,", 999) + "1]")
		switch d {
		case tensor.Bool:
			src = []byte("[" + strings.Repeat("true,", 999) + "true]")
		case tensor.Bytes:
			src = []byte("[" + strings.Repeat(`"a\nb",`, 999) + `"a\nb"]`)
		default:
		}
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			dst := make([]byte, 0, 16_000)
			if n := testing.AllocsPerRun(10, func() { Append(dst, src, d, 1000) }); n != 0 {
				t.Errorf("%v allocations with room", n)
			}
			// Under the race detector slices.Grow takes two.
			if n := testing.AllocsPerRun(10, func() { Append(nil, src, d, 1000) }); n > 2 {
				t.Errorf("%v allocations without room", n)
			}
		})
	}
}
