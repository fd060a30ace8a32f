package onnxfile_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galatea/internal/onnxfile"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

func TestExternalIsFoundEverywhere(t *testing.T) {
	shape := tensor.Shape{2, 3} // 24 bytes
	aside := func(location string, offset, length int64) onnxtest.Tensor {
		return onnxtest.Aside("t", tensor.FP32, shape, location, offset, length)
	}
	inner := onnxtest.NewGraph("inner")
	inner.Initializer(aside("inner.bin", 100, 24))
	inner.Node("Constant", "", "c", onnxtest.Const("value", aside("shared.bin", 4096, -1)))

	body := onnxtest.NewGraph("body")
	body.Node("Constant", "", "b", onnxtest.Const("value", aside("function.bin", -1, -1)))

	g := onnxtest.NewGraph("main")
	g.Initializer(aside("shared.bin", 0, 24))
	g.SparseInitializer(aside("sparse.bin", 8, 16), onnxtest.Values("i", tensor.Shape{1}, []int64{0}), 6)
	g.Node("If", "x", "y", onnxtest.Body("then_branch", inner))
	f := parse(t, onnxtest.Model{Graph: g, Functions: []onnxtest.Function{{Name: "F", Domain: "d", Body: body}}}.Bytes())
	check(t, "external", f.External, []onnxfile.External{
		{Location: "shared.bin", Size: 4120, Tensors: 2},
		{Location: "inner.bin", Size: 124, Tensors: 1},
		{Location: "sparse.bin", Size: 24, Tensors: 1},
		{Location: "function.bin", Size: 24, Tensors: 1},
	})
	if f.Parameters != 18 || f.ParameterBytes != 72 {
		t.Errorf("got %d parameters in %d bytes, want 18 in 72", f.Parameters, f.ParameterBytes)
	}
}

func TestExternalWithBadNumbers(t *testing.T) {
	with := func(location string, offset, length int64) []byte {
		g := onnxtest.NewGraph("g")
		g.Initializer(onnxtest.Aside("k", tensor.FP32, tensor.Shape{4}, location, offset, length))
		return onnxtest.Model{Graph: g}.Bytes()
	}
	f := parse(t, with("w", math.MaxInt64, math.MaxInt64))
	if f.External[0].Size != math.MaxInt64 {
		t.Errorf("got size %d, expected the largest there is", f.External[0].Size)
	}
	// swap replaces an entry's value, marked by its tag and length, by one as long.
	swap := func(model []byte, was, is string) []byte {
		head := []byte{0x12, byte(len(was))}
		return bytes.Replace(model, append(head[:2:2], was...), append(head[:2:2], is...), 1)
	}
	wrong := map[string][]byte{
		`constant "k" has external data without a location`: with("", 0, 16),

		`constant "k" has external data with an unusable offset: expected a number of bytes, got "-1"`: swap(with("w", 50, 16), "50", "-1"),

		`constant "k" has external data with an unusable length: expected a number of bytes, got "9999999999999999999"`: swap(
			with("w", 0, 1111111111111111111), "1111111111111111111", "9999999999999999999"),
	}
	for want, model := range wrong {
		_, err := onnxfile.Parse(bytes.NewReader(model), int64(len(model)))
		if err == nil || err.Error() != "invalid ONNX model: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCheckExternal(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.bin")
	onnxtest.Write(t, outside, make([]byte, 100))
	for name, size := range map[string]int{"good.bin": 16, "sub/good.bin": 20, "short.bin": 15} {
		onnxtest.Write(t, filepath.Join(dir, name), make([]byte, size))
	}
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	must(t, os.Symlink("good.bin", filepath.Join(dir, "link.bin")))
	must(t, os.Symlink(outside, filepath.Join(dir, "escape.bin")))
	must(t, os.Symlink("../", filepath.Join(dir, "up")))

	tests := map[string]string{
		"good.bin":           "",
		"./sub/../good.bin":  "",
		"sub/good.bin":       "",
		"link.bin":           "",
		"none.bin":           "the file is missing: expected at least 16 bytes",
		"sub/none/deep.bin":  "the file is missing: expected at least 16 bytes",
		"short.bin":          "the file is too small: it has 15 bytes, expected at least 16",
		"folder":             "not a regular file: it is a directory",
		".":                  "not a regular file: it is a directory",
		outside:              "refused: the path is absolute, expected one inside the model's folder",
		"../outside.bin":     "refused: the path leads out of the model's folder",
		"sub/../../x":        "refused: the path leads out of the model's folder",
		"escape.bin":         "refused: path escapes from parent",
		"up/x":               "refused: path escapes from parent",
		"*/_ORT_MEM_ADDR_/*": "refused: it stands for an address in memory, not for a file",
	}
	for location, want := range tests {
		model, _ := onnxtest.External(location)
		err := parse(t, model).CheckExternal(dir)
		if want != "" {
			want = `external data "` + location + `": ` + want
		}
		if got := text(err); got != want {
			t.Errorf("%s:\n got %s\nwant %s", location, got, want)
		}
	}
	model, _ := onnxtest.External("good.bin")
	if err := parse(t, model).CheckExternal(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing folder: %v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
