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
