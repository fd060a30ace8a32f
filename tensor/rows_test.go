package tensor_test

import (
	"bytes"
	"errors"
	"testing"

	"galatea/tensor"
)

func strs(all ...string) []byte {
	var data []byte
	for _, s := range all {
		data = tensor.AppendString(data, s)
	}
	return data
}

func TestScatterCutsRows(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   tensor.Tensor
		take []int64
		want [][]byte
	}{
		{"rows of fixed size", tensor.Tensor{DType: tensor.Int16, Shape: tensor.Shape{3, 2}, Data: []byte("aabbccddeeff")}, []int64{1, 2}, [][]byte{[]byte("aabb"), []byte("ccddeeff")}},
		{"one element a row", tensor.Tensor{DType: tensor.Uint8, Shape: tensor.Shape{3}, Data: []byte("abc")}, []int64{2, 0, 1}, [][]byte{[]byte("ab"), {}, []byte("c")}},
		{"strings of any length", tensor.Tensor{DType: tensor.Bytes, Shape: tensor.Shape{2, 2}, Data: strs("", "a", "bcd", "ef")}, []int64{1, 1}, [][]byte{strs("", "a"), strs("bcd", "ef")}},
		{"rows without elements", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{2, 0}}, []int64{1, 1}, [][]byte{{}, {}}},
		{"no rows", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{0, 5}}, []int64{0}, [][]byte{{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tensor.Scatter(tt.of)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range tt.take {
				got, err := s.Next(n)
				if err != nil || !bytes.Equal(got, tt.want[i]) {
					t.Errorf("part %d: got %q, %v, want %q", i, got, err, tt.want[i])
				}
				if cap(got) != len(got) {
					t.Errorf("part %d: appending to it would write into the next one", i)
				}
			}
			if _, err := s.Next(1); !errors.Is(err, tensor.ErrShape) {
				t.Errorf("a row behind the last: %v", err)
			}
		})
	}
}

func TestScatterRefusesWhatHasNoRows(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   tensor.Tensor
	}{
		{"a scalar", tensor.Tensor{DType: tensor.FP32, Data: make([]byte, 4)}},
		{"too few bytes", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{2, 1}, Data: make([]byte, 7)}},
		{"too many bytes", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{2, 1}, Data: make([]byte, 9)}},
		{"rows that overflow", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{1, 1 << 32, 1 << 32}}},
		{"rows whose product with the batch overflows to the length", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{1 << 32, 1 << 32}}},
		{"a negative number of rows", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{-1, 0}}},
		{"no type", tensor.Tensor{Shape: tensor.Shape{2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tensor.Scatter(tt.of); err == nil {
				t.Error("it is cut into rows")
			}
		})
	}
}

func TestCuttingShowsWhichStringsAreNotThere(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows int64
		data []byte
		want error
	}{
		{"too few strings", 2, strs("a"), tensor.ErrString},
		{"too many strings", 1, strs("a", "b"), tensor.ErrShape},
		{"half a string", 1, strs("ab")[:5], tensor.ErrString},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tensor.Scatter(tensor.Tensor{DType: tensor.Bytes, Shape: tensor.Shape{tt.rows}, Data: tt.data})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Next(tt.rows); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNegativeRowsAreRefused(t *testing.T) {
	s, err := tensor.Scatter(tensor.Tensor{DType: tensor.Uint8, Shape: tensor.Shape{3}, Data: []byte("abc")})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-1, 4, 1 << 62} {
		if _, err := s.Next(n); !errors.Is(err, tensor.ErrShape) {
			t.Errorf("%d rows: %v", n, err)
		}
	}
}

// FuzzScatter makes sure that parts are the whole, whatever shape and data say.
func FuzzScatter(f *testing.F) {
	f.Add(uint8(tensor.FP32), int64(2), int64(1), []byte("aaaabbbb"), int64(1))
	f.Add(uint8(tensor.Bytes), int64(2), int64(2), strs("", "a", "bcd", "ef"), int64(1))
	f.Add(uint8(tensor.Int8), int64(1)<<32, int64(1)<<32, []byte{}, int64(1)<<40)
	f.Fuzz(func(t *testing.T, dtype uint8, rows, columns int64, data []byte, first int64) {
		of := tensor.Tensor{DType: tensor.DType(dtype), Shape: tensor.Shape{rows, columns}, Data: data}
		s, err := tensor.Scatter(of)
		if err != nil {
			return
		}
		if n, err := of.Shape.Bytes(of.DType); err != nil || of.DType.Size() > 0 && n != int64(len(data)) {
			t.Fatalf("shape %v of %v was cut out of %d bytes: %v", of.Shape, of.DType, len(data), err)
		}
		a, err := s.Next(first)
		if err != nil {
			return
		}
		b, err := s.Next(rows - first)
		switch {
		case err != nil && of.DType == tensor.Bytes:
			return
		case err != nil:
			t.Fatalf("the rest of %v: %v", of.Shape, err)
		}
		if whole := append(bytes.Clone(a), b...); !bytes.Equal(whole, data) {
			t.Errorf("the parts %q and %q are not %q", a, b, data)
		}
	})
}

func TestStringsAreCutByTheirLengths(t *testing.T) {
	data := strs("", "a", "longer")
	if n, err := tensor.CountStrings(data); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range [][]byte{data[:3], data[:len(data)-1], {0xff, 0xff, 0xff, 0xff, 'a'}} {
		if _, err := tensor.CountStrings(bad); !errors.Is(err, tensor.ErrString) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	elem, rest, err := tensor.NextString(strs("ab", "c"))
	if err != nil || string(elem) != "ab" || !bytes.Equal(rest, strs("c")) {
		t.Errorf("%q, %q, %v", elem, rest, err)
	}
}

func TestSignaturesFindByName(t *testing.T) {
	s := tensor.Signature{Inputs: []tensor.Spec{{Name: "a"}, {Name: "b"}}, Outputs: []tensor.Spec{{Name: "c"}}}
	if s.Input("b") != 1 || s.Input("c") != -1 || s.Output("c") != 0 || s.Output("a") != -1 {
		t.Errorf("%v", s)
	}
	if names := tensor.Names(s.Inputs); len(names) != 2 || names[1] != "b" {
		t.Errorf("%v", names)
	}
}
