package tensor

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Dynamic is a dimension that is known only when a request arrives.
const Dynamic = -1

// ErrShape is returned for a shape that cannot be one: a negative dimension, or
// more elements than an int64 can count.
var ErrShape = errors.New("invalid shape")

// Shape is a tensor's dimensions, outermost first. An empty shape is a scalar, which has one element.
type Shape []int64

// Elements returns the number of elements. It returns ErrShape when a dimension
// is negative (so also for a dynamic one) or the product overflows an int64. A
// zero dimension makes the product zero whatever the others are, as long as they
// are not negative.
func (s Shape) Elements() (int64, error) {
	zero := false
	for _, d := range s {
		if d < 0 {
			return 0, ErrShape
		}
		zero = zero || d == 0
	}
	if zero {
		return 0, nil
	}
	n := uint64(1)
	for _, d := range s {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, ErrShape
		}
		n = lo
	}
	return int64(n), nil
}

// Bytes returns the bytes that a tensor of this shape and type holds. It returns
// ErrShape as Elements does, also when the bytes overflow, and for Bytes tensors
// the least there can be: a length prefix each.
func (s Shape) Bytes(d DType) (int64, error) {
	n, err := s.Elements()
	if err != nil {
		return 0, err
	}
	size := int64(d.Size())
	if d == Bytes {
		size = 4
	}
	hi, lo := bits.Mul64(uint64(n), uint64(size))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, ErrShape
	}
	return int64(lo), nil
}

// Static reports whether every dimension is known.
func (s Shape) Static() bool { return !slices.ContainsFunc(s, func(d int64) bool { return d < 0 }) }

// Accepts reports whether a tensor of shape got may stand where s is declared:
// the same rank, and each dimension equal or declared dynamic.
func (s Shape) Accepts(got Shape) bool {
	if len(s) != len(got) {
		return false
	}
	for i, d := range s {
		if d >= 0 && d != got[i] {
			return false
		}
	}
	return true
}

// Relay returns the shape of the form to that a value has whose shape s is of the form
// from: the dynamic dimensions keep their sizes, in order. Both forms have as many of
// them, and the product of the others is the same. s fits from.
func (s Shape) Relay(from, to Shape) Shape {
	out, at := slices.Clone(to), 0
	for i, d := range out {
		if d != Dynamic {
			continue
		}
		for from[at] != Dynamic {
			at++
		}
		out[i] = s[at]
		at++
	}
	return out
}

// Equal reports whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// String returns the shape as Triton prints it: [-1,3,224,224], a scalar's as [].
func (s Shape) String() string {
	b := make([]byte, 0, 2+4*len(s))
	b = append(b, '[')
	for i, d := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, d, 10)
	}
	return string(append(b, ']'))
}
