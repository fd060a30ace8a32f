package jsontensor

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"galatea/tensor"
)

// maxDigits is how many decimal digits always fit a uint64.
const maxDigits = 19

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// short reads the number at i if it is of the usual size: it has up to maxDigits
// digits, mant, and a power of ten that is exact. f is rounded twice: when mant is
// converted, unless it is below 2^53, and when it is multiplied. Together that is
// less than two units in the last place. For all else, number or not, the end is
// failed.
func short(b []byte, i int) (f float64, mant uint64, end int) {
	negative := 0
	if i < len(b) {
		negative = sign(b[i])
	}
	i += negative
	start := i
	if i+1 < len(b) && b[i+1] == '.' && isDigit(b[i]) {
		mant = uint64(b[i] - '0') // the usual case, saving a call
		i++
	} else {
		i, mant = decimal(b, i, 0)
		if i-start != 1 && (i == start || b[start] == '0') {
			return 0, 0, failed
		}
	}
	count, exp := i-start, 0
	if i < len(b) && b[i] == '.' {
		point := i + 1
		i, mant = decimal(b, point, mant)
		if i == point {
			return 0, 0, failed
		}
		exp = point - i
		count -= exp
	}
	if count > maxDigits && len(bytes.TrimLeft(b[start:i], "0.")) > maxDigits {
		return 0, 0, failed
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e := 0
		if e, i = exponent(b, i+1); i < 0 {
			return 0, 0, failed
		}
		exp += e
	}
	f = float64(mant)
	switch {
	case exp <= -len(pow10) || exp >= len(pow10):
		return 0, 0, failed
	case exp < 0:
		f /= pow10[-exp]
	default:
		f *= pow10[exp]
	}
	return math.Float64frombits(math.Float64bits(f) | uint64(negative)<<63), mant, i
}

// exponent reads the sign and the digits of an exponent. The end is failed if there
// are no digits.
func exponent(b []byte, i int) (e, end int) {
	negative := i < len(b) && b[i] == '-'
	if negative || i < len(b) && b[i] == '+' {
		i++
	}
	start := i
	for ; i < len(b) && isDigit(b[i]); i++ {
		e = min(e*10+int(b[i]-'0'), 1e6) // which is beyond any float
	}
	if i == start {
		return 0, failed
	}
	if negative {
		e = -e
	}
	return e, i
}

// roundsAlike reports whether every number that short returns f for is nearest to
// the same float32 as f is. That is so unless f is about half way between two of
// them, which shows in the 29 bits by which a float64 is longer; but below the
// normal range there are more than those, and at its end there is no next one.
func roundsAlike(f float64) bool {
	const half, margin = 1 << 28, 4
	const least, most = 0x1p-126, math.MaxFloat32
	b := math.Float64bits(f) &^ (1 << 63)
	apart := b&(2*half-1)-(half-margin) > 2*margin
	normal := b-math.Float64bits(least) <= math.Float64bits(most)-math.Float64bits(least)
	return apart && (normal || b == 0)
}

// longFloat is the long way to an FP32 or FP64, for every number.
func (e *elements) longFloat(i int, d tensor.DType) (f float64, end int) {
	if c := e.at(i); !startsNumber(c) && c != 'N' && c != 'I' {
		return 0, e.mismatch(i, d)
	}
	if end = e.number(i); end < 0 {
		return 0, failed
	}
	// strconv also takes what is no number here, but that did not get this far.
	f, err := strconv.ParseFloat(string(e.src[i:end]), 8*d.Size())
	if err != nil {
		return 0, e.mismatch(i, d)
	}
	return f, end
}

// ranges are the largest magnitudes of each integer type, of positive and of
// negative values.
var ranges = [...][2]uint64{
	tensor.Uint8:  {math.MaxUint8, 0},
	tensor.Uint16: {math.MaxUint16, 0},
	tensor.Uint32: {math.MaxUint32, 0},
	tensor.Uint64: {math.MaxUint64, 0},
	tensor.Int8:   {math.MaxInt8, -math.MinInt8},
	tensor.Int16:  {math.MaxInt16, -math.MinInt16},
	tensor.Int32:  {math.MaxInt32, -math.MinInt32},
	tensor.Int64:  {math.MaxInt64, -math.MinInt64},
}

// integer reads an integer of type d, in two's complement.
func (e *elements) integer(i int, d tensor.DType) (v uint64, end int) {
	negative := sign(e.at(i))
	start := i + negative
	end, v = decimal(e.src, start, 0)
	switch c := e.at(end); {
	case end == start, end > start+maxDigits+1, c == '.', c|0x20 == 'e', end > start+1 && e.src[start] == '0':
		return 0, e.mismatch(i, d)
	case end == start+maxDigits+1: // may or may not fit
		var err error
		if v, err = strconv.ParseUint(string(e.src[start:end]), 10, 64); err != nil {
			return 0, e.mismatch(i, d)
		}
	}
	if v > ranges[d][negative] {
		return 0, e.mismatch(i, d)
	}
	if negative != 0 {
		v = -v
	}
	return v, end
}

// decimal returns the end of the run of decimal digits at i, and the value of the
// digits of m followed by them, modulo 2^64. It takes eight digits at a time.
func decimal(b []byte, i int, m uint64) (end int, v uint64) {
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i:i+8:i+8]) ^ ones*'0' // digits become their values
		n := countDigits(v)
		if n < 8 {
			// Behind zeros, as many as it takes to make eight digits.
			return i + n, m*pow10Int[n] + eight(v<<8<<(8*(7-n)&63))
		}
		m = m*1e8 + eight(v)
	}
	for ; i < len(b) && isDigit(b[i]); i++ {
		m = m*10 + uint64(b[i]-'0')
	}
	return i, m
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

var pow10Int = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// countDigits returns how many bytes of v, from the lowest, are at most 9.
func countDigits(v uint64) int {
	odd := v&^tops + ones*(0x80-10) | v // the top bit of each byte that is more
	return bits.TrailingZeros64(odd&tops) / 8
}

// eight returns the value of eight digits, the first in the lowest byte: it joins
// them to pairs, and the pairs to the whole.
func eight(v uint64) uint64 {
	const mask = 0x000000ff000000ff
	v = v*10 + v>>8
	return (v&mask*(100+1000000<<32) + v>>16&mask*(1+10000<<32)) >> 32
}
