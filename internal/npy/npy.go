package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"galatea/tensor"
)

const magic = "\x93NUMPY"

// maxHeader is the most bytes of a header that is read.
const maxHeader = 64 << 10

// Read returns the array of a file as a tensor without a name. Its data is the file's, but
// for strings, which become BYTES: each without the zeros at its end. Arrays of objects,
// in Fortran's order, and of big-endian numbers are refused.
func Read(file []byte) (t tensor.Tensor, err error) {
	header, data, err := cut(file)
	if err != nil {
		return t, err
	}
	kind, err := field(header, descr)
	if err != nil {
		return t, err
	}
	if order, err := field(header, fortran); err != nil || order != "False" {
		return t, fmt.Errorf("the array is in Fortran's order: save numpy.ascontiguousarray of it")
	}
	dims, err := field(header, shape)
	if err != nil {
		return t, err
	}
	for d := range strings.SplitSeq(dims, ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		n, err := strconv.ParseInt(d, 10, 64)
		if err != nil || n < 0 {
			return t, fmt.Errorf("a dimension of %q: expected a number from 0 up", d)
		}
		t.Shape = append(t.Shape, n)
	}
	n, err := t.Shape.Elements()
	if err != nil {
		return t, err
	}
	err = fill(&t, kind, n, data)
	return t, err
}

// cut takes a file apart.
func cut(file []byte) (header string, data []byte, err error) {
	if len(file) < 10 || string(file[:6]) != magic {
		return "", nil, fmt.Errorf("it is no .npy file: it does not begin as one")
	}
	size, from := int(binary.LittleEndian.Uint16(file[8:])), 10
	switch file[6] {
	case 1:
	case 2, 3:
		if len(file) < 12 {
			return "", nil, fmt.Errorf("it is no .npy file: it ends in its header")
		}
		size, from = int(binary.LittleEndian.Uint32(file[8:])), 12
	default:
		return "", nil, fmt.Errorf("it is a .npy file of version %d: expected 1, 2 or 3", file[6])
	}
	if size > maxHeader || size > len(file)-from {
		return "", nil, fmt.Errorf("its header of %d bytes is longer than the file, or than %d bytes", size, maxHeader)
	}
	return string(file[from : from+size]), file[from+size:], nil
}

// The fields of a header, which is a dictionary in Python's words.
var (
	descr   = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	fortran = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shape   = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

func field(header string, pattern *regexp.Regexp) (string, error) {
	m := pattern.FindStringSubmatch(header)
	if m == nil {
		return "", fmt.Errorf("its header is not understood: %.200q", header)
	}
	return m[1], nil
}

// kinds are NumPy's names of the types of numbers, without the order of their bytes.
var kinds = map[string]tensor.DType{
	"b1": tensor.Bool, "i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
	"f2": tensor.FP16, "f4": tensor.FP32, "f8": tensor.FP64,
}

// fill gives a tensor of n elements its type and data.
func fill(t *tensor.Tensor, kind string, n int64, data []byte) error {
	if len(kind) < 2 {
		return fmt.Errorf("an array of type %q is not understood", kind)
	}
	order, name := kind[0], kind[1:]
	size := 0
	if t.DType = kinds[name]; t.DType != tensor.Invalid {
		size = t.DType.Size()
	} else if width, err := strconv.Atoi(name[1:]); err == nil && width >= 0 && width < 1<<24 && (name[0] == 'S' || name[0] == 'U') {
		t.DType, size = tensor.Bytes, width
		if name[0] == 'U' {
			size *= 4
		}
	} else {
		return fmt.Errorf("an array of type %q is not understood: expected numbers, booleans or strings", kind)
	}
	if order == '>' && size > 1 && name[0] != 'S' {
		return fmt.Errorf("the array is big-endian (%s): save it as %s", kind, "<"+name)
	}
	if size > 0 && (n > int64(len(data))/int64(size) || int(n)*size != len(data)) {
		return fmt.Errorf("it has %d bytes of data: expected %d elements of %d bytes", len(data), n, size)
	}
	if t.DType != tensor.Bytes {
		t.Data = data
		return nil
	}
	if size == 0 && n > 1<<20 {
		return fmt.Errorf("it has %d empty strings: expected at most %d", n, 1<<20)
	}
	for range n {
		one := data[:size]
		data = data[size:]
		if name[0] == 'U' {
			one = utf8Of(one)
		}
		t.Data = tensor.AppendString(t.Data, bytes.TrimRight(one, "\x00"))
	}
	return nil
}

// utf8Of is a text of four bytes a character.
func utf8Of(wide []byte) []byte {
	var text []byte
	for ; len(wide) > 0; wide = wide[4:] {
		text = utf8.AppendRune(text, rune(binary.LittleEndian.Uint32(wide)))
	}
	return text
}
