package tensor

import (
	"fmt"
	"math"
)

// Tolerance is how far apart two numbers may be that count as the same: by no more
// than Absolute + Relative*max(|a|,|b|). The zero value asks for equal ones.
type Tolerance struct{ Absolute, Relative float64 }

// DefaultTolerance returns what another kernel, batch size or processor may change
// in values of type d: nothing in what is no float.
func DefaultTolerance(d DType) Tolerance {
	relative := 0.0
	switch d {
	case FP64:
		relative = 1e-6
	case FP32:
		relative = 1e-4
	case FP16:
		relative = 1e-2
	case BF16:
		relative = 5e-2
	default:
	}
	return Tolerance{Absolute: relative / 10, Relative: relative}
}

// Difference says how a tensor differs from another. Index, Largest, Allowed, Got
// and Want are those of one element: the one that differs most among those beyond the
// tolerance, or among all when none is; of several, the first.
type Difference struct {
	Elements int64 // of each tensor
	Beyond   int64 // those that differ by more than the tolerance

	Index     int64   // counted row-major; -1 when all elements are the same
	Largest   float64 // the absolute difference; +Inf where no number says it
	Allowed   float64 // what the tolerance allows there
	Got, Want string  // the values, cut where they are long
}

// Compare holds got against want, which must have the same type and shape; their
// names do not count.
//
// Numbers are the same within the tolerance; of integers the difference is taken
// exactly. NaN is the same as NaN only, and an infinity as itself. BOOL and BYTES
// elements are the same when they are equal, whatever the tolerance.
//
// The error says that the tensors cannot be compared, since type or shape differ or
// the data of one is not what they say.
func Compare(got, want Tensor, tolerance Tolerance) (Difference, error) {
	n, err := sameForm(got, want)
	if err != nil {
		return Difference{}, err
	}
	d := got.DType
	found := Difference{Elements: n, Index: -1}
	var x, y, worstX, worstY []byte
	for i, a, b := int64(0), got.Data, want.Data; i < n; i++ {
		x, a = cutElement(d, a)
		y, b = cutElement(d, b)
		distance, scale := apart(d, x, y)
		if found.add(i, distance, tolerance.Absolute+tolerance.Relative*scale) {
			worstX, worstY = x, y
		}
	}
	if found.Index >= 0 {
		found.Got, found.Want = elementText(d, worstX), elementText(d, worstY)
	}
	return found, nil
}

// add counts an element, and reports whether it is now the one that differs most.
func (f *Difference) add(index int64, distance, allowed float64) bool {
	if distance == 0 {
		return false
	}
	beyond := math.IsInf(distance, 1) || !(distance <= allowed)
	worse := distance > f.Largest
	switch {
	case beyond:
		worse = worse || f.Beyond == 0
		f.Beyond++
	case f.Beyond > 0:
		worse = false
	}
	if worse {
		f.Index, f.Largest, f.Allowed = index, distance, allowed
	}
	return worse
}

// Labels holds got against want, which must have the same type and shape, by the
// classes that they choose: the last axis has an element for each class, and a row
// along it chooses the largest one; the first of equal ones, and none but NaNs choose
// nothing. It returns how many of the rows agree.
//
// Without classes to choose from, each element is a label, which agrees when it is
// equal, and counts as a row: in BOOL and BYTES tensors, in integers of one dimension,
// in a scalar, and where the last axis has a single element.
//
// The error is Compare's.
func Labels(got, want Tensor) (agree, rows int, err error) {
	n, err := sameForm(got, want)
	if err != nil {
		return 0, 0, err
	}
	classes := classesOf(got)
	if classes < 2 {
		found, err := Compare(got, want, Tolerance{})
		return int(n - found.Beyond), int(n), err
	}
	size := classes * got.DType.Size()
	for from := 0; from < len(got.Data); from += size {
		rows++
		if label(got.DType, got.Data[from:from+size]) == label(want.DType, want.Data[from:from+size]) {
			agree++
		}
	}
	return agree, rows, nil
}

// classesOf returns how many classes each row has an element for; 1 where each element is a label.
func classesOf(t Tensor) int {
	rank := len(t.Shape)
	if rank == 0 || t.DType == Bool || t.DType == Bytes || rank == 1 && !t.DType.isFloat() {
		return 1
	}
	return int(t.Shape[rank-1])
}

// label returns the index of a row's largest element, or -1.
func label(d DType, row []byte) int {
	size, best := d.Size(), -1
	for i := range len(row) / size {
		element := row[i*size:]
		if !isNaN(d, element) && (best < 0 || larger(d, element, row[best*size:])) {
			best = i
		}
	}
	return best
}

// sameForm returns how many elements each of the tensors has, or why they cannot be compared.
func sameForm(got, want Tensor) (int64, error) {
	switch {
	case got.DType != want.DType:
		return 0, fmt.Errorf("got type %v, expected %v", got.DType, want.DType)
	case !got.Shape.Equal(want.Shape):
		return 0, fmt.Errorf("got shape %v, expected %v", got.Shape, want.Shape)
	case !got.DType.Valid():
		return 0, fmt.Errorf("tensors of type %v cannot be compared", got.DType)
	}
	n, err := got.Shape.Elements()
	if err != nil {
		return 0, fmt.Errorf("%w: %v", err, got.Shape)
	}
	if err := got.filled(n); err != nil {
		return 0, fmt.Errorf("got %w", err)
	}
	if err := want.filled(n); err != nil {
		return 0, fmt.Errorf("what is expected has %w", err)
	}
	return n, nil
}

// filled returns an error unless the data holds n elements.
func (t Tensor) filled(n int64) error {
	if t.DType == Bytes {
		count, err := CountStrings(t.Data)
		switch {
		case err != nil:
			return err
		case count != n:
			return fmt.Errorf("%d strings for shape %v, expected %d", count, t.Shape, n)
		}
		return nil
	}
	size, err := t.Shape.Bytes(t.DType)
	if err != nil || int64(len(t.Data)) != size {
		return fmt.Errorf("%d bytes for %v of shape %v, expected %d", len(t.Data), t.DType, t.Shape, size)
	}
	return nil
}
