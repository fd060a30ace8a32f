package tensor_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"galatea/tensor"
)

func TestElementsAndBytesNeverOverflow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		shape    tensor.Shape
		dtype    tensor.DType
		elements int64 // -1: refused
		bytes    int64 // -1: refused
	}{
		{"a scalar has one element", nil, tensor.FP32, 1, 4},
		{"an empty shape is a scalar", tensor.Shape{}, tensor.Int8, 1, 1},
		{"a list", tensor.Shape{3}, tensor.FP64, 3, 24},
		{"an image", tensor.Shape{1, 3, 224, 224}, tensor.FP16, 150_528, 301_056},
		{"a zero makes all zero", tensor.Shape{4, 0, 9}, tensor.FP32, 0, 0},
		{"a zero beside what would overflow", tensor.Shape{math.MaxInt64, math.MaxInt64, 0}, tensor.FP32, 0, 0},
		{"a zero beside a negative dimension is refused", tensor.Shape{0, -1}, tensor.FP32, -1, -1},
		{"a dynamic dimension is refused", tensor.Shape{tensor.Dynamic, 4}, tensor.FP32, -1, -1},
		{"the least dimension is refused", tensor.Shape{math.MinInt64}, tensor.FP32, -1, -1},
		{"the most elements there can be", tensor.Shape{math.MaxInt64}, tensor.Bool, math.MaxInt64, math.MaxInt64},
		{"as many of two bytes are too many", tensor.Shape{math.MaxInt64}, tensor.BF16, math.MaxInt64, -1},
		{"2^62 of one byte", tensor.Shape{1 << 31, 1 << 31}, tensor.Uint8, 1 << 62, 1 << 62},
		{"2^62 of two bytes are 2^63", tensor.Shape{1 << 31, 1 << 31}, tensor.Uint16, 1 << 62, -1},
		{"2^63 elements", tensor.Shape{1 << 32, 1 << 31}, tensor.Uint8, -1, -1},
		{"2^64 elements, which would be none", tensor.Shape{1 << 32, 1 << 32}, tensor.Uint8, -1, -1},
		{"2^128 elements", tensor.Shape{1 << 62, 1 << 62, 16}, tensor.Uint8, -1, -1},
		{"strings take four bytes at least", tensor.Shape{5}, tensor.Bytes, 5, 20},
		{"no type has no bytes", tensor.Shape{5}, tensor.Invalid, 5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := tt.shape.Elements()
			check(t, "elements", n, err, tt.elements)
			n, err = tt.shape.Bytes(tt.dtype)
			check(t, "bytes", n, err, tt.bytes)
		})
	}
}

func check(t *testing.T, what string, got int64, err error, want int64) {
	t.Helper()
	switch {
	case want < 0 && !errors.Is(err, tensor.ErrShape):
		t.Errorf("%s: got %d, %v, want ErrShape", what, got, err)
	case want >= 0 && (err != nil || got != want):
		t.Errorf("%s: got %d, %v, want %d", what, got, err, want)
	}
}

// FuzzShape holds Elements and Bytes against arithmetic without limits.
func FuzzShape(f *testing.F) {
	f.Add(int64(2), int64(3), int64(4), uint8(tensor.FP32))
	f.Add(int64(1)<<32, int64(1)<<32, int64(0), uint8(tensor.Bytes))
	f.Add(int64(math.MaxInt64), int64(2), int64(-1), uint8(tensor.Bool))
	f.Fuzz(func(t *testing.T, a, b, c int64, dtype uint8) {
		shape, d := tensor.Shape{a, b, c}, tensor.DType(dtype)
		size := int64(d.Size())
		if d == tensor.Bytes {
			size = 4
		}
		product := big.NewInt(1)
		for _, n := range shape {
			product.Mul(product, big.NewInt(n))
		}
		negative := a < 0 || b < 0 || c < 0
		want := func(n *big.Int) int64 {
			if negative || !n.IsInt64() {
				return -1
			}
			return n.Int64()
		}
		elements := want(product)
		n, err := shape.Elements()
		check(t, "elements", n, err, elements)
		bytes := want(new(big.Int).Mul(product, big.NewInt(size)))
		if elements < 0 {
			bytes = -1
		}
		n, err = shape.Bytes(d)
		check(t, "bytes", n, err, bytes)
	})
}

func TestShapesThatFit(t *testing.T) {
	declared := tensor.Shape{tensor.Dynamic, 3, tensor.Dynamic}
	for _, tt := range []struct {
		got  tensor.Shape
		want bool
	}{
		{tensor.Shape{1, 3, 7}, true},
		{tensor.Shape{0, 3, 0}, true},
		{tensor.Shape{1, 4, 7}, false},
		{tensor.Shape{1, 3}, false},
		{tensor.Shape{1, 3, 7, 1}, false},
		{nil, false},
	} {
		if got := declared.Accepts(tt.got); got != tt.want {
			t.Errorf("%v accepts %v: %v", declared, tt.got, got)
		}
	}
	if !(tensor.Shape{}).Accepts(nil) || !(tensor.Shape{2}).Static() || declared.Static() || !declared.Equal(tensor.Shape{-1, 3, -1}) || declared.Equal(tensor.Shape{-1, 3}) {
		t.Error("scalars, static shapes or equality")
	}
	if got := declared.String() + (tensor.Shape{}).String(); got != "[-1,3,-1][]" {
		t.Errorf("got %s", got)
	}
}

func TestTypesHaveTwoNames(t *testing.T) {
	for _, d := range tensor.DTypes() {
		if wire, err := tensor.ParseDType(d.String()); err != nil || wire != d || !d.Valid() {
			t.Errorf("%v: %v, %v", d, wire, err)
		}
		for _, name := range []string{d.ConfigName(), d.String()} {
			if config, err := tensor.ParseConfigDType(name); err != nil || config != d {
				t.Errorf("%s: %v, %v", name, config, err)
			}
		}
		if (d.Size() == 0) != (d == tensor.Bytes) {
			t.Errorf("%v has %d bytes", d, d.Size())
		}
	}
	if len(tensor.DTypes()) != 14 || tensor.Bytes.ConfigName() != "TYPE_STRING" {
		t.Errorf("%d types, BYTES is %s", len(tensor.DTypes()), tensor.Bytes.ConfigName())
	}
	for _, name := range []string{"", "fp32", "STRING", "TYPE_FP32", "INVALID", "FLOAT"} {
		if d, err := tensor.ParseDType(name); err == nil || d != tensor.Invalid {
			t.Errorf("%q is %v", name, d)
		}
	}
	for _, name := range []string{"", "TYPE_", "TYPE_BYTES", "TYPE_INVALID", "type_fp32"} {
		if d, err := tensor.ParseConfigDType(name); err == nil || d != tensor.Invalid {
			t.Errorf("%q is %v", name, d)
		}
	}
	if unknown := tensor.DType(99); unknown.Valid() || unknown.Size() != 0 || unknown.String() != "DType(99)" || unknown.ConfigName() != "DType(99)" {
		t.Errorf("a type that is none is %v", unknown)
	}
	if tensor.Invalid.Valid() {
		t.Error("Invalid is valid")
	}
}

func TestAShapeInAnotherFormKeepsItsDynamicDimensions(t *testing.T) {
	const free = tensor.Dynamic
	for _, tt := range []struct{ shape, from, to, want tensor.Shape }{
		{tensor.Shape{3, 4}, tensor.Shape{free, 4}, tensor.Shape{free, 2, 2}, tensor.Shape{3, 2, 2}},
		{tensor.Shape{3, 5}, tensor.Shape{free, free}, tensor.Shape{1, free, 1, free}, tensor.Shape{1, 3, 1, 5}},
		{tensor.Shape{1}, tensor.Shape{1}, tensor.Shape{}, tensor.Shape{}},
		{tensor.Shape{}, tensor.Shape{}, tensor.Shape{1}, tensor.Shape{1}},
	} {
		if got := tt.shape.Relay(tt.from, tt.to); !got.Equal(tt.want) {
			t.Errorf("%v of form %v as %v: got %v, want %v", tt.shape, tt.from, tt.to, got, tt.want)
		}
	}
}
