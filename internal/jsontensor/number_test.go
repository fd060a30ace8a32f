package jsontensor

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galatea/tensor"
)

// isNumber reports whether text is a JSON number and nothing else.
func isNumber(text string) bool {
	return json.Valid([]byte(text)) && strings.Trim(text, "+-.0123456789eE") == ""
}

// checkFloat holds what Append makes of a number against strconv, bit for bit.
func checkFloat(t *testing.T, text string) {
	t.Helper()
	// What follows the number changes how its last digits are read.
	for _, src := range []string{text, "[" + text + ",12345678]", "[" + text + " , -7]"} {
		count := int64(1 + strings.Count(src, ","))
		want, err := strconv.ParseFloat(text, 32)
		got, err32 := Append(nil, []byte(src), tensor.FP32, count)
		if (err == nil) != (err32 == nil) {
			t.Fatalf("%s as FP32: strconv says %v, Append says %v", src, err, err32)
		}
		if err == nil && binary.LittleEndian.Uint32(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%s as FP32: got %x, want %x", src, got[:4], math.Float32bits(float32(want)))
		}
		want, err = strconv.ParseFloat(text, 64)
		got, err64 := Append(nil, []byte(src), tensor.FP64, count)
		if (err == nil) != (err64 == nil) {
			t.Fatalf("%s as FP64: strconv says %v, Append says %v", src, err, err64)
		}
		if err == nil && binary.LittleEndian.Uint64(got) != math.Float64bits(want) {
			t.Fatalf("%s as FP64: got %x, want %x", src, got[:8], math.Float64bits(want))
		}
	}
}

// checkInteger holds what Append makes of a token against strconv.
func checkInteger(t *testing.T, text string) {
	t.Helper()
	digits := strings.TrimPrefix(text, "-")
	canonical := digits != "" && strings.Trim(digits, "0123456789") == "" && (digits == "0" || digits[0] != '0')
	for _, d := range []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64} {
		size := 8 * d.Size()
		signed, err := strconv.ParseInt(text, 10, size)
		want := uint64(signed)
		if d <= tensor.Uint64 {
			want, err = strconv.ParseUint(text, 10, size)
			if text == "-0" {
				want, err = 0, nil
			}
		}
		got, errGot := Append(nil, []byte("["+text+"]"), d, 1)
		if (errGot == nil) != (err == nil && canonical) {
			t.Fatalf("%q as %v: strconv says %v, Append says %v", text, d, err, errGot)
		}
		if errGot == nil && !slices.Equal(got, le(want)[:d.Size()]) {
			t.Fatalf("%q as %v: got % x, want %x", text, d, got, want)
		}
	}
}

// midpoints calls check with numbers that are hard to round to a float32: those
// half way between two, and just beside.
func midpoints(rnd *rand.Rand, check func(text string)) {
	exponent := uint32(rnd.IntN(254))
	if rnd.IntN(4) != 0 {
		exponent = 127 - 30 + uint32(rnd.IntN(60)) // of the usual size, which has a short way
	}
	low := math.Float32frombits(exponent<<23 | rnd.Uint32()&(1<<23-1))
	middle := (float64(low) + float64(math.Nextafter32(low, math.MaxFloat32))) / 2 // exact
	text := strconv.FormatFloat(middle, 'e', -1, 64)
	check(text)
	mantissa, exp, _ := strings.Cut(text, "e")
	check(mantissa + "000000000000000000000000000001e" + exp)
	check(strconv.FormatFloat(math.Nextafter(middle, 0), 'e', -1, 64))
	check(strconv.FormatFloat(math.Nextafter(middle, math.MaxFloat64), 'f', -1, 64))
	for digits := 14; digits < 22; digits++ {
		check(strconv.FormatFloat(middle, 'e', digits, 64))
		check(strconv.FormatFloat(-middle, 'f', digits, 64))
	}
}

func TestFloatsAgainstStrconv(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	check := func(text string) { checkFloat(t, text) }
	for range 5_000 {
		midpoints(rnd, check)
		check(strconv.FormatFloat(float64(math.Float32frombits(rnd.Uint32()&^(1<<30))), 'g', -1, 32))
		check(strconv.FormatFloat(rnd.NormFloat64(), 'g', -1, 64))
		check(strconv.FormatFloat(rnd.NormFloat64(), 'f', rnd.IntN(25), 64))
		check(strconv.FormatFloat(rnd.ExpFloat64(), 'e', rnd.IntN(25), 32))
		check(strconv.FormatUint(rnd.Uint64()>>rnd.IntN(64), 10))
	}
}

func FuzzFloat(f *testing.F) {
	for _, seed := range []string{
		"0", "-0.0", "1", "0.1", "16777217", "3.4028235677973366e38", "3.4028234e38", "1e39", "1e-45", "7.006492321624085e-46", "1.17549435e-38",
		"9007199254740993", "123456789012345678901234567890", "0.000000000000000000000001", "1e400", "1e-400", "18446744073709551616.05",
		"1.00000017881393432617187499", "1.000000178813934326171875", "1.00000017881393432617187501", "-12345678.12345678e-3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if isNumber(text) {
			checkFloat(t, text)
		} else if out, err := Append(nil, []byte("["+text+"]"), tensor.FP32, 1); err == nil {
			if inner := strings.Trim(text, " \t\r\n[]"); !isNumber(inner) && strings.Trim(inner, "-") != "NaN" && strings.Trim(inner, "-") != "Infinity" {
				t.Fatalf("%q is taken for % x", text, out)
			}
		}
	})
}

func FuzzInteger(f *testing.F) {
	for _, seed := range []string{"0", "-0", "127", "128", "-129", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "1.0", "1e2", "01", "00000000000000000000001", "NaN"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Trim(text, " \t\r\n[]") == text && !strings.HasPrefix(text, "+") {
			checkInteger(t, text)
		}
	})
}

// Lists of numbers, which Parse walks in a way of their own, broken or not: each
// accepted if and only if encoding/json accepts it.
func TestListsAgainstEncodingJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	tokens := []string{"0", "-0", "7", "-12", "0.5", "-3.25", "1e5", "2.5E-07", "-1e+2", "123456789.123456789", "1234567890123456789012345"}
	commas := []string{",", ",", ",", ", ", ",\n  ", " , "}
	const bytes = "0123456789.-+eE, []\t\"xN\x00"
	valid := 0
	for range 100_000 {
		list := []byte("[")
		for range 1 + rnd.IntN(12) {
			list = append(list, pick(tokens)...)
			list = append(list, pick(commas)...)
		}
		list = append(append(list, pick(tokens)...), ']')
		if rnd.IntN(4) != 0 {
			list[rnd.IntN(len(list))] = bytes[rnd.IntN(len(bytes))]
		}
		err := (&Request{}).Parse(append(append([]byte(`{"x":`), list...), `}`...), Limits{})
		if (err == nil) != json.Valid(list) {
			t.Fatalf("%q: got %v", list, err)
		}
		if err == nil {
			valid++
		}
	}
	if valid < 30_000 || valid > 80_000 {
		t.Errorf("%d of 100000 lists are valid: the test is not balanced", valid)
	}
}
