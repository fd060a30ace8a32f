package tensor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

func (d DType) isFloat() bool { return d == FP16 || d == BF16 || d == FP32 || d == FP64 }

func (d DType) isSigned() bool { return d == Int8 || d == Int16 || d == Int32 || d == Int64 }

// cutElement cuts the first element off data, which is known to hold one.
func cutElement(d DType, data []byte) (elem, rest []byte) {
	if d == Bytes {
		elem, rest, _ = NextString(data)
		return elem, rest
	}
	return data[:d.Size()], data[d.Size():]
}

// apart returns how far apart two elements are, +Inf where no number says it, and the
// larger of their magnitudes.
func apart(d DType, a, b []byte) (distance, scale float64) {
	switch {
	case d == Bytes:
		return unless(bytes.Equal(a, b)), 0
	case d == Bool:
		return unless((a[0] != 0) == (b[0] != 0)), 0
	case d.isFloat():
		return floatsApart(float(d, a), float(d, b))
	case d.isSigned():
		x, y := int64(integer(d, a)), int64(integer(d, b))
		return float64(uint64(max(x, y)) - uint64(min(x, y))), math.Max(math.Abs(float64(x)), math.Abs(float64(y)))
	default:
		x, y := integer(d, a), integer(d, b)
		return float64(max(x, y) - min(x, y)), float64(max(x, y))
	}
}

// unless is the distance of elements that are equal or just different.
func unless(equal bool) float64 {
	if equal {
		return 0
	}
	return math.Inf(1)
}

func floatsApart(x, y float64) (distance, scale float64) {
	switch {
	case x == y || math.IsNaN(x) && math.IsNaN(y):
		return 0, 0
	case math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0):
		return math.Inf(1), 0
	}
	return math.Abs(x - y), math.Max(math.Abs(x), math.Abs(y))
}

func isNaN(d DType, b []byte) bool { return d.isFloat() && math.IsNaN(float(d, b)) }

// larger reports whether a number is larger than another.
func larger(d DType, a, b []byte) bool {
	switch {
	case d.isFloat():
		return float(d, a) > float(d, b)
	case d.isSigned():
		return int64(integer(d, a)) > int64(integer(d, b))
	default:
		return integer(d, a) > integer(d, b)
	}
}

// float returns the value at the start of b, of a type of floats; FP64 holds all of
// them exactly.
func float(d DType, b []byte) float64 {
	switch d {
	case FP64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case FP32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case BF16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	default:
		return half(binary.LittleEndian.Uint16(b))
	}
}

// half widens IEEE half precision.
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch {
	case exponent == 0:
		f = math.Ldexp(mantissa, -24)
	case exponent < 31:
		f = math.Ldexp(1+mantissa/1024, exponent-15)
	case mantissa == 0:
		f = math.Inf(1)
	default:
		f = math.NaN()
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// integer returns the value at the start of b, of a type of integers, in two's complement.
func integer(d DType, b []byte) uint64 {
	switch d {
	case Int8:
		return uint64(int8(b[0]))
	case Int16:
		return uint64(int16(binary.LittleEndian.Uint16(b)))
	case Int32:
		return uint64(int32(binary.LittleEndian.Uint32(b)))
	case Uint16:
		return uint64(binary.LittleEndian.Uint16(b))
	case Uint32:
		return uint64(binary.LittleEndian.Uint32(b))
	case Int64, Uint64:
		return binary.LittleEndian.Uint64(b)
	default: // Uint8
		return uint64(b[0])
	}
}

// elementText writes one element for an error text: floats in the shortest form that
// reads back as the same value, strings in quotes and cut to their first 60 characters.
func elementText(d DType, b []byte) string {
	switch {
	case d == Bytes:
		return fmt.Sprintf("%.60q", b)
	case d == Bool:
		return strconv.FormatBool(b[0] != 0)
	case d == FP64:
		return strconv.FormatFloat(float(d, b), 'g', -1, 64)
	case d.isFloat():
		return strconv.FormatFloat(float(d, b), 'g', -1, 32)
	case d.isSigned():
		return strconv.FormatInt(int64(integer(d, b)), 10)
	default:
		return strconv.FormatUint(integer(d, b), 10)
	}
}

// Number returns the number at the start of element, of any type but BYTES, and whether a
// float64 holds it exactly.
func Number(d DType, element []byte) (f float64, exact bool) {
	switch {
	case d.isFloat():
		return float(d, element), true
	case d.isSigned():
		n := int64(integer(d, element))
		f = float64(n)
		return f, f != math.MaxInt64+1 && int64(f) == n
	default:
		n := integer(d, element)
		f = float64(n)
		return f, f != math.MaxUint64+1 && uint64(f) == n
	}
}

// AppendNumber appends an element of value f; floats are rounded to the nearest, ties
// to even. It reports false, and appends nothing, for BYTES, and where an integer or
// a BOOL cannot be f, or a finite f is too large for a type of floats.
func AppendNumber(dst []byte, d DType, f float64) ([]byte, bool) {
	var bits uint64
	rounded := f
	switch d {
	case Invalid, Bytes:
		return dst, false
	case FP64:
		bits = math.Float64bits(f)
	case FP32:
		bits, rounded = uint64(math.Float32bits(float32(f))), float64(float32(f))
	case FP16:
		bits, rounded = uint64(toHalf(f)), half(toHalf(f))
	case BF16:
		bits, rounded = uint64(toBrain(f)), float64(math.Float32frombits(uint32(toBrain(f))<<16))
	default:
		if !d.holds(f) {
			return dst, false
		}
		if bits = uint64(f); f < 0 {
			bits = uint64(int64(f))
		}
	}
	if math.IsInf(rounded, 0) && !math.IsInf(f, 0) {
		return dst, false
	}
	for range d.Size() {
		dst = append(dst, byte(bits))
		bits >>= 8
	}
	return dst, true
}

// holds reports whether a type of integers, or BOOL, has the value f.
func (d DType) holds(f float64) bool {
	low, high := 0.0, math.Ldexp(1, 8*d.Size())
	switch {
	case d == Bool:
		high = 2
	case d.isSigned():
		low, high = -high/2, high/2
	}
	return f >= low && f < high && f == math.Trunc(f)
}

// toHalf rounds to IEEE half precision.
func toHalf(f float64) uint16 {
	sign := uint16(math.Float64bits(f) >> 48 & 0x8000)
	f = math.Abs(f)
	switch {
	case math.IsNaN(f):
		return sign | 0x7e00
	case f < 0x1p-14: // subnormal: a multiple of 2^-24; rounding up to 2^-14 gives its bits
		return sign | uint16(math.RoundToEven(math.Ldexp(f, 24)))
	case f >= 65520: // halfway past the largest
		return sign | 0x7c00
	}
	fraction, exponent := math.Frexp(f)                            // in [0.5, 1)
	mantissa := uint16(math.RoundToEven(math.Ldexp(fraction, 11))) // 1024 to 2048
	return sign | (uint16(exponent+13)<<10 + mantissa)
}

// toBrain rounds to bfloat16.
func toBrain(f float64) uint16 {
	if math.IsNaN(f) {
		return 0x7fc0
	}
	narrow := float32(f)
	bits := math.Float32bits(narrow)
	if bits&0xffff == 0x8000 { // halfway, unless the first rounding made it so
		switch beyond := math.Abs(f) - math.Abs(float64(narrow)); {
		case beyond > 0:
			bits++
		case beyond < 0:
			bits--
		}
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
