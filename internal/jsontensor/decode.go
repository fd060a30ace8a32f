package jsontensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"galatea/tensor"
)

// expected says what an element of each type must be; types without a text are
// not supported in JSON.
var expected = [...]string{
	tensor.Bool:   "true or false",
	tensor.Uint8:  "an integer from 0 to 255",
	tensor.Uint16: "an integer from 0 to 65535",
	tensor.Uint32: "an integer from 0 to 4294967295",
	tensor.Uint64: "an integer from 0 to 18446744073709551615",
	tensor.Int8:   "an integer from -128 to 127",
	tensor.Int16:  "an integer from -32768 to 32767",
	tensor.Int32:  "an integer from -2147483648 to 2147483647",
	tensor.Int64:  "an integer from -9223372036854775808 to 9223372036854775807",
	tensor.FP32:   "a number within the range of FP32",
	tensor.FP64:   "a number within the range of FP64",
	tensor.Bytes:  "a string",
}

// supported returns an error that wraps ErrUnsupported unless JSON carries the type.
func supported(d tensor.DType) error {
	if int(d) >= len(expected) || expected[d] == "" {
		return fmt.Errorf("%w: %v", ErrUnsupported, d)
	}
	return nil
}

// Append appends the elements of a `data` value to dst in the form of a tensor's
// bytes. The value is a single element or an array of elements and arrays; as in
// Triton, how it is nested does not matter, only that it has want elements.
//
// Each element must be of type d: integers without a point or exponent and within
// range, floats within range (those that are too small become zero or subnormal,
// as usual), true or false, or strings. On an error it returns dst as it was.
//
// Whatever src says, dst grows by no more than want elements; for BYTES by no more
// than len(src)+4*want.
//
// It returns errors that wrap ErrTooFew or ErrTooMany (and so ErrCount), or
// ErrUnsupported; an *ElementError; a *SyntaxError, which does not happen to what
// Cut returned; and one that wraps ErrDepth for an object in place of an element
// that is nested too deep. The first of them in the order of the text is returned.
func Append(dst, src []byte, d tensor.DType, want int64) ([]byte, error) {
	if err := supported(d); err != nil {
		return dst, err
	}
	if d == tensor.Bytes && uint64(len(src)) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: BYTES of more than 4 GiB", ErrUnsupported)
	}
	e := elements{scanner: scanner{src: src, maxDepth: DefaultDepth, nan: true}}
	out := slices.Grow(dst, room(len(src), d, want))
	for i := e.next(0); i >= 0; i = e.next(i) {
		if e.count >= want {
			e.surplus(i, want)
			break
		}
		if d == tensor.Bytes {
			out, i = e.string(out, i)
		} else {
			var v uint64
			v, i = e.fixed(i, d)
			out = appendBits(out, v, d.Size())
		}
		if i < 0 {
			break
		}
		e.count++
	}
	switch {
	case e.err != nil:
		return dst, e.err
	case e.count < want:
		return dst, fmt.Errorf("%w: expected %d, got %d", ErrTooFew, want, e.count)
	case e.count > want: // which is negative
		return dst, fmt.Errorf("%w: expected %d", ErrTooMany, want)
	}
	return out, nil
}

// room returns how many bytes the elements in a text of n bytes can take, want of
// them at most.
func room(n int, d tensor.DType, want int64) int {
	shortest := 2 // a digit and a comma
	if d == tensor.Bytes {
		shortest = 3
	}
	count := int(max(0, min(want, int64(n/shortest+1))))
	if d == tensor.Bytes {
		return n + 2*count // four bytes for its length, but two quotes less
	}
	return count * d.Size()
}

// elements walks the elements of a value, through nested arrays.
type elements struct {
	scanner
	count int64 // elements read
	ended bool  // an element or an array has ended, so that a comma or bracket follows
}

// next returns the position of the next element. It returns failed, with no error
// set, at the end.
func (e *elements) next(i int) int {
	for {
		i = e.space(i)
		c := e.at(i)
		switch {
		case !e.ended && c != '[':
			e.ended = true
			return i
		case !e.ended:
			e.depth++
			i = e.space(i + 1)
			e.ended = e.at(i) == ']'
		case e.depth == 0:
			e.end(i)
			return failed
		case c == ',':
			e.ended = false
			i++
		case c == ']':
			e.depth--
			i++
		default:
			return e.unexpected(i, "',' or ']'")
		}
	}
}

// string appends the string at i and returns the position behind it.
func (e *elements) string(dst []byte, i int) ([]byte, int) {
	if e.at(i) != '"' {
		return dst, e.mismatch(i, tensor.Bytes)
	}
	end := e.str(i)
	if end < 0 {
		return dst, failed
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = unescape(dst, e.src[i+1:end-1])
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, end
}

// fixed returns the bits of the element at i, which is of a type of fixed size, and
// the position behind it.
func (e *elements) fixed(i int, d tensor.DType) (v uint64, end int) {
	switch c := e.at(i); {
	case d == tensor.Bool && c == 't':
		return 1, e.word(i, "true")
	case d == tensor.Bool && c == 'f':
		return 0, e.word(i, "false")
	case d != tensor.Bool && (startsNumber(c) || c == 'N' || c == 'I'):
		n := e.number(i)
		if n.end < 0 {
			return 0, failed
		}
		var ok bool
		switch d {
		case tensor.FP32:
			var f float32
			f, ok = n.float32(e.src)
			v = uint64(math.Float32bits(f))
		case tensor.FP64:
			var f float64
			f, ok = n.float64(e.src)
			v = math.Float64bits(f)
		default:
			v, ok = n.integer(e.src, d)
		}
		if ok {
			return v, n.end
		}
	}
	return 0, e.mismatch(i, d)
}

// appendBits appends the low size bytes of v.
func appendBits(dst []byte, v uint64, size int) []byte {
	switch size {
	case 1:
		return append(dst, byte(v))
	case 2:
		return binary.LittleEndian.AppendUint16(dst, uint16(v))
	case 4:
		return binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(dst, v)
}

// surplus fails because the value at i is one more than want, or no value at all.
func (e *elements) surplus(i int, want int64) {
	e.depth = 0 // what is around it does not count here
	if e.value(i) >= 0 {
		e.err = fmt.Errorf("%w: expected %d", ErrTooMany, want)
	}
}

// mismatch fails because the value at i is not of type d, or no value at all.
func (e *elements) mismatch(i int, d tensor.DType) int {
	e.depth = 0 // what is around it does not count here
	if end := e.value(i); end >= 0 {
		e.err = &ElementError{Index: e.count, Expected: expected[d], Got: brief(e.src[i:end])}
	}
	return failed
}
