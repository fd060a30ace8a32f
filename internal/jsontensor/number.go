package jsontensor

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"galatea/tensor"
)

// number says where the parts of a number's text are, behind its sign. From digits
// to point are the digits of the whole part, from point to exp the point and the
// fraction, and from exp to end the exponent. NaN and the infinities have no digits.
// (It has no fifth field, since the compiler keeps no more than four in registers.)
type number struct{ digits, point, exp, end int }

// negative reports whether there is a minus before the number in b.
func (n number) negative(b []byte) bool { return b[max(n.digits-1, 0)] == '-' }

// signed returns f with the sign of the number in b, without a branch: signs are
// hard to foretell.
func (n number) signed(f float64, b []byte) float64 {
	var sign uint64
	if n.negative(b) {
		sign = 1 << 63
	}
	return math.Float64frombits(math.Float64bits(f) | sign)
}

// number checks a number. Its end is failed if it is none.
func (s *scanner) number(i int) (n number) {
	b := s.src
	var sign int
	if s.at(i) == '-' {
		sign = 1
	}
	i += sign // no branch, as in signed
	n.digits = i
	if i+1 < len(b) && b[i+1] == '.' && isDigit(b[i]) {
		i++ // the usual case, saving a call
	} else {
		i = digits(b, i)
		if i-n.digits != 1 && (i == n.digits || b[n.digits] == '0') {
			return s.oddNumber(n)
		}
	}
	n.point = i
	if i < len(b) && b[i] == '.' {
		i = digits(b, i+1)
		if i == n.point+1 {
			n.end = s.unexpected(i, "a digit")
			return n
		}
	}
	n.exp, n.end = i, i
	if i < len(b) && b[i]|0x20 == 'e' {
		n.end = s.exponent(i)
	}
	return n
}

// exponent checks an exponent.
func (s *scanner) exponent(i int) int {
	i++
	if c := s.at(i); c == '-' || c == '+' {
		i++
	}
	end := digits(s.src, i)
	if end == i {
		return s.unexpected(i, "a digit")
	}
	return end
}

// oddNumber goes on where there are no digits, or more of them behind a zero.
func (s *scanner) oddNumber(n number) number {
	i := n.digits
	rest := s.src[i:]
	n.point = i
	negative := n.negative(s.src)
	switch {
	case s.nan && !negative && bytes.HasPrefix(rest, []byte("NaN")):
		n.end = i + len("NaN")
	case s.nan && bytes.HasPrefix(rest, []byte("Infinity")):
		n.end = i + len("Infinity")
	case s.at(i) == '0':
		n.end = s.fail(i, "a number with a leading zero")
	case negative:
		n.end = s.unexpected(i, "a digit")
	default:
		n.end = s.unexpected(i, "a value")
	}
	return n
}

// startsNumber reports whether c is a digit or a minus, or one of the two
// characters between them, which number refuses: it takes a single comparison.
func startsNumber(c byte) bool { return c-'-' <= '9'-'-' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits returns the end of the run of decimal digits at i.
func digits(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		v := load(b, i) ^ ones*'0' // each digit's byte is now its value
		// The top bits of all bytes that are not 0 to 9.
		if odd := (v&^tops + ones*(0x80-10) | v) & tops; odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// load returns the eight bytes at i, the first in the lowest byte.
func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : i+8]) }

// decimal returns the value of the digits of m followed by those from i to end,
// modulo 2^64.
func decimal(b []byte, i, end int, m uint64) uint64 {
	for ; i+8 <= end; i += 8 {
		m = m*1e8 + eight(load(b, i)^ones*'0')
	}
	if i+8 <= len(b) {
		n := end - i
		v := load(b, i) ^ ones*'0'
		return m*pow10Int[n&7] + eight(v<<(64-8*n)) // behind zeros, as many as it takes to make eight digits
	}
	for ; i < end; i++ {
		m = m*10 + uint64(b[i]-'0')
	}
	return m
}

// eight returns the value of eight digits, the first in the lowest byte: it joins
// them to pairs, then the pairs to the whole.
func eight(v uint64) uint64 {
	const mask = 0x000000ff000000ff
	v = v*10 + v>>8
	return (v&mask*(100+1000000<<32) + v>>16&mask*(1+10000<<32)) >> 32
}

var pow10Int = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// maxDigits is how many decimal digits always fit a uint64.
const maxDigits = 19

// near returns a number close to the magnitude of n: its digits and its exponent
// are exact, but there may be one rounding in mant's conversion and another in
// the power of ten, which makes two units in the last place at most. With mant
// below 2^53 only the second is left, and f is the nearest float64. It reports
// false for what it has no such short way for.
func (n number) near(b []byte) (f float64, mant uint64, ok bool) {
	count := n.exp - n.digits
	exp := 0
	if n.point == n.exp {
		mant = decimal(b, n.digits, n.point, 0)
	} else {
		count--
		exp = n.point + 1 - n.exp
		mant = uint64(b[n.digits] - '0')
		if n.point > n.digits+1 {
			mant = decimal(b, n.digits+1, n.point, mant)
		}
		mant = decimal(b, n.point+1, n.exp, mant)
	}
	if n.end > n.exp {
		exp += exponent(b[n.exp+1 : n.end])
	}
	if count > maxDigits && !fewDigits(b[n.digits:n.exp]) || count == 0 {
		return 0, 0, false
	}
	switch {
	case exp <= -len(pow10) || exp >= len(pow10):
		return 0, 0, false
	case exp < 0:
		return float64(mant) / pow10[-exp], mant, true
	}
	return float64(mant) * pow10[exp], mant, true
}

// fewDigits reports whether all digits fit a uint64 when the leading zeros are left out.
func fewDigits(text []byte) bool {
	return len(bytes.TrimLeft(text, "0.")) <= maxDigits
}

// exponent returns the value of an exponent's sign and digits, or one beyond
// every float's if it is.
func exponent(text []byte) int {
	sign := 1
	switch text[0] {
	case '-':
		sign = -1
		text = text[1:]
	case '+':
		text = text[1:]
	}
	e := 0
	for _, c := range text {
		if e < 1e6 {
			e = e*10 + int(c-'0')
		}
	}
	return sign * e
}

// float32 returns the float32 nearest to the number in b. It reports false for one
// that is too large.
func (n number) float32(b []byte) (float32, bool) {
	f, _, ok := n.near(b)
	// To round f instead of the number gives the same unless f is about half way
	// between two float32: then the 29 bits by which a float64 is longer are about
	// one half. Below the normal range more bits than those are dropped.
	const half, margin = 1 << 28, 4
	beyond := math.Float64bits(f) & (2*half - 1)
	ok = ok && beyond-(half-margin) > 2*margin
	if !ok || f < 0x1p-126 && f != 0 || f > math.MaxFloat32 {
		f, ok = n.parse(b, 32)
		return float32(f), ok
	}
	return float32(n.signed(f, b)), true
}

// float64 returns the float64 nearest to the number in b. It reports false for one
// that is too large.
func (n number) float64(b []byte) (float64, bool) {
	f, mant, ok := n.near(b)
	if !ok || mant >= 1<<53 {
		return n.parse(b, 64)
	}
	return n.signed(f, b), true
}

// parse is the long way, for every number.
func (n number) parse(b []byte, size int) (float64, bool) {
	// strconv takes all that is a number here, but also other forms that are not.
	start := n.digits
	if n.negative(b) {
		start--
	}
	f, err := strconv.ParseFloat(string(b[start:n.end]), size)
	return f, err == nil
}

// ranges are the largest magnitudes of each integer type, by sign.
var ranges = [...]struct{ neg, pos uint64 }{
	tensor.Uint8:  {0, math.MaxUint8},
	tensor.Uint16: {0, math.MaxUint16},
	tensor.Uint32: {0, math.MaxUint32},
	tensor.Uint64: {0, math.MaxUint64},
	tensor.Int8:   {-math.MinInt8, math.MaxInt8},
	tensor.Int16:  {-math.MinInt16, math.MaxInt16},
	tensor.Int32:  {-math.MinInt32, math.MaxInt32},
	tensor.Int64:  {-math.MinInt64, math.MaxInt64},
}

// integer returns the number in b as an integer of type d, in two's complement. It
// reports false for one that does not fit, and for one with a point or an exponent,
// whatever its value.
func (n number) integer(b []byte, d tensor.DType) (v uint64, ok bool) {
	if n.point != n.end || n.point == n.digits {
		return 0, false
	}
	if n.point-n.digits <= maxDigits {
		v = decimal(b, n.digits, n.point, 0)
	} else {
		var err error
		if v, err = strconv.ParseUint(string(b[n.digits:n.point]), 10, 64); err != nil {
			return 0, false
		}
	}
	if n.negative(b) {
		return -v, v <= ranges[d].neg
	}
	return v, v <= ranges[d].pos
}
