package tensor

import (
	"fmt"
	"strings"
)

// DType is the type of a tensor's elements.
type DType uint8

// The element types. Their order is of no meaning; the zero value is invalid.
const (
	Invalid DType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	FP16
	BF16
	FP32
	FP64
	Bytes
)

var dtypes = [...]struct {
	wire   string // the name in the KServe v2 protocol
	config string // the name in Triton's model configuration, without "TYPE_"
	size   int    // bytes of one element; 0 where elements differ in length
}{
	Invalid: {"INVALID", "INVALID", 0},
	Bool:    {"BOOL", "BOOL", 1},
	Uint8:   {"UINT8", "UINT8", 1},
	Uint16:  {"UINT16", "UINT16", 2},
	Uint32:  {"UINT32", "UINT32", 4},
	Uint64:  {"UINT64", "UINT64", 8},
	Int8:    {"INT8", "INT8", 1},
	Int16:   {"INT16", "INT16", 2},
	Int32:   {"INT32", "INT32", 4},
	Int64:   {"INT64", "INT64", 8},
	FP16:    {"FP16", "FP16", 2},
	BF16:    {"BF16", "BF16", 2},
	FP32:    {"FP32", "FP32", 4},
	FP64:    {"FP64", "FP64", 8},
	Bytes:   {"BYTES", "STRING", 0},
}

// DTypes lists every valid element type.
func DTypes() []DType {
	all := make([]DType, 0, len(dtypes)-1)
	for d := Bool; int(d) < len(dtypes); d++ {
		all = append(all, d)
	}
	return all
}

// String returns the type's name on the wire, such as FP32 or BYTES.
func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].wire
}

// ConfigName returns the type's name in a model configuration, such as TYPE_FP32 or TYPE_STRING.
func (d DType) ConfigName() string {
	if int(d) >= len(dtypes) {
		return d.String()
	}
	return "TYPE_" + dtypes[d].config
}

// Size returns the bytes of one element, or 0 for Bytes, whose elements differ in length.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

// Valid reports whether d is one of the types above other than Invalid.
func (d DType) Valid() bool { return d != Invalid && int(d) < len(dtypes) }

// ParseDType returns the type with the given wire name. Names are exact: upper case, as Triton has them.
func ParseDType(wire string) (DType, error) {
	for d := Bool; int(d) < len(dtypes); d++ {
		if dtypes[d].wire == wire {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown data type %q: expected one of BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64, BYTES", wire)
}

// ParseConfigDType returns the type with the given configuration name; both
// Triton's form (TYPE_FP32, TYPE_STRING) and the wire form (FP32, BYTES) are known.
func ParseConfigDType(name string) (DType, error) {
	short := strings.TrimPrefix(name, "TYPE_")
	for d := Bool; int(d) < len(dtypes); d++ {
		if dtypes[d].config == short || dtypes[d].wire == name {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown data type %q: expected TYPE_BOOL, TYPE_UINT8 to TYPE_UINT64, TYPE_INT8 to TYPE_INT64, TYPE_FP16, TYPE_BF16, TYPE_FP32, TYPE_FP64 or TYPE_STRING", name)
}
