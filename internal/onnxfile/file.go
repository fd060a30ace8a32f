package onnxfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"galatea/tensor"
)

// The kinds of errors that Read and Parse return for what a file holds. A file
// that is still being copied may give any of them.
var (
	ErrNotModel  = errors.New("not an ONNX model")
	ErrTruncated = errors.New("truncated")
	ErrInvalid   = errors.New("invalid ONNX model")
)

// StandardDomain is the domain of ONNX's own operators. Files may also leave it
// empty; here it is always spelled out.
const StandardDomain = "ai.onnx"

// File is what a .onnx file says of itself. Strings are as the file has them:
// they may be long, and need not be valid UTF-8.
type File struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	Domain          string // the model's own name space, not its operators'
	ModelVersion    int64
	DocString       string
	Metadata        map[string]string
	GraphName       string

	Opsets map[string]int64 // the imported version of each operator domain
	Ops    []Op             // the operators used, sorted by domain and type

	// Inputs are those that a caller may give, in the graph's order. An input
	// for which the graph holds a value is optional; in files older than IR
	// version 4 it is a constant and not among them.
	Inputs  []Value
	Outputs []Value

	Nodes          int64 // in the graph, the graphs inside it and the model's functions
	Parameters     int64 // elements of all initializers, inside and outside the file
	ParameterBytes int64 // bytes that those elements take in memory

	External []External // files that hold tensors' bytes, in the order of their first use

	functionOpsets map[string]int64 // imported by the model's functions, for their bodies
}

// Op is an operator and how many nodes use it.
type Op struct {
	Domain, Type string
	Nodes        int64
}

// Kind is the outermost type of a value.
type Kind uint8

// The kinds of values. Only tensors can be served.
const (
	Untyped Kind = iota // the file declares no type
	Tensor
	Sequence
	Map
	Optional
	Sparse
	Opaque
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Untyped:
		return "untyped"
	case Tensor:
		return "tensor"
	case Sequence:
		return "sequence"
	case Map:
		return "map"
	case Optional:
		return "optional"
	case Sparse:
		return "sparse tensor"
	case Opaque:
		return "opaque"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Value is an input or output of the graph.
type Value struct {
	// Spec is what tensor can say of the value. Its DType is Invalid when it is
	// no tensor or its elements are of a type without a name there; its Shape is
	// nil when HasShape is false. Unknown and symbolic dimensions are Dynamic.
	Spec tensor.Spec

	Kind     Kind
	Type     string   // as ONNX Runtime prints it, such as tensor(float) or seq(map(int64,tensor(float)))
	HasShape bool     // false when not even the rank is declared; a scalar has a shape
	Symbols  []string // the name of each dimension, "" where it has none
}

// External is a file that holds the bytes of one or more tensors.
type External struct {
	Location string // as the file has it: relative to the model's folder, or forged
	Size     int64  // the bytes that the file must have at least
	Tensors  int    // how many tensors are in it
}

// Read reads the .onnx file at path, which must be a regular file. Errors name
// the path.
func Read(path string) (*File, error) {
	f, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return f, nil
}

func read(path string) (*File, error) {
	// Asked before opening: opening a named pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file: it is %s", fileKind(info.Mode()))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = file.Close() }() // only read
	if info, err = file.Stat(); err != nil {
		return nil, reason(err)
	}
	return Parse(file, info.Size())
}

// reason strips a file error of the operation and the path, which the caller names.
func reason(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

func fileKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device or another special file"
	}
}

// Parse reads a model of size bytes from r. It keeps nothing of r.
func Parse(r io.ReaderAt, size int64) (*File, error) {
	src := newSource(r, size)
	if err := sniff(src); err != nil {
		return nil, err
	}
	p := newParser(src)
	if err := p.model(); err != nil {
		return nil, err
	}
	return p.finish()
}

// Signature returns the inputs and outputs for serving. It refuses, by name, what
// is no tensor, elements of a type that tensor has no name for, and inputs of
// unknown rank. An output of unknown rank gets a nil shape, as a scalar does: the
// Value's HasShape tells them apart.
func (f *File) Signature() (tensor.Signature, error) {
	var sig tensor.Signature
	for _, v := range f.Inputs {
		if err := v.servable("input"); err != nil {
			return tensor.Signature{}, err
		}
		if !v.HasShape {
			return tensor.Signature{}, fmt.Errorf("input %q cannot be served: its rank is unknown, the file declares no shape for it", v.Spec.Name)
		}
		sig.Inputs = append(sig.Inputs, v.Spec)
	}
	for _, v := range f.Outputs {
		if err := v.servable("output"); err != nil {
			return tensor.Signature{}, err
		}
		sig.Outputs = append(sig.Outputs, v.Spec)
	}
	return sig, nil
}

func (v Value) servable(what string) error {
	switch {
	case v.Kind == Untyped:
		return fmt.Errorf("%s %q cannot be served: the file declares no type for it", what, v.Spec.Name)
	case v.Kind != Tensor:
		return fmt.Errorf("%s %q cannot be served: it is of type %s, expected a tensor", what, v.Spec.Name, v.Type)
	case !v.Spec.DType.Valid():
		return fmt.Errorf("%s %q cannot be served: elements of %s have no type in the protocol", what, v.Spec.Name, v.Type)
	}
	return nil
}

// CheckOpsets returns an error when the file uses operators of a domain that it
// imports no version of. ONNX forbids that but ONNX Runtime loads such files; a
// likely cause is that the end of the file, where the imports are, is missing.
func (f *File) CheckOpsets() error {
	for _, op := range f.Ops {
		_, ok := f.Opsets[op.Domain]
		if _, inside := f.functionOpsets[op.Domain]; !ok && !inside {
			return fmt.Errorf("%w: operator %q is of domain %q, of which the file imports no version: its end may be missing", ErrInvalid, op.Type, op.Domain)
		}
	}
	return nil
}
