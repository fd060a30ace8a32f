package onnxfile_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"galatea/internal/onnxfile"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// known reports whether err is of one of the kinds that a file's content may give.
func known(err error) bool {
	return errors.Is(err, onnxfile.ErrNotModel) || errors.Is(err, onnxfile.ErrTruncated) || errors.Is(err, onnxfile.ErrInvalid)
}

// sub appends a length-delimited field.
func sub(b []byte, num protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), body)
}

// number is a varint field.
func number(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

// framed wraps a graph in a model of IR version 8.
func framed(graph []byte) []byte {
	b := sub(number(1, 8), 7, graph)
	return sub(b, 8, number(2, 17))
}

// Cut at any byte, a model is either refused as truncated or as no model at all,
// or it was cut between two of its outermost fields and is still a whole one.
func TestTruncatedAtEveryByte(t *testing.T) {
	official, err := os.ReadFile("testdata/everything.onnx")
	must(t, err)
	models := onnxtest.Servable()
	models["official"] = official
	for name, model := range models {
		ends := fieldEnds(t, model)
		for n := range model {
			_, err := onnxfile.Parse(bytes.NewReader(model[:n]), int64(n))
			switch {
			case err == nil && !ends[n]:
				t.Errorf("%s: cut at byte %d of %d, within a field, and accepted", name, n, len(model))
			case err != nil && !errors.Is(err, onnxfile.ErrTruncated) && !errors.Is(err, onnxfile.ErrNotModel):
				t.Errorf("%s: cut at byte %d of %d: %v", name, n, len(model), err)
			case err != nil && n > 2 && !errors.Is(err, onnxfile.ErrTruncated):
				t.Errorf("%s: cut at byte %d of %d: not called truncated: %v", name, n, len(model), err)
			}
		}
	}
}

// fieldEnds returns where the outermost fields of a model end.
func fieldEnds(t *testing.T, model []byte) map[int]bool {
	ends := map[int]bool{}
	for at := 0; at < len(model); {
		_, _, n := protowire.ConsumeField(model[at:])
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		at += n
		ends[at] = true
	}
	return ends
}

// With any single byte changed to any of some values, a model is read or refused.
func TestEveryByteChanged(t *testing.T) {
	model, err := os.ReadFile("testdata/everything.onnx")
	must(t, err)
	for i, was := range model {
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff, was ^ 1, was + 8} {
			model[i] = b
			f, err := onnxfile.Parse(bytes.NewReader(model), int64(len(model)))
			if err != nil && !known(err) {
				t.Errorf("byte %d = %#x: %v", i, b, err)
			}
			if err == nil {
				_, _ = f.Signature()
			}
		}
		model[i] = was
	}
}

func TestNotAModel(t *testing.T) {
	tests := map[string]string{
		"":                         "not an ONNX model: the file is empty",
		"hello, world":             "not an ONNX model: it starts with no field of a model",
		"\x00\x00\x00\x00":         "not an ONNX model: it starts with no field of a model",
		`{"model": "m"}`:           "not an ONNX model: it starts with no field of a model",
		"<!DOCTYPE html>":          "not an ONNX model: it is an HTML or XML page",
		"PK\x03\x04 archive":       "not an ONNX model: it is a zip archive, as PyTorch writes them",
		"\x1f\x8b\x08\x00":         "not an ONNX model: it is compressed with gzip",
		"\x1c\x00\x00\x00ORTM\x00": "not an ONNX model: it is in ONNX Runtime's own format (.ort)",
		"\xfa\x01\x02ab":           "not an ONNX model: it holds neither a format version nor a graph",
		"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n": "not an ONNX model: it is a Git LFS pointer: the model itself was not fetched",
	}
	for content, want := range tests {
		_, err := onnxfile.Parse(strings.NewReader(content), int64(len(content)))
		if text(err) != want || !errors.Is(err, onnxfile.ErrNotModel) {
			t.Errorf("%q:\n got %v\nwant %s", content, err, want)
		}
	}
}

// forged is a model and the error that it must give.
type forged struct {
	model []byte
	want  string
}

func refuse(t *testing.T, tests map[string]forged) {
	t.Helper()
	for name, test := range tests {
		_, err := onnxfile.Parse(bytes.NewReader(test.model), int64(len(test.model)))
		if text(err) != test.want || !known(err) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, test.want)
		}
	}
}

func TestForgedFraming(t *testing.T) {
	refuse(t, map[string]forged{
		"a graph longer than the file": {
			append(number(1, 8), 0x3a, 0x64, 0x00),
			"truncated: byte 2 starts a field of 100 bytes, of which the file holds 1",
		},
		"a length of 2^64-1": {
			append(number(1, 8), 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
			"truncated: byte 2 starts a field of 18446744073709551615 bytes, of which the file holds 0",
		},
		"a length of more than 64 bits": {
			append(number(1, 8), 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
			"invalid ONNX model: byte 2: broken field",
		},
		"a node longer than its graph": {
			framed([]byte{0x0a, 0x64, 0x00}),
			"invalid ONNX model: byte 4 starts a field of 100 bytes in a message with 1 left",
		},
		"a number that does not end in its message": {
			framed(sub(nil, 5, []byte{0x08, 0x80})),
			"invalid ONNX model: byte 6: the field does not fit into its message",
		},
		"a group":          {append(number(1, 8), 0x3b), "invalid ONNX model: byte 2: field 7 is a group, which ONNX does not use"},
		"wire type 7":      {append(number(1, 8), 0x3f), "invalid ONNX model: byte 2: field 7 has the unknown wire type 7"},
		"zeros at the end": {append(framed(nil), 0, 0, 0), "invalid ONNX model: byte 8: broken field"},
		"no version":       {sub(nil, 7, sub(nil, 2, []byte("g"))), "invalid ONNX model: it holds no format version (ir_version)"},
		"no graph":         {sub(number(1, 8), 8, number(2, 17)), "truncated: the file ends before its graph"},
		"no opsets": {
			sub(number(1, 8), 7, nil),
			"truncated: the file ends before the versions of its operators (opset_import)",
		},
	})
}

func TestForgedContent(t *testing.T) {
	long := strings.Repeat("n", 70<<10)
	manyDims := bytes.Repeat(sub(nil, 1, nil), 1001)
	refuse(t, map[string]forged{
		"a weight with a negative dimension": {
			framed(sub(nil, 5, sub(number(1, 1<<63), 8, []byte("w")))),
			`invalid ONNX model: constant "w" has the shape [-9223372036854775808]`,
		},
		"packed dimensions that overflow": {
			framed(sub(nil, 5, sub(sub(nil, 1, protowire.AppendVarint(protowire.AppendVarint(nil, 1<<62), 4)), 8, []byte("w")))),
			`invalid ONNX model: constant "w" has the shape [4611686018427387904,4]`,
		},
		"packed dimensions that do not end": {
			framed(sub(nil, 5, sub(nil, 1, []byte{0x80}))),
			"invalid ONNX model: byte 8: broken number",
		},
		"a weight of 1001 dimensions": {
			framed(sub(nil, 5, bytes.Repeat(number(1, 1), 1001))),
			"invalid ONNX model: a constant has more than 1000 dimensions",
		},
		"an input of 1001 dimensions": {
			framed(sub(nil, 11, sub(sub(nil, 1, []byte("x")), 2, sub(nil, 1, sub(nil, 2, manyDims))))),
			`invalid ONNX model: "x" has more than 1000 dimensions`,
		},
		"101 entries of external data": {
			framed(sub(nil, 5, bytes.Repeat(sub(nil, 13, nil), 101))),
			"invalid ONNX model: a constant has more than 100 entries of external data",
		},
		"an operator with a long name": {
			framed(sub(nil, 1, sub(nil, 4, []byte(long)))),
			"invalid ONNX model: byte 14: a name of 71680 bytes, more than 65536",
		},
		"deep types":  {framed(sub(nil, 11, sub(nil, 2, deep(200, 4, 1)))), "invalid ONNX model: byte 302: messages are nested more than 100 deep"},
		"deep graphs": {framed(deep(200, 1, 5, 6)), "invalid ONNX model: byte 302: messages are nested more than 100 deep"},
	})
}

// deep nests the fields, in turn, so many times.
func deep(times int, fields ...protowire.Number) []byte {
	var b []byte
	for range times {
		for _, field := range slices.Backward(fields) {
			b = sub(nil, field, b)
		}
	}
	return b
}

// repeated is an endless file: a head, and one field again and again after it.
type repeated struct {
	head, field []byte
}

func (r repeated) ReadAt(b []byte, at int64) (int, error) {
	n := 0
	if at < int64(len(r.head)) {
		n = copy(b, r.head[at:])
	}
	for n < len(b) {
		from := (at + int64(n) - int64(len(r.head))) % int64(len(r.field))
		n += copy(b[n:], r.field[from:])
	}
	return n, nil
}

// A file of a gigabyte of entries costs bounded memory, whatever the entries are.
func TestMillionsOfEntries(t *testing.T) {
	const size = 1 << 30
	text := bytes.Repeat([]byte("x"), 1000)
	tests := map[string][]byte{
		"outputs":   sub(nil, 12, sub(nil, 1, []byte("y"))),
		"inputs":    sub(nil, 11, sub(nil, 2, sub(nil, 1, sub(nil, 2, sub(nil, 1, sub(nil, 2, text)))))),
		"weights":   sub(nil, 5, sub(nil, 8, nil)),
		"long ones": sub(nil, 5, sub(nil, 8, text)),
	}
	for name, field := range tests {
		head := number(1, 8)
		body := (size/int64(len(field)) - 1) * int64(len(field))
		head = protowire.AppendVarint(protowire.AppendTag(head, 7, protowire.BytesType), uint64(body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := onnxfile.Parse(repeated{head, field}, int64(len(head))+body)
		runtime.ReadMemStats(&after)
		if want := "invalid ONNX model: its names, texts and shapes take more than 67108864 bytes"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		// Growing slices and maps allocate several times what they keep.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<20 {
			t.Errorf("%s: allocated %d MiB in all", name, grown>>20)
		}
	}
}

func TestFileShrinksWhileRead(t *testing.T) {
	model := onnxtest.Scale(2)
	_, err := onnxfile.Parse(bytes.NewReader(model[:50]), int64(len(model)))
	if want := "truncated: the file ended at byte 50 while it was read, it had 106 bytes before"; text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// failing fails to read from a certain byte on.
type failing struct {
	*bytes.Reader
	from int64
}

func (f failing) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > f.from {
		return 0, io.ErrClosedPipe
	}
	return f.Reader.ReadAt(b, at)
}

func TestReadError(t *testing.T) {
	g := onnxtest.NewGraph("g")
	g.Initializer(onnxtest.Zeros("w", tensor.FP32, tensor.Shape{100 << 10}))
	model := onnxtest.Model{Graph: g}.Bytes()
	_, err := onnxfile.Parse(failing{bytes.NewReader(model), 300 << 10}, int64(len(model)))
	if !errors.Is(err, io.ErrClosedPipe) || known(err) {
		t.Errorf("got %v, expected the reader's own error", err)
	}
}
