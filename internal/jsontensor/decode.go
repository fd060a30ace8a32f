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
// Parse returned; and one that wraps ErrDepth for an object in place of an element
// that is nested too deep. The first of them in the order of the text is returned.
func Append(dst, src []byte, d tensor.DType, want int64) ([]byte, error) {
	if err := supported(d); err != nil {
		return dst, err
	}
	if d == tensor.Bytes && uint64(len(src)) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: BYTES of more than 4 GiB", ErrUnsupported)
	}
	e := elements{scanner: scanner{src: src, maxDepth: DefaultDepth, nan: true}, want: want}
	out := e.append(slices.Grow(dst, room(len(src), d, want)), d)
	switch {
	case e.err != nil:
		return dst, e.err
	case e.count < want:
		return dst, fmt.Errorf("%w: expected %d, got %d", ErrTooFew, want, e.count)
	case e.count > want: // which is negative
		return dst, e.tooMany()
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
	count  int64 // elements seen
	want   int64 // how many there may be
	nested bool  // how they are nested matters
	nest   nest  // follows that
}

// append appends the elements, all of type d. It ends at the first that is wrong, having set err.
func (e *elements) append(dst []byte, d tensor.DType) []byte {
	switch d {
	case tensor.FP32:
		return e.float32s(dst)
	case tensor.FP64:
		return e.float64s(dst)
	case tensor.Bool:
		return e.bools(dst)
	case tensor.Bytes:
		return e.strings(dst)
	default:
		return e.integers(dst, d)
	}
}

// next counts an element and returns its position: at i or, if an element has ended
// there, behind the comma and brackets that follow. At the end of the value it
// returns failed, with no error set.
func (e *elements) next(i int, ended bool) int {
	for {
		var c byte
		i, c = e.token(i)
		if ended {
			switch {
			case e.depth == 0:
				e.end(i)
				return failed
			case c == ']': // an array ends as an element does
				if e.nested && !e.leaveNest(i) {
					return failed
				}
				e.depth--
				i++
				continue
			case c != ',':
				return e.unexpected(i, "',' or ']'")
			}
			i, c = e.token(i + 1)
		}
		if c != '[' {
			if e.count >= e.want {
				return e.surplus(i)
			}
			e.count++
			return i
		}
		if e.nested && !e.enterNest(i) {
			return failed
		}
		e.depth++
		i, c = e.token(i + 1)
		ended = c == ']'
	}
}

// surplus fails because the value at i is one more than wanted, or no value at all.
func (e *elements) surplus(i int) int {
	e.depth = 0 // what is around it does not count here
	if e.value(i) >= 0 {
		e.err = e.tooMany()
	}
	return failed
}

func (e *elements) tooMany() error { return fmt.Errorf("%w: expected %d", ErrTooMany, e.want) }

// mismatch fails because the value at i is not of type d, or no value at all.
func (e *elements) mismatch(i int, d tensor.DType) int {
	e.depth = 0 // what is around it does not count here
	if end := e.value(i); end >= 0 {
		e.err = &ElementError{Index: e.count - 1, Expected: expected[d], Got: Brief(e.src[i:end])}
	}
	return failed
}

func (e *elements) float32s(dst []byte) []byte {
	for i := e.next(0, false); i >= 0; i = e.next(i, true) {
		f, _, end := short(e.src, i)
		if end < 0 || !roundsAlike(f) {
			if f, end = e.longFloat(i, tensor.FP32); end < 0 {
				break
			}
		}
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f)))
		i = end
	}
	return dst
}

func (e *elements) float64s(dst []byte) []byte {
	for i := e.next(0, false); i >= 0; i = e.next(i, true) {
		f, mant, end := short(e.src, i)
		if end < 0 || mant >= 1<<53 {
			if f, end = e.longFloat(i, tensor.FP64); end < 0 {
				break
			}
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		i = end
	}
	return dst
}

func (e *elements) integers(dst []byte, d tensor.DType) []byte {
	size := d.Size()
	for i := e.next(0, false); i >= 0; i = e.next(i, true) {
		var v uint64
		if v, i = e.integer(i, d); i < 0 {
			break
		}
		switch size {
		case 1:
			dst = append(dst, byte(v))
		case 2:
			dst = binary.LittleEndian.AppendUint16(dst, uint16(v))
		case 4:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		default:
			dst = binary.LittleEndian.AppendUint64(dst, v)
		}
	}
	return dst
}

func (e *elements) bools(dst []byte) []byte {
	for i := e.next(0, false); i >= 0; i = e.next(i, true) {
		switch e.at(i) {
		case 't':
			dst, i = append(dst, 1), e.word(i, "true")
		case 'f':
			dst, i = append(dst, 0), e.word(i, "false")
		default:
			i = e.mismatch(i, tensor.Bool)
		}
		if i < 0 {
			break
		}
	}
	return dst
}

func (e *elements) strings(dst []byte) []byte {
	for i := e.next(0, false); i >= 0; i = e.next(i, true) {
		if e.at(i) == '{' && e.nested {
			if dst, i = e.encoded(dst, i); i < 0 {
				break
			}
			continue
		}
		if e.at(i) != '"' {
			e.mismatch(i, tensor.Bytes)
			break
		}
		end := e.str(i)
		if end < 0 {
			break
		}
		start := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = unescape(dst, e.src[i+1:end-1])
		binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
		i = end
	}
	return dst
}
