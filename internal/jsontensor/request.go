package jsontensor

import (
	"bytes"
	"fmt"
	"math"
)

// Defaults of Limits.
const (
	DefaultInputs = 4096
	DefaultRest   = 4 << 20
)

// Limits bound what Parse takes. Zero values stand for the defaults.
type Limits struct {
	Depth  int // how deep arrays and objects may nest, the outermost being 1
	Inputs int // how many elements the array `inputs` may have
	Rest   int // how many bytes there may be beside the values of `data`
}

// Request is the JSON of an inference request, taken apart by Parse. What it holds
// aliases the body that was parsed, or memory of the Request's own for strings that
// were escaped; both are valid until the next Parse or Reset. The zero value is
// ready for use, and one that is used again allocates nothing for requests like
// those before.
type Request struct {
	ID         []byte // nil: none
	Parameters []Parameter
	Inputs     []Input
	Outputs    []Output
	HasInputs  bool // there is an array `inputs`

	nested  []Parameter // of inputs and outputs
	dims    []uint64    // of inputs
	strings []byte      // that were escaped
}

// Input is an element of `inputs`.
type Input struct {
	Name       []byte   // nil: there is none
	DataType   []byte   // nil: there is none
	Shape      []uint64 // nil: there is none
	Parameters []Parameter
	Data       []byte // the text of `data`, checked to be a value; nil: there is none
}

// Output is an element of `outputs`.
type Output struct {
	Name       []byte // nil: there is none
	Parameters []Parameter
}

// Parameter is a member of an object `parameters`.
type Parameter struct {
	Name  []byte
	Value []byte // its text, checked to be a value
}

// Reset forgets what was parsed and keeps the memory for what is parsed next.
func (r *Request) Reset() {
	clear(r.Inputs)
	clear(r.Outputs)
	clear(r.Parameters)
	clear(r.nested)
	*r = Request{
		Inputs: r.Inputs[:0], Outputs: r.Outputs[:0], Parameters: r.Parameters[:0],
		nested: r.nested[:0], dims: r.dims[:0], strings: r.strings[:0],
	}
}

// Parse checks that body is one JSON value and takes it apart as a request. Members
// that no request has are checked and dropped; null stands for a member that is not
// there. Of parameters with the same name, all are kept; any other member that is
// there twice is a syntax error, since it would be unclear which one counts.
//
// It returns a *SyntaxError for text that is not JSON, errors that wrap ErrDepth,
// ErrInputs and ErrRest for what exceeds a limit, and, when nothing else is wrong,
// a *FieldError for the first member that is of another type than a request's. After
// an error the Request holds part of the body.
func (r *Request) Parse(body []byte, l Limits) error {
	r.Reset()
	if r.dims == nil { // an empty shape is not a missing one
		r.dims, r.nested = make([]uint64, 0, 8), make([]Parameter, 0, 4)
	}
	p := parser{
		scanner: scanner{src: body, maxDepth: orDefault(l.Depth, DefaultDepth)}, r: r,
		maxInputs: orDefault(l.Inputs, DefaultInputs), maxRest: orDefault(l.Rest, DefaultRest),
	}
	i, first := p.token(0)
	if first == '{' {
		i = p.object(i, p.topMember)
	} else {
		end := p.value(i)
		p.wrong(i, end, "", "object")
		i = end
	}
	if i >= 0 {
		i = p.end(i)
	}
	switch {
	case i < 0:
		return p.err
	case p.rest(i) > p.maxRest:
		p.tooMuch()
		return p.err
	case p.field != nil:
		return p.field
	}
	return nil
}

func orDefault(n, standard int) int {
	if n <= 0 {
		return standard
	}
	return n
}

// parser walks a request. Its methods are like the scanner's.
type parser struct {
	scanner
	r                  *Request
	maxInputs, maxRest int
	cut                int         // bytes of data so far
	field              *FieldError // the first
}

// rest is how many bytes before i are not data.
func (p *parser) rest(i int) int { return i - p.cut }

func (p *parser) tooMuch() int {
	p.err = fmt.Errorf("%w: expected at most %d bytes", ErrRest, p.maxRest)
	return failed
}

// wrong notes that the value from i to end, unless it is none at all, is of the wrong type.
func (p *parser) wrong(i, end int, field, expected string) {
	if end >= 0 && p.field == nil {
		p.field = &FieldError{Field: field, Expected: expected, Got: typeOf(p.src[i])}
	}
}

// wrongMember does the same for a member, which may be null.
func (p *parser) wrongMember(i, end int, field, expected string) int {
	if p.at(i) != 'n' {
		p.wrong(i, end, field, expected)
	}
	return end
}

// typeOf names the type of a value by its first byte.
func typeOf(c byte) string {
	switch c {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// seen fails because a member is there twice.
func (p *parser) seen(i int, key string) int { return p.fail(i, fmt.Sprintf("duplicate key %q", key)) }

// is reports whether a key, still escaped, is name.
func is(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key) == name
	}
	var buf [6 * len("parameters")]byte // every letter escaped
	return len(key) <= len(buf) && string(unescape(buf[:0], key)) == name
}

func (p *parser) topMember(i int, key []byte) int {
	r := p.r
	switch {
	case is(key, "inputs"):
		if r.HasInputs {
			return p.seen(i, "inputs")
		}
		r.HasInputs = p.at(i) != 'n'
		return p.list(i, "inputs", p.input)
	case is(key, "outputs"):
		if len(r.Outputs) > 0 {
			return p.seen(i, "outputs")
		}
		return p.list(i, "outputs", p.output)
	case is(key, "parameters"):
		if len(r.Parameters) > 0 {
			return p.seen(i, "parameters")
		}
		return p.parameters(i, &r.Parameters)
	case is(key, "id"):
		return p.text(i, "id", &r.ID)
	default:
		return p.value(i)
	}
}

// list reads an array, whose elements are left to item.
func (p *parser) list(i int, field string, item func(i int) int) int {
	if p.at(i) == '[' {
		return p.array(i, item)
	}
	return p.wrongMember(i, p.value(i), field, "array")
}

func (p *parser) input(i int) int {
	if len(p.r.Inputs) >= p.maxInputs {
		p.err = fmt.Errorf("%w: expected at most %d", ErrInputs, p.maxInputs)
		return failed
	}
	p.r.Inputs = append(p.r.Inputs, Input{})
	return p.element(i, "inputs", p.inputMember)
}

func (p *parser) output(i int) int {
	p.r.Outputs = append(p.r.Outputs, Output{})
	return p.element(i, "outputs", p.outputMember)
}

// element reads an object of a list, and bounds how many there are.
func (p *parser) element(i int, field string, member func(i int, key []byte) int) int {
	if p.rest(i) > p.maxRest {
		return p.tooMuch()
	}
	if p.at(i) == '{' {
		return p.object(i, member)
	}
	end := p.value(i)
	p.wrong(i, end, field, "object")
	return end
}

func (p *parser) inputMember(i int, key []byte) int {
	in := &p.r.Inputs[len(p.r.Inputs)-1]
	switch {
	case is(key, "data"):
		if in.Data != nil {
			return p.seen(i, "data")
		}
		p.nan = true
		end := p.value(i)
		p.nan = false
		if end >= 0 {
			in.Data = p.src[i:end:end]
			p.cut += end - i
		}
		return end
	case is(key, "name"):
		return p.text(i, "name", &in.Name)
	case is(key, "datatype"):
		return p.text(i, "datatype", &in.DataType)
	case is(key, "shape"):
		if in.Shape != nil {
			return p.seen(i, "shape")
		}
		return p.shape(i, &in.Shape)
	case is(key, "parameters"):
		if in.Parameters != nil {
			return p.seen(i, "parameters")
		}
		return p.nested(i, &in.Parameters)
	default:
		return p.value(i)
	}
}

func (p *parser) outputMember(i int, key []byte) int {
	out := &p.r.Outputs[len(p.r.Outputs)-1]
	switch {
	case is(key, "name"):
		return p.text(i, "name", &out.Name)
	case is(key, "parameters"):
		if out.Parameters != nil {
			return p.seen(i, "parameters")
		}
		return p.nested(i, &out.Parameters)
	default:
		return p.value(i)
	}
}

// text reads a string into to, which is nil before.
func (p *parser) text(i int, field string, to *[]byte) int {
	if *to != nil {
		return p.seen(i, field)
	}
	end := p.value(i)
	if end >= 0 && p.src[i] == '"' {
		*to = p.plain(p.src[i+1 : end-1])
		return end
	}
	return p.wrongMember(i, end, field, "string")
}

// plain returns the content of a checked string.
func (p *parser) plain(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	from := len(p.r.strings)
	p.r.strings = unescape(p.r.strings, raw)
	return p.r.strings[from:len(p.r.strings):len(p.r.strings)]
}

// nested reads an input's or output's parameters.
func (p *parser) nested(i int, to *[]Parameter) int {
	from := len(p.r.nested)
	end := p.parameters(i, &p.r.nested)
	*to = p.r.nested[from:len(p.r.nested):len(p.r.nested)]
	return end
}

// parameters reads an object `parameters` and appends its members to to.
func (p *parser) parameters(i int, to *[]Parameter) int {
	if p.at(i) != '{' {
		return p.wrongMember(i, p.value(i), "parameters", "object")
	}
	return p.object(i, func(i int, key []byte) int {
		if p.rest(i) > p.maxRest {
			return p.tooMuch()
		}
		end := p.value(i)
		if end >= 0 {
			*to = append(*to, Parameter{p.plain(key), p.src[i:end:end]})
		}
		return end
	})
}

// shape reads an array of dimensions. A dimension that is none is noted, once.
func (p *parser) shape(i int, to *[]uint64) int {
	from := len(p.r.dims)
	end := p.list(i, "shape", func(i int) int {
		end := p.value(i)
		if end < 0 {
			return failed
		}
		n, whole := unsigned(p.src[i:end])
		if !whole {
			p.wrong(i, end, "shape", "unsigned-integer")
		}
		p.r.dims = append(p.r.dims, n)
		if p.rest(i) > p.maxRest {
			return p.tooMuch()
		}
		return end
	})
	if end >= 0 && p.src[i] == '[' {
		*to = p.r.dims[from:len(p.r.dims):len(p.r.dims)]
	}
	return end
}

// unsigned reads the text of a value as a number without sign, point or exponent.
func unsigned(text []byte) (n uint64, ok bool) {
	for _, c := range text {
		digit := uint64(c - '0')
		if !isDigit(c) || n > (math.MaxUint64-digit)/10 {
			return 0, false
		}
		n = 10*n + digit
	}
	return n, true
}
