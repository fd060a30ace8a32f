package tensor

import "fmt"

// Rows are the slices of a tensor along its first axis, the batch axis. Since
// data is row-major, gathering requests into a batch is appending their bytes,
// and scattering a batch is cutting its bytes at row boundaries: of equal length
// for fixed-size elements, found by walking the length prefixes for BYTES.

// RowElements returns the number of elements in one row. The shape must have a
// first dimension; it returns ErrShape otherwise and as Elements does.
func (s Shape) RowElements() (int64, error) {
	if len(s) == 0 {
		return 0, ErrShape
	}
	return s[1:].Elements()
}

// A Scatterer cuts a batched tensor into consecutive runs of rows. It aliases the
// tensor's data and must not outlive it.
type Scatterer struct {
	dtype DType
	row   int64 // elements of a row
	left  int64 // rows not yet taken
	data  []byte
}

// Scatter starts cutting t along its first axis. It returns an error when t has no
// first axis, or when its data is not what its shape says; of BYTES that shows only
// when the rows are cut.
func Scatter(t Tensor) (Scatterer, error) {
	row, err := t.Shape.RowElements()
	if err != nil {
		return Scatterer{}, fmt.Errorf("tensor %q of shape %v has no rows: %w", t.Name, t.Shape, err)
	}
	want, err := t.Shape.Bytes(t.DType)
	switch {
	case err != nil || !t.DType.Valid():
		return Scatterer{}, fmt.Errorf("tensor %q of type %v: %w: %v", t.Name, t.DType, ErrShape, t.Shape)
	case t.DType != Bytes && int64(len(t.Data)) != want:
		return Scatterer{}, fmt.Errorf("tensor %q of shape %v has %d bytes: expected %d", t.Name, t.Shape, len(t.Data), want)
	}
	return Scatterer{dtype: t.DType, row: row, left: t.Shape[0], data: t.Data}, nil
}

// Next returns the bytes of the next n rows. It returns an error when fewer are left,
// or when bytes are left behind the last one.
func (s *Scatterer) Next(n int64) ([]byte, error) {
	if n < 0 || n > s.left {
		return nil, fmt.Errorf("%w: %d rows wanted, %d left", ErrShape, n, s.left)
	}
	size := n * s.row * int64(s.dtype.Size())
	if s.dtype == Bytes {
		rest := s.data
		for range n * s.row {
			var err error
			if _, rest, err = NextString(rest); err != nil {
				return nil, err
			}
		}
		size = int64(len(s.data) - len(rest))
	}
	part := s.data[:size:size]
	s.data, s.left = s.data[size:], s.left-n
	if s.left == 0 && len(s.data) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the last row", ErrShape, len(s.data))
	}
	return part, nil
}
