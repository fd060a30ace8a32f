package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Tensor is a named value. Data is borrowed: whoever hands a Tensor out says how
// long its bytes live.
type Tensor struct {
	Name  string
	DType DType
	Shape Shape
	Data  []byte
}

// Spec declares one input or output of a model. A Dynamic dimension accepts any size.
type Spec struct {
	Name     string
	DType    DType
	Shape    Shape
	Optional bool // an input that a request may leave out, since the graph holds a value for it
}

// Signature is what a model takes and gives, in the order its graph declares.
type Signature struct {
	Inputs  []Spec
	Outputs []Spec
}

// Input returns the index of the named input, or -1.
func (s Signature) Input(name string) int { return index(s.Inputs, name) }

// Output returns the index of the named output, or -1.
func (s Signature) Output(name string) int { return index(s.Outputs, name) }

func index(specs []Spec, name string) int {
	for i := range specs {
		if specs[i].Name == name {
			return i
		}
	}
	return -1
}

// Names lists the specs' names.
func Names(specs []Spec) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return names
}

// ErrString is returned for BYTES data whose length prefixes do not add up.
var ErrString = errors.New("malformed BYTES data")

// NextString cuts the first element off BYTES data and returns it and the rest.
// Both alias data. It returns ErrString when data ends within the element.
func NextString(data []byte) (elem, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, fmt.Errorf("%w: incomplete string length indicator", ErrString)
	}
	n := uint64(binary.LittleEndian.Uint32(data))
	if uint64(len(data)-4) < n {
		return nil, nil, fmt.Errorf("%w: an element of %d bytes, %d left", ErrString, n, len(data)-4)
	}
	return data[4 : 4+n], data[4+n:], nil
}

// AppendString appends one BYTES element, its length prefix first.
func AppendString[S ~string | ~[]byte](dst []byte, elem S) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(elem)))
	return append(dst, elem...)
}

// CountStrings returns the number of elements in BYTES data, or ErrString.
func CountStrings(data []byte) (int64, error) {
	var n int64
	for len(data) > 0 {
		_, rest, err := NextString(data)
		if err != nil {
			return n, err
		}
		data, n = rest, n+1
	}
	return n, nil
}
