package jsontensor

import (
	"bytes"
	"fmt"
)

// DefaultInputs is how many inputs a request may have where the caller does not say.
const DefaultInputs = 4096

// Limits bound what Cut takes. Zero values stand for the defaults.
type Limits struct {
	Depth  int // how deep arrays and objects may nest, the outermost being 1
	Inputs int // how many elements the array `inputs` may have
}

// Cut checks that body is one JSON value and takes it apart: it appends the body
// to dst with the value of `data` in each element of the top-level array `inputs`
// replaced by 0, and returns those values beside it. data[i] belongs to inputs[i]
// and aliases body; it is nil where that input has no `data`.
//
// Keys are compared as encoding/json compares them: unescaped, and whatever their
// case. Since it would be unclear which one counts, a second `inputs`, or a second
// `data` in one input, is a syntax error. So rest, decoded with encoding/json,
// never has more inputs than there are elements in data. A body without such an
// array, or that is no object at all, is returned whole, with no data.
//
// It returns a *SyntaxError for text that is not JSON, and errors that wrap
// ErrDepth and ErrInputs for what exceeds a limit.
func Cut(dst, body []byte, l Limits) (rest []byte, data [][]byte, err error) {
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Inputs <= 0 {
		l.Inputs = DefaultInputs
	}
	c := cutter{scanner: scanner{src: body, maxDepth: l.Depth}, maxInputs: l.Inputs, rest: dst}
	if c.body() < 0 {
		return dst, nil, c.err
	}
	return append(c.rest, body[c.copied:]...), c.data, nil
}

// cutter walks a request body.
type cutter struct {
	scanner
	maxInputs int
	inputs    bool     // the key has been seen
	data      [][]byte // the last is that of the input being walked
	rest      []byte   // what replaces src[:copied]
	copied    int
}

func (c *cutter) body() int {
	i, first := c.token(0)
	if first == '{' {
		i = c.object(i, c.topMember)
	} else {
		i = c.value(i)
	}
	if i < 0 {
		return failed
	}
	return c.end(i)
}

func (c *cutter) topMember(i int, key []byte) int {
	if !isKey(key, "inputs") {
		return c.value(i)
	}
	if c.inputs {
		return c.fail(i, `duplicate key "inputs"`)
	}
	c.inputs = true
	if c.at(i) != '[' {
		return c.value(i)
	}
	return c.array(i, c.input)
}

func (c *cutter) input(i int) int {
	if len(c.data) >= c.maxInputs {
		c.err = fmt.Errorf("%w: expected at most %d", ErrInputs, c.maxInputs)
		return failed
	}
	c.data = append(c.data, nil)
	if c.at(i) != '{' {
		return c.value(i)
	}
	return c.object(i, c.inputMember)
}

func (c *cutter) inputMember(i int, key []byte) int {
	if !isKey(key, "data") {
		return c.value(i)
	}
	data := &c.data[len(c.data)-1]
	if *data != nil {
		return c.fail(i, `duplicate key "data"`)
	}
	c.nan = true
	end := c.value(i)
	c.nan = false
	if end < 0 {
		return failed
	}
	*data = c.src[i:end:end]
	c.rest = append(c.rest, c.src[c.copied:i]...)
	c.rest = append(c.rest, '0')
	c.copied = end
	return end
}

// isKey reports whether a key, still escaped, is name to encoding/json.
func isKey(raw []byte, name string) bool {
	var buf [6 * len("inputs")]byte // every letter escaped
	if bytes.IndexByte(raw, '\\') >= 0 {
		if len(raw) > len(buf) {
			return false
		}
		raw = unescape(buf[:0], raw)
	}
	return bytes.EqualFold(raw, []byte(name))
}
