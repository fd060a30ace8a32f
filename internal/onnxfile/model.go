package onnxfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// parser fills a File from a source.
type parser struct {
	src  *source
	file *File

	hasGraph bool
	initial  map[string]struct{} // names of the graph's initializers
	names    map[string]string   // operator and domain names seen, to share them
	ops      map[Op]int64        // nodes of each operator; the keys' own count is zero
	external map[string]int      // location -> index in file.External
}

func newParser(src *source) *parser {
	return &parser{
		src:      src,
		file:     &File{Metadata: map[string]string{}, Opsets: map[string]int64{}, functionOpsets: map[string]int64{}},
		initial:  map[string]struct{}{},
		names:    map[string]string{},
		ops:      map[Op]int64{},
		external: map[string]int{},
	}
}

// model reads the whole file.
func (p *parser) model() error {
	for f, err := range p.src.each(p.src.all()) {
		if err == nil {
			err = p.modelField(f)
		}
		switch {
		case err == nil:
		case p.file.IRVersion == 0 && !p.hasGraph && (errors.Is(err, ErrInvalid) || errors.Is(err, ErrTruncated)):
			return fmt.Errorf("%w: it starts with no field of a model", ErrNotModel)
		default:
			return err
		}
	}
	return nil
}

func (p *parser) modelField(f field) (err error) {
	file := p.file
	switch f.tag {
	case modelIRVersion:
		file.IRVersion = int64(f.number)
	case modelProducer:
		file.Producer, err = p.src.text(f.body)
	case modelProducerVersion:
		file.ProducerVersion, err = p.src.text(f.body)
	case modelDomain:
		file.Domain, err = p.src.text(f.body)
	case modelVersion:
		file.ModelVersion = int64(f.number)
	case modelDocString:
		file.DocString, err = p.src.text(f.body)
	case modelGraph:
		p.hasGraph = true
		err = p.graph(f.body, true)
	case modelOpset:
		err = p.opset(f.body, file.Opsets)
	case modelMetadata:
		err = p.metadata(f.body)
	case modelFunction:
		err = p.function(f.body)
	}
	return err
}

// finish checks what only the whole file tells, and returns it.
func (p *parser) finish() (*File, error) {
	f := p.file
	switch {
	case !p.hasGraph && f.IRVersion == 0:
		return nil, fmt.Errorf("%w: it holds neither a format version nor a graph", ErrNotModel)
	case !p.hasGraph:
		return nil, fmt.Errorf("%w: the file ends before its graph", ErrTruncated)
	case f.IRVersion <= 0:
		return nil, fmt.Errorf("%w: it holds no format version (ir_version)", ErrInvalid)
	case len(f.Opsets) == 0 && f.IRVersion >= 3:
		return nil, fmt.Errorf("%w: the file ends before the versions of its operators (opset_import)", ErrTruncated)
	}
	for op, nodes := range p.ops {
		op.Nodes = nodes
		f.Ops = append(f.Ops, op)
	}
	slices.SortFunc(f.Ops, func(a, b Op) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Type, b.Type))
	})
	p.settleInputs()
	return f, nil
}

// settleInputs marks the inputs that the graph holds a value for. Before IR
// version 4 every initializer was listed as an input, and was a constant.
func (p *parser) settleInputs() {
	f := p.file
	for i := range f.Inputs {
		_, f.Inputs[i].Spec.Optional = p.initial[f.Inputs[i].Spec.Name]
	}
	if f.IRVersion < 4 {
		f.Inputs = slices.DeleteFunc(f.Inputs, func(v Value) bool { return v.Spec.Optional })
	}
}

// opset adds the version of a domain's operators that is imported to opsets.
func (p *parser) opset(body span, opsets map[string]int64) error {
	domain, version := span{}, int64(0)
	for f, err := range p.src.each(body) {
		if err != nil {
			return err
		}
		switch f.tag {
		case opsetDomain:
			domain = f.body
		case opsetVersion:
			version = int64(f.number)
		}
	}
	name, err := p.domain(domain)
	if err != nil {
		return err
	}
	opsets[name] = version
	return nil
}

func (p *parser) metadata(body span) error {
	key, value, err := p.entry(body)
	if err != nil {
		return err
	}
	name, err := p.src.text(key)
	if err != nil {
		return err
	}
	p.file.Metadata[name], err = p.src.text(value)
	return err
}

// entry returns where the key and the value of a StringStringEntryProto are.
func (p *parser) entry(body span) (key, value span, err error) {
	for f, err := range p.src.each(body) {
		if err != nil {
			return span{}, span{}, err
		}
		switch f.tag {
		case entryKey:
			key = f.body
		case entryValue:
			value = f.body
		}
	}
	return key, value, nil
}

// graph reads the model's graph, or one inside it, whose inputs, outputs and
// names are nobody's concern outside.
func (p *parser) graph(body span, outermost bool) error {
	for f, err := range p.src.each(body) {
		if err != nil {
			return err
		}
		switch f.tag {
		case graphNode:
			err = p.node(f.body)
		case graphInitializer:
			err = p.initializer(f.body, outermost)
		case graphSparse:
			err = p.sparseInitializer(f.body, outermost)
		case graphName, graphInput, graphOutput:
			if outermost {
				err = p.graphFace(f)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// graphFace reads what the outside sees of the graph.
func (p *parser) graphFace(f field) error {
	var err error
	var v Value
	switch f.tag {
	case graphName:
		p.file.GraphName, err = p.src.text(f.body)
	case graphInput:
		if v, err = p.value(f.body); err == nil {
			p.file.Inputs = append(p.file.Inputs, v)
		}
	case graphOutput:
		if v, err = p.value(f.body); err == nil {
			p.file.Outputs = append(p.file.Outputs, v)
		}
	}
	return err
}

// function reads the body of an operator that the model defines itself.
func (p *parser) function(body span) error {
	for f, err := range p.src.each(body) {
		if err != nil {
			return err
		}
		switch f.tag {
		case functionNode:
			err = p.node(f.body)
		case functionDefault:
			err = p.attribute(f.body)
		case functionOpset:
			err = p.opset(f.body, p.file.functionOpsets)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// node counts a node and reads the tensors and graphs in its attributes.
func (p *parser) node(body span) error {
	var domain, opType span
	for f, err := range p.src.each(body) {
		if err != nil {
			return err
		}
		switch f.tag {
		case nodeOpType:
			opType = f.body
		case nodeDomain:
			domain = f.body
		case nodeAttribute:
			err = p.attribute(f.body)
		}
		if err != nil {
			return err
		}
	}
	var op Op
	var err error
	if op.Type, err = p.shared(opType); err != nil {
		return err
	}
	if op.Domain, err = p.domain(domain); err != nil {
		return err
	}
	if _, known := p.ops[op]; !known {
		const size = 80 // of an entry
		if err := p.src.keep(size); err != nil {
			return err
		}
	}
	p.ops[op]++
	p.file.Nodes++
	return nil
}

func (p *parser) attribute(body span) error {
	for f, err := range p.src.each(body) {
		if err != nil {
			return err
		}
		switch f.tag {
		case attrTensor, attrTensors:
			_, err = p.tensor(f.body)
		case attrSparse, attrSparses:
			_, err = p.sparse(f.body)
		case attrGraph, attrGraphs:
			err = p.graph(f.body, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// domain returns the name of an operator domain.
func (p *parser) domain(body span) (string, error) {
	name, err := p.shared(body)
	if err == nil && name == "" {
		name = StandardDomain
	}
	return name, err
}

// shared returns a string of which there are few different ones.
func (p *parser) shared(body span) (string, error) {
	b, err := p.src.name(body)
	if err != nil {
		return "", err
	}
	if s, ok := p.names[string(b)]; ok {
		return s, nil
	}
	s, err := p.src.text(body)
	if err != nil {
		return "", err
	}
	p.names[s] = s
	return s, nil
}
