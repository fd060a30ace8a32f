package wire

import (
	"math"
	"slices"

	"galatea/tensor"
)

// ErrReservedParameter says that a request has a parameter with a name of Triton's own.
var ErrReservedParameter = Invalid("parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")

// VersionError says that a text is no version's number.
func VersionError(text string) error {
	return Invalid("failed to get model version from specified version string '%s' (details: stol), version should be an integral value > 0", text)
}

// CheckShape returns the bytes of an input of t's shape and type, the least that there can
// be where elements differ in length, or what is wrong with the shape.
func CheckShape(t tensor.Tensor) (bytes int64, err error) {
	if slices.ContainsFunc(t.Shape, func(d int64) bool { return d < 0 }) {
		return 0, Invalid("invalid shape for input '%s': shape %v contains one or more invalid dimensions", t.Name, t.Shape)
	}
	bytes, err = t.Shape.Bytes(t.DType)
	if err != nil {
		return 0, Invalid("invalid shape for input '%s': shape %v causes total element count to exceed maximum size of %d", t.Name, t.Shape, int64(math.MaxInt64))
	}
	return bytes, nil
}
