package onnxtest

import "math"

// Attr is a node's attribute.
type Attr struct{ message }

// The kinds of attributes, as AttributeProto numbers them.
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrGraph   = 5
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
)

func attr(name string, kind int64) Attr {
	var a Attr
	a.text(1, name)
	a.varint(20, kind)
	return a
}

// Float is an attribute that holds a number.
func Float(name string, v float32) Attr {
	a := attr(name, attrFloat)
	a.fixed32(2, math.Float32bits(v))
	return a
}

// Int is an attribute that holds an integer.
func Int(name string, v int64) Attr {
	a := attr(name, attrInt)
	a.varint(3, v)
	return a
}

// Str is an attribute that holds a string.
func Str(name, v string) Attr {
	a := attr(name, attrString)
	a.bytes(4, []byte(v))
	return a
}

// Floats is an attribute that holds a list of numbers.
func Floats(name string, vs ...float32) Attr {
	a := attr(name, attrFloats)
	for _, v := range vs {
		a.fixed32(7, math.Float32bits(v))
	}
	return a
}

// Ints is an attribute that holds a list of integers.
func Ints(name string, vs ...int64) Attr {
	a := attr(name, attrInts)
	for _, v := range vs {
		a.varint(8, v)
	}
	return a
}

// Strs is an attribute that holds a list of strings.
func Strs(name string, vs ...string) Attr {
	a := attr(name, attrStrings)
	for _, v := range vs {
		a.bytes(9, []byte(v))
	}
	return a
}

// Const is an attribute that holds a tensor.
func Const(name string, t Tensor) Attr {
	a := attr(name, attrTensor)
	a.child(5, t.message())
	return a
}

// Body is an attribute that holds a graph, such as a Loop's body.
func Body(name string, g *Graph) Attr {
	a := attr(name, attrGraph)
	a.child(6, g.message())
	return a
}
