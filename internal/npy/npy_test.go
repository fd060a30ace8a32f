package npy_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"galatea/internal/npy"
	"galatea/tensor"
)

// file is a .npy file of version 1.
func file(header, data string) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(header)))
	return append(append(b, header...), data...)
}

// second is a .npy file of version 2.
func second(header, data string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("\x93NUMPY\x02\x00"), uint32(len(header)))
	return append(append(b, header...), data...)
}

func header(descr, order, shape string) string {
	return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n"
}

func TestArraysBecomeTensors(t *testing.T) {
	for _, tt := range []struct {
		file  []byte
		d     tensor.DType
		shape tensor.Shape
		data  string
	}{
		{file(header("<f4", "False", "(1, 2)"), "abcdefgh"), tensor.FP32, tensor.Shape{1, 2}, "abcdefgh"},
		{file(header("|b1", "False", "(3,)"), "\x00\x01\x01"), tensor.Bool, tensor.Shape{3}, "\x00\x01\x01"},
		{file(header("<i8", "False", "()"), "abcdefgh"), tensor.Int64, nil, "abcdefgh"},
		{file(header("<f2", "False", "(0, 4)"), ""), tensor.FP16, tensor.Shape{0, 4}, ""},
		{file(header("|S3", "False", "(2,)"), "ab\x00abc"), tensor.Bytes, tensor.Shape{2}, "\x02\x00\x00\x00ab\x03\x00\x00\x00abc"},
		{file(header("<U2", "False", "(1,)"), "\xe9\x00\x00\x00\x00\x00\x00\x00"), tensor.Bytes, tensor.Shape{1}, "\x02\x00\x00\x00é"},
		{second(header("|u1", "False", "(1,)"), "x"), tensor.Uint8, tensor.Shape{1}, "x"},
	} {
		got, err := npy.Read(tt.file)
		if err != nil || got.DType != tt.d || !got.Shape.Equal(tt.shape) || string(got.Data) != tt.data {
			t.Errorf("%q: %+v, %v", tt.file, got, err)
		}
	}
}

func TestWhatIsNoArrayIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "it is no .npy file",
		"\x93NUMPY\x09\x00\x00\x00":  "version 9",
		"\x93NUMPY\x01\x00\xff\xff{": "longer than the file",
		string(file("{}", "")):       "its header is not understood",
		string(file(header("<f4", "True", "(1,)"), "abcd")):                        "Fortran's order",
		string(file(header(">f4", "False", "(1,)"), "abcd")):                       "big-endian",
		string(file(header("|O", "False", "(1,)"), "abcd")):                        "not understood",
		string(file(header("<f4", "False", "(2,)"), "abcd")):                       "expected 2 elements of 4 bytes",
		string(file(header("<f4", "False", "(1,)"), "abcdefgh")):                   "expected 1 elements of 4 bytes",
		string(file(header("<f4", "False", "(-1,)"), "")):                          "a dimension of",
		string(file(header("<f4", "False", "(9999999999999, 9999999999999)"), "")): "",
		string(file(header("|S0", "False", "(99999999,)"), "")):                    "empty strings",
	} {
		if got, err := npy.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, descr := range []string{"<f4", "|S3", "<U2", ">i4", "|O"} {
		f.Add(file(header(descr, "False", "(2, 1)"), "abcdefgh"))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := npy.Read(file)
		if err != nil {
			return
		}
		want, err := got.Shape.Elements()
		if got.DType == tensor.Bytes {
			n, countErr := tensor.CountStrings(got.Data)
			if err != nil || countErr != nil || n != want {
				t.Errorf("%+v: %v, %v", got, err, countErr)
			}
		} else if err != nil || int(want)*got.DType.Size() != len(got.Data) {
			t.Errorf("%+v: %v", got, err)
		}
	})
}
