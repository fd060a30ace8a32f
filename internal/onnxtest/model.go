package onnxtest

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Model is a model to write. Only Graph is required.
type Model struct {
	IR              int64             // version of the file format; 8 when zero, none written when negative
	Opset           int64             // version of the standard operators; 17 when zero, none written when negative
	Opsets          map[string]int64  // versions of other domains' operators
	Producer        string            // what made the model
	ProducerVersion string            //
	Domain          string            // the model's own name space
	Version         int64             // the model's own version
	Doc             string            //
	Metadata        map[string]string // written in the order of the keys
	Graph           *Graph            // may be nil, for a file without one
	Functions       []Function        // operators that the model itself defines
}

// Function is an operator defined by the model that uses it.
type Function struct {
	Domain, Name string
	Inputs       []string
	Outputs      []string
	Opset        int64  // of the standard operators in the body; 17 when zero
	Body         *Graph // only its nodes are written
}

// Bytes returns the model as the content of a .onnx file.
func (m Model) Bytes() []byte {
	msg := m.message()
	return msg.encode()
}

// WriteFile writes the model to path. Tensors made by Zeros become holes, so a
// large file costs neither memory nor, on most file systems, disk.
func (m Model) WriteFile(path string) error {
	msg := m.message()
	return msg.writeFile(path)
}

func (m Model) message() message {
	var out message
	if ir := orDefault(m.IR, 8); ir > 0 {
		out.varint(1, ir)
	}
	out.text(2, m.Producer)
	out.text(3, m.ProducerVersion)
	out.text(4, m.Domain)
	if m.Version != 0 {
		out.varint(5, m.Version)
	}
	out.text(6, m.Doc)
	if m.Graph != nil {
		out.child(7, m.Graph.message())
	}
	if v := orDefault(m.Opset, 17); v > 0 {
		opset(&out, 8, "", v)
	}
	for _, domain := range slices.Sorted(maps.Keys(m.Opsets)) {
		opset(&out, 8, domain, m.Opsets[domain])
	}
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		out.entry(14, key, m.Metadata[key])
	}
	for _, f := range m.Functions {
		out.child(25, f.message())
	}
	return out
}

func (f Function) message() message {
	var out message
	out.text(1, f.Name)
	for _, name := range f.Inputs {
		out.bytes(4, []byte(name))
	}
	for _, name := range f.Outputs {
		out.bytes(5, []byte(name))
	}
	for _, n := range f.Body.nodes {
		out.child(7, n)
	}
	opset(&out, 9, "", orDefault(f.Opset, 17))
	out.text(10, f.Domain)
	return out
}

func opset(out *message, num protowire.Number, domain string, version int64) {
	var m message
	m.text(1, domain)
	m.varint(2, version)
	out.child(num, m)
}

func orDefault(v, def int64) int64 {
	if v == 0 {
		return def
	}
	return v
}

// Graph is a graph under construction: a model's, or one inside a node's
// attribute. Its methods append, and are not safe for concurrent use.
type Graph struct {
	Name string
	Doc  string

	nodes        []message
	inputs       []message
	outputs      []message
	values       []message
	initializers []message
	sparse       []message
}

// NewGraph returns an empty graph.
func NewGraph(name string) *Graph { return &Graph{Name: name} }

// Input declares an input.
func (g *Graph) Input(name string, t Type) { g.inputs = append(g.inputs, valueInfo(name, t)) }

// Output declares an output.
func (g *Graph) Output(name string, t Type) { g.outputs = append(g.outputs, valueInfo(name, t)) }

// Value declares the type of a value between two nodes.
func (g *Graph) Value(name string, t Type) { g.values = append(g.values, valueInfo(name, t)) }

// Initializer adds a constant. One that has an input's name is that input's
// value when a caller gives none.
func (g *Graph) Initializer(t Tensor) { g.initializers = append(g.initializers, t.message()) }

// SparseInitializer adds a constant in sparse form, called by the name of values.
func (g *Graph) SparseInitializer(values, indices Tensor, dims ...int64) {
	var m message
	m.child(1, values.message())
	m.child(2, indices.message())
	for _, d := range dims {
		m.varint(3, d)
	}
	g.sparse = append(g.sparse, m)
}

// Node adds a standard operator. Inputs and outputs are names with commas
// between them; an optional one is left out by an empty name.
func (g *Graph) Node(op, inputs, outputs string, attrs ...Attr) {
	g.NodeIn("", op, inputs, outputs, attrs...)
}

// NodeIn adds an operator of the given domain, such as com.microsoft.
func (g *Graph) NodeIn(domain, op, inputs, outputs string, attrs ...Attr) {
	var m message
	for _, name := range names(inputs) {
		m.bytes(1, []byte(name))
	}
	for _, name := range names(outputs) {
		m.bytes(2, []byte(name))
	}
	m.text(4, op)
	for _, a := range attrs {
		m.child(5, a.message)
	}
	m.text(7, domain)
	g.nodes = append(g.nodes, m)
}

func names(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func (g *Graph) message() message {
	var out message
	for _, n := range g.nodes {
		out.child(1, n)
	}
	out.text(2, g.Name)
	for _, t := range g.initializers {
		out.child(5, t)
	}
	out.text(10, g.Doc)
	for _, v := range g.inputs {
		out.child(11, v)
	}
	for _, v := range g.outputs {
		out.child(12, v)
	}
	for _, v := range g.values {
		out.child(13, v)
	}
	for _, t := range g.sparse {
		out.child(15, t)
	}
	return out
}

func valueInfo(name string, t Type) message {
	var m message
	m.text(1, name)
	if t.size > 0 {
		m.child(2, t.message)
	}
	return m
}
