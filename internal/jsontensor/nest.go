package jsontensor

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"galatea/tensor"
)

// AppendNested is Append for a value whose nesting is the tensor's shape, as
// TensorFlow Serving has it: an element alone is a scalar, an array a list of equal
// parts. It appends the dimensions to shape. Besides, an element of BYTES may be an
// object {"b64": "..."} that holds it in base64.
//
// Whatever src says, dst grows by no more than an element for each comma of src and
// one more; for BYTES by no more than len(src)+2, and two bytes for each comma. It
// returns errors as Append does, but for those of the number of elements, and besides a
// *NestError, or one that wraps ErrBase64.
func AppendNested(dst []byte, shape tensor.Shape, src []byte, d tensor.DType) ([]byte, tensor.Shape, error) {
	if err := supported(d); err != nil {
		return dst, shape, err
	}
	if d == tensor.Bytes && uint64(len(src)) > math.MaxUint32 {
		return dst, shape, fmt.Errorf("%w: BYTES of more than 4 GiB", ErrUnsupported)
	}
	e := elements{
		scanner: scanner{src: src, maxDepth: DefaultDepth, nan: true}, want: math.MaxInt64,
		nested: true, nest: nest{rank: unknown, dims: shape[len(shape):]},
	}
	most := int64(bytes.Count(src, []byte{','})) + 1
	out := e.append(slices.Grow(dst, room(len(src), d, most)), d)
	if e.err != nil {
		return dst, shape, e.err
	}
	return out, append(shape, e.nest.dims...), nil
}

// nest follows the arrays around the elements. It looks at brackets only: the elements
// between two of them are counted by then.
type nest struct {
	rank  int     // at how many arrays the elements are; unknown before the first, or the first empty array
	dims  []int64 // by depth; unknown before the first array there has ended
	parts []int64 // how many arrays the array open at each depth has had
	mark  int64   // how many elements there were at the last bracket
	from  int     // the position behind it
}

// unknown stands for a rank or a dimension that is not known yet.
const unknown = -1

// settle makes rank known when there has been an element.
func (e *elements) settle() {
	if n := &e.nest; n.rank == unknown && e.count > 0 {
		n.rank = e.depth // no bracket came between
	}
}

// enterNest follows the bracket at i that opens an array.
func (e *elements) enterNest(i int) bool {
	n := &e.nest
	e.settle()
	switch {
	case e.depth >= e.maxDepth:
		e.err = fmt.Errorf("%w (%d)", ErrDepth, e.maxDepth)
		return false
	case n.rank != unknown && e.depth >= n.rank:
		e.err = &NestError{Kind: TooDeep, Level: e.depth, Expected: int64(n.rank)}
		return false
	case e.count > n.mark:
		return e.misplaced()
	}
	if e.depth == len(n.dims) {
		n.dims = append(n.dims, unknown)
	}
	if e.depth == len(n.parts) {
		n.parts = append(n.parts, 0)
	}
	n.parts[e.depth] = 0
	n.mark, n.from = e.count, i+1
	return true
}

// leaveNest follows the bracket at i that closes an array.
func (e *elements) leaveNest(i int) bool {
	n := &e.nest
	e.settle()
	if n.rank == unknown {
		n.rank = e.depth
	}
	level, size := e.depth-1, e.count-n.mark
	if e.depth < n.rank {
		if size > 0 {
			return e.misplaced()
		}
		size = n.parts[level]
	}
	if n.dims[level] == unknown {
		n.dims[level] = size
	}
	if n.dims[level] != size {
		e.err = &NestError{Kind: Uneven, Level: level, Expected: n.dims[level], Got: size}
		return false
	}
	if level > 0 {
		n.parts[level-1]++
	}
	n.mark, n.from = e.count, i+1
	return true
}

// misplaced fails because there have been elements since the last bracket where only
// arrays should be.
func (e *elements) misplaced() bool {
	i, c := e.token(e.nest.from)
	if c == ',' {
		i, _ = e.token(i + 1)
	}
	level := e.depth
	e.depth = 0 // what is around it does not count here
	if end := e.value(i); end >= 0 {
		e.err = &NestError{Kind: TooShallow, Level: level, Expected: int64(e.nest.rank), Value: Brief(e.src[i:end])}
	}
	return false
}

// encoded appends the element that the object at i holds in base64.
func (e *elements) encoded(dst []byte, i int) (out []byte, end int) {
	if end = e.value(i); end < 0 {
		return dst, failed
	}
	text, is := Base64(e.src[i:end])
	if !is {
		return dst, e.mismatch(i, tensor.Bytes)
	}
	start := len(dst)
	dst, e.err = appendBase64(append(dst, 0, 0, 0, 0), text)
	if e.err != nil {
		return dst, failed
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, end
}

// Base64 returns the content of value, which has to be checked JSON, if that is an
// object {"b64": "..."} without anything else.
func Base64(value []byte) (content []byte, is bool) {
	if len(value) == 0 || value[0] != '{' {
		return nil, false
	}
	members := 0
	err := Members(value, func(name, value []byte) error {
		members++
		if string(name) == "b64" {
			content, is = Text(value)
		}
		return nil
	})
	return content, is && err == nil && members == 1
}

// appendBase64 decodes as TensorFlow Serving does: the padding may be missing, and
// there may be white space.
func appendBase64(dst, text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, " \t\n\v\f\r") {
		text = bytes.Join(bytes.Fields(text), nil)
	}
	encoding := base64.RawStdEncoding
	if bytes.IndexByte(text, '=') >= 0 {
		encoding = base64.StdEncoding
	}
	dst, err := encoding.AppendDecode(dst, text)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrBase64, err)
	}
	return dst, nil
}
