package onnxfile_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galatea/internal/onnxfile"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// counting counts what is read of a file.
type counting struct {
	io.ReaderAt
	bytes, reads int64
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.reads++
	c.bytes += int64(len(b))
	return c.ReaderAt.ReadAt(b, at)
}

// writeLarge writes a sparse file with weights of 2 GiB, and nodes and inputs
// before and behind them.
func writeLarge(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "large.onnx")
	if err := onnxtest.Sized(2 << 30).WriteFile(path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestWeightsAreNotRead(t *testing.T) {
	file, err := os.Open(writeLarge(t))
	must(t, err)
	defer file.Close()
	info, err := file.Stat()
	must(t, err)
	c := &counting{ReaderAt: file}
	f, err := onnxfile.Parse(c, info.Size())
	must(t, err)
	if f.Parameters != 512<<20+1 || f.ParameterBytes != 2<<30+8 || len(f.Inputs) != 1 || f.Nodes != 2 {
		t.Errorf("got %+v", f)
	}
	if c.bytes > 16<<10 {
		t.Errorf("read %d bytes in %d pieces of a file of %d", c.bytes, c.reads, info.Size())
	}
}

// Whatever lies where the window ends, the same is read.
func TestWindowBoundaries(t *testing.T) {
	const nodes = 3000
	want := make([]string, 0, nodes)
	g := onnxtest.NewGraph("long")
	for i := range nodes {
		g.Node(fmt.Sprintf("Op%d", i%7), "x", "y", onnxtest.Str("s", strings.Repeat("a", i%100)))
		g.Initializer(onnxtest.Raw(fmt.Sprintf("w%d", i), tensor.Uint8, tensor.Shape{int64(i * 3)}, make([]byte, i*3)))
		name := fmt.Sprintf("input_%d_%s", i, strings.Repeat("i", i%50))
		g.Input(name, onnxtest.Symbolic(tensor.FP32, "batch", "3"))
		want = append(want, name)
	}
	for _, size := range []int{0, 1, 4000, 65536, 65537, 300_000} {
		doc := strings.Repeat("d", size)
		model := onnxtest.Model{Graph: g, Doc: doc, Metadata: map[string]string{"m": doc}}.Bytes()
		f := parse(t, model)
		if f.DocString != doc || f.Metadata["m"] != doc {
			t.Errorf("texts of %d bytes came back with %d and %d", size, len(f.DocString), len(f.Metadata["m"]))
		}
		if f.Nodes != nodes || len(f.Ops) != 7 || f.Parameters != 3*nodes*(nodes-1)/2 {
			t.Errorf("got %d nodes, %d operators, %d parameters", f.Nodes, len(f.Ops), f.Parameters)
		}
		if len(f.Inputs) != nodes {
			t.Fatalf("got %d inputs", len(f.Inputs))
		}
		for i, v := range f.Inputs {
			if v.Spec.Name != want[i] || v.Symbols[0] != "batch" || v.Spec.Shape[1] != 3 {
				t.Fatalf("input %d is %+v, expected the name %s", i, v, want[i])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, models := range []map[string][]byte{onnxtest.Servable(), onnxtest.Refused()} {
		for _, model := range models {
			f.Add(model)
		}
	}
	external, _ := onnxtest.External("weights.bin")
	f.Add(external)
	official, err := os.ReadFile("testdata/everything.onnx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(official)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, model []byte) {
		file, err := onnxfile.Parse(bytes.NewReader(model), int64(len(model)))
		if err != nil {
			if !known(err) {
				t.Errorf("unexpected kind of error: %v", err)
			}
			return
		}
		if sig, err := file.Signature(); err == nil {
			for _, s := range append(sig.Inputs, sig.Outputs...) {
				if !s.DType.Valid() {
					t.Errorf("%q has no valid type", s.Name)
				}
			}
		}
		if file.Nodes < 0 || file.Parameters < 0 || file.ParameterBytes < 0 {
			t.Errorf("negative counts: %+v", file)
		}
		for _, v := range append(file.Inputs, file.Outputs...) {
			if len(v.Symbols) != len(v.Spec.Shape) || v.HasShape != (v.Spec.Shape != nil) {
				t.Errorf("shape and names disagree: %+v", v)
			}
		}
		for _, e := range file.External {
			if e.Size < 0 || e.Tensors < 1 || e.Location == "" {
				t.Errorf("impossible external file: %+v", e)
			}
		}
		_ = file.CheckOpsets()
		if err := file.CheckExternal(dir); err == nil && len(file.External) > 0 {
			t.Errorf("external files found in an empty folder: %+v", file.External)
		}
	})
}

// BenchmarkRead shows that weights cost nothing: 2 GiB of them, a graph of 5,000
// nodes with as many small weights, and a small model.
func BenchmarkRead(b *testing.B) {
	g := onnxtest.NewGraph("deep")
	g.Input("x", onnxtest.Symbolic(tensor.FP32, "batch", "1024"))
	for i := range 5000 {
		w := fmt.Sprintf("layer%d.weight", i)
		g.Initializer(onnxtest.Zeros(w, tensor.FP32, tensor.Shape{64, 64}))
		g.Node("MatMul", fmt.Sprintf("t%d,%s", i, w), fmt.Sprintf("t%d", i+1))
	}
	deep := filepath.Join(b.TempDir(), "deep.onnx")
	if err := (onnxtest.Model{Graph: g}).WriteFile(deep); err != nil {
		b.Fatal(err)
	}
	small := filepath.Join(b.TempDir(), "small.onnx")
	onnxtest.Write(b, small, onnxtest.Scale(2))
	files := []struct{ name, path string }{{"2GiB", writeLarge(b)}, {"5000layers", deep}, {"small", small}}
	for _, file := range files {
		b.Run(file.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := onnxfile.Read(file.path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
