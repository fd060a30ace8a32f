package onnxfile

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"galatea/tensor"
)

// constant is what is read of a TensorProto. Its elements are stepped over.
type constant struct {
	name     span
	elements int64
	bytes    int64
}

// initializer counts a constant of a graph.
func (p *parser) initializer(body span, outermost bool) error {
	c, err := p.tensor(body)
	if err != nil {
		return err
	}
	return p.count(c, outermost)
}

// sparseInitializer counts the elements that a sparse constant stores.
func (p *parser) sparseInitializer(body span, outermost bool) error {
	c, err := p.sparse(body)
	if err != nil {
		return err
	}
	return p.count(c, outermost)
}

func (p *parser) count(c constant, outermost bool) error {
	f := p.file
	f.Parameters = saturate(f.Parameters, c.elements)
	f.ParameterBytes = saturate(f.ParameterBytes, c.bytes)
	if !outermost {
		return nil
	}
	name, err := p.src.text(c.name)
	if err != nil {
		return err
	}
	p.initial[name] = struct{}{}
	return nil
}

// sparse reads a sparse constant; its name is that of its values.
func (p *parser) sparse(body span) (constant, error) {
	var values constant
	for f, err := range p.src.each(body) {
		if err != nil {
			return constant{}, err
		}
		switch f.tag {
		case sparseValues:
			values, err = p.tensor(f.body)
		case sparseIndices:
			_, err = p.tensor(f.body)
		}
		if err != nil {
			return constant{}, err
		}
	}
	return values, nil
}

// tensor reads a constant, and adds the file that holds its elements, if they
// are in one.
func (p *parser) tensor(body span) (constant, error) {
	var c constant
	var shape tensor.Shape
	var e elem
	var text int64
	var entries []span // of external_data
	outside := false
	for f, err := range p.src.each(body) {
		if err != nil {
			return constant{}, err
		}
		switch f.tag {
		case tensorDim:
			shape, err = p.tensorDim(shape, f.number)
		case tensorDims:
			shape, err = p.tensorDims(shape, f.body)
		case tensorDataType:
			e = elem(f.number)
		case tensorStringData:
			text += f.body.size()
		case tensorName:
			c.name = f.body
		case tensorExternal:
			entries, err = appendEntry(entries, f.body)
		case tensorLocation:
			outside = f.number == 1
		}
		if err != nil {
			return constant{}, err
		}
	}
	var err error
	if c.elements, err = shape.Elements(); err != nil {
		return constant{}, fmt.Errorf("%w: constant %s has the shape %s", ErrInvalid, p.quote(c.name), shape)
	}
	c.bytes = saturate(packed(c.elements, e.bits()), text)
	if outside {
		err = p.addExternal(c, entries)
	}
	return c, err
}

func (p *parser) tensorDim(shape tensor.Shape, d uint64) (tensor.Shape, error) {
	if len(shape) == maxRank {
		return nil, fmt.Errorf("%w: a constant has more than %d dimensions", ErrInvalid, maxRank)
	}
	return append(shape, int64(d)), nil
}

func (p *parser) tensorDims(shape tensor.Shape, body span) (tensor.Shape, error) {
	for d, err := range p.src.varints(body) {
		if err == nil {
			shape, err = p.tensorDim(shape, d)
		}
		if err != nil {
			return nil, err
		}
	}
	return shape, nil
}

// appendEntry bounds the entries: ONNX defines five.
func appendEntry(entries []span, body span) ([]span, error) {
	const most = 100
	if len(entries) == most {
		return nil, fmt.Errorf("%w: a constant has more than %d entries of external data", ErrInvalid, most)
	}
	return append(entries, body), nil
}

// addExternal adds the file that holds c's elements, by the entries location
// (required), offset and length; a length of zero or none is the constant's own.
func (p *parser) addExternal(c constant, entries []span) error {
	var location, offset, length span
	for _, e := range entries {
		keySpan, value, err := p.entry(e)
		if err != nil {
			return err
		}
		key, err := p.src.name(keySpan)
		if err != nil {
			return err
		}
		switch string(key) {
		case "location":
			location = value
		case "offset":
			offset = value
		case "length":
			length = value
		}
	}
	if location.size() == 0 {
		return fmt.Errorf("%w: constant %s has external data without a location", ErrInvalid, p.quote(c.name))
	}
	start, err := p.decimal(offset)
	if err != nil {
		return fmt.Errorf("%w: constant %s has external data with an unusable offset: %w", ErrInvalid, p.quote(c.name), err)
	}
	size, err := p.decimal(length)
	if err != nil {
		return fmt.Errorf("%w: constant %s has external data with an unusable length: %w", ErrInvalid, p.quote(c.name), err)
	}
	if size == 0 {
		size = c.bytes
	}
	return p.needFile(location, saturate(start, size))
}

// needFile notes that a tensor needs the first size bytes of the file at location.
func (p *parser) needFile(location span, size int64) error {
	name, err := p.shared(location)
	if err != nil {
		return err
	}
	i, ok := p.external[name]
	if !ok {
		const entry = 80
		if err := p.src.keep(entry); err != nil {
			return err
		}
		i = len(p.file.External)
		p.external[name] = i
		p.file.External = append(p.file.External, External{Location: name})
	}
	e := &p.file.External[i]
	e.Size = max(e.Size, size)
	e.Tensors++
	return nil
}

// decimal reads a number written in digits; none at all is zero.
func (p *parser) decimal(body span) (int64, error) {
	b, err := p.src.name(body)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	n, err := strconv.ParseUint(string(b), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("expected a number of bytes, got %.40q", b)
	}
	return int64(n), nil
}

// quote returns a constant's name for an error text.
func (p *parser) quote(name span) string {
	const most = 200
	name.to = min(name.to, name.from+most)
	b, err := p.src.name(name)
	if err != nil {
		return "?"
	}
	return strconv.Quote(string(b))
}

// packed returns the bytes that n elements take.
func packed(n int64, elemBits uint64) int64 {
	hi, lo := bits.Mul64(uint64(n), elemBits)
	if hi >= 8 {
		return math.MaxInt64
	}
	b, rest := bits.Div64(hi, lo, 8)
	if rest > 0 {
		b++
	}
	return int64(min(b, math.MaxInt64))
}

// saturate adds two numbers, neither of which is negative; no sum is larger than
// an int64 can be.
func saturate(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
