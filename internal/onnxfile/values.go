package onnxfile

import (
	"fmt"

	"galatea/tensor"
)

// maxRank is far more dimensions than any tensor has.
const maxRank = 1000

// value reads an input or output of the graph.
func (p *parser) value(msg span) (Value, error) {
	const size = 160 // of a Value
	if err := p.src.keep(size); err != nil {
		return Value{}, err
	}
	var v Value
	for f, err := range p.src.each(msg) {
		if err != nil {
			return Value{}, err
		}
		switch f.tag {
		case valueName:
			v.Spec.Name, err = p.src.text(f.body)
		case valueType:
			err = p.valueType(f.body, &v)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return v, p.src.keep(int64(len(v.Type)))
}

// valueType reads the type of an input or output into v. Of several types the
// last one holds.
func (p *parser) valueType(msg span, v *Value) error {
	for f, err := range p.src.each(msg) {
		if err != nil {
			return err
		}
		kind := kindOf(f.tag)
		if kind == Untyped {
			continue
		}
		*v = Value{Kind: kind, Spec: tensor.Spec{Name: v.Spec.Name}}
		if kind == Tensor || kind == Sparse {
			err = p.tensorType(f.body, v)
		} else {
			v.Type, err = p.nestedType(kind, f.body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func kindOf(t uint64) Kind {
	switch t {
	case typeTensor:
		return Tensor
	case typeSequence:
		return Sequence
	case typeMap:
		return Map
	case typeOptional:
		return Optional
	case typeSparse:
		return Sparse
	case typeOpaque:
		return Opaque
	}
	return Untyped
}

// tensorType reads the type of a tensor, dense or sparse, into v.
func (p *parser) tensorType(msg span, v *Value) error {
	var e elem
	for f, err := range p.src.each(msg) {
		if err != nil {
			return err
		}
		switch f.tag {
		case typeElem:
			e = elem(f.number)
		case typeShape:
			v.HasShape = true
			err = p.shape(f.body, v)
		}
		if err != nil {
			return err
		}
	}
	v.Type = "tensor(" + e.String() + ")"
	if v.Kind == Sparse {
		v.Type = "sparse_" + v.Type
		return nil
	}
	v.Spec.DType = e.dtype()
	return nil
}

// shape appends the dimensions to v's.
func (p *parser) shape(msg span, v *Value) error {
	if v.Spec.Shape == nil {
		v.Spec.Shape = tensor.Shape{}
	}
	for f, err := range p.src.each(msg) {
		if err != nil {
			return err
		}
		if f.tag != shapeDim {
			continue
		}
		if len(v.Spec.Shape) == maxRank {
			return fmt.Errorf("%w: %q has more than %d dimensions", ErrInvalid, v.Spec.Name, maxRank)
		}
		const size = 24 // of a dimension and the header of its name
		if err := p.src.keep(size); err != nil {
			return err
		}
		d, symbol, err := p.dimension(f.body)
		if err != nil {
			return err
		}
		v.Spec.Shape = append(v.Spec.Shape, d)
		v.Symbols = append(v.Symbols, symbol)
	}
	return nil
}

// dimension reads one dimension. Some exporters write -1 for one that is unknown;
// every negative number is taken as that.
func (p *parser) dimension(msg span) (int64, string, error) {
	d, symbol := int64(tensor.Dynamic), ""
	for f, err := range p.src.each(msg) {
		if err != nil {
			return 0, "", err
		}
		switch f.tag {
		case dimValue:
			d, symbol = max(int64(f.number), tensor.Dynamic), ""
		case dimSymbol:
			d = tensor.Dynamic
			symbol, err = p.src.text(f.body)
		}
		if err != nil {
			return 0, "", err
		}
	}
	return d, symbol, nil
}

// typeString spells a type that is inside another one.
func (p *parser) typeString(msg span) (string, error) {
	name := "?"
	for f, err := range p.src.each(msg) {
		if err != nil {
			return "", err
		}
		switch kind := kindOf(f.tag); kind {
		case Untyped:
		case Tensor, Sparse:
			v := Value{Kind: kind}
			err = p.tensorType(f.body, &v)
			name = v.Type
		case Sequence, Map, Optional, Opaque:
			name, err = p.nestedType(kind, f.body)
		}
		if err != nil {
			return "", err
		}
	}
	return name, nil
}

// nestedType spells a type that holds another one, or is opaque.
func (p *parser) nestedType(kind Kind, msg span) (string, error) {
	key, inner := elem(0), "?"
	for f, err := range p.src.each(msg) {
		if err != nil {
			return "", err
		}
		switch {
		case kind == Map && f.tag == typeKey:
			key = elem(f.number)
		case kind == Map && f.tag == typeValue, kind != Map && kind != Opaque && f.tag == typeInner:
			inner, err = p.typeString(f.body)
		}
		if err != nil {
			return "", err
		}
	}
	switch kind {
	case Sequence:
		return "seq(" + inner + ")", nil
	case Map:
		return "map(" + key.String() + "," + inner + ")", nil
	case Optional:
		return "optional(" + inner + ")", nil
	case Opaque, Untyped, Tensor, Sparse: // the last three are not nested
	}
	return "opaque", nil
}
