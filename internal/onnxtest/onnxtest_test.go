package onnxtest_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"galatea/internal/onnxfile"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

func parse(t *testing.T, model []byte) *onnxfile.File {
	t.Helper()
	f, err := onnxfile.Parse(bytes.NewReader(model), int64(len(model)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// face writes inputs and outputs as one line, optional inputs in parentheses.
func face(t *testing.T, model []byte) string {
	t.Helper()
	sig, err := parse(t, model).Signature()
	if err != nil {
		t.Fatal(err)
	}
	line := ""
	for _, s := range sig.Inputs {
		one := s.Name + " " + s.DType.String() + s.Shape.String()
		if s.Optional {
			one = "(" + one + ")"
		}
		line += one + " "
	}
	line += "->"
	for _, s := range sig.Outputs {
		line += " " + s.Name + " " + s.DType.String() + s.Shape.String()
	}
	return line
}

func TestFaces(t *testing.T) {
	external, _ := onnxtest.External("weights.bin")
	tests := []struct {
		name  string
		model []byte
		want  string
	}{
		{"identity", onnxtest.Identity(tensor.BF16, tensor.Shape{-1, 0}), "x BF16[-1,0] -> y BF16[-1,0]"},
		{"identities", onnxtest.Identities(nil, tensor.Bool, tensor.Bytes), "x0 BOOL[] x1 BYTES[] -> y0 BOOL[] y1 BYTES[]"},
		{
			"add_sub", onnxtest.AddSub(tensor.Int32),
			"INPUT0 INT32[-1,16] INPUT1 INT32[-1,16] -> OUTPUT0 INT32[-1,16] OUTPUT1 INT32[-1,16]",
		},
		{"scale", onnxtest.Scale(3), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"bias", onnxtest.Bias(), "x FP32[-1,4] (b FP32[4]) -> y FP32[-1,4]"},
		{"lookup", onnxtest.Lookup(1, 2), "x INT64[-1,1] -> y FP32[-1,1]"},
		{"constant", onnxtest.Constant(), "-> y FP32[4]"},
		{"softmax", onnxtest.Softmax(), "x FP32[-1,-1] -> y FP32[-1,-1]"},
		{"lower", onnxtest.Lower(), "x BYTES[-1] -> y BYTES[-1]"},
		{"concat", onnxtest.Concat(), "a BYTES[-1,1] b BYTES[-1,1] -> y BYTES[-1,1]"},
		{"gelu", onnxtest.Gelu(), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"external", external, "x FP32[-1,4] -> y FP32[-1,4]"},
		{"centre", onnxtest.Centre(), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"requantize", onnxtest.Requantize(), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"sum_rows", onnxtest.SumRows(), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"positions", onnxtest.Positions(), "x FP32[-1,4] -> y INT64[-1,2]"},
		{"ragged", onnxtest.Ragged(), "x INT64[-1,1] -> y INT64[-1,-1]"},
		{"undeclared", onnxtest.Undeclared(), "x FP32[-1,4] -> y INT64[]"},
		{"reshape", onnxtest.Reshape(), "x FP32[-1,4] shape INT64[-1] -> y FP32[]"},
		{"slow", onnxtest.Slow(5), "x FP32[-1,4] -> y FP32[-1,4]"},
		{"slow_by", onnxtest.SlowBy(), "x INT64[-1,1] -> y INT64[-1,1]"},
		{"mlp", onnxtest.MLP(1), "x FP32[-1,784] -> y FP32[-1,10]"},
		{"cnn", onnxtest.CNN(1), "x FP32[-1,3,64,64] -> y FP32[-1,10]"},
		{"sized", onnxtest.Sized(1 << 20).Bytes(), "x FP32[-1,256] -> y FP32[-1,1]"},
	}
	for _, test := range tests {
		if got := face(t, test.model); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestRefusedAreRefused(t *testing.T) {
	models := onnxtest.Refused()
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if sig, err := parse(t, models[name]).Signature(); err == nil {
			t.Errorf("%s: got %+v, expected an error", name, sig)
		}
	}
}

func TestSameSeedSameModel(t *testing.T) {
	if !bytes.Equal(onnxtest.MLP(1), onnxtest.MLP(1)) || !bytes.Equal(onnxtest.CNN(1), onnxtest.CNN(1)) {
		t.Error("the same seed gave two models")
	}
	if bytes.Equal(onnxtest.MLP(1), onnxtest.MLP(2)) {
		t.Error("two seeds gave the same model")
	}
	if got := parse(t, onnxtest.MLP(1)).Parameters; got != 784*1024+1024+1024*1024+1024+1024*10+10 {
		t.Errorf("MLP has %d parameters", got)
	}
}

func TestSizedTakesItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	for _, size := range []int64{1, 1 << 10, 5 << 20} {
		model := onnxtest.Sized(size)
		must(t, model.WriteFile(path))
		written, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(written, model.Bytes()) {
			t.Errorf("%d bytes: file and bytes differ", size)
		}
		if got := parse(t, written).ParameterBytes; got < size || got > size+1<<10+8 {
			t.Errorf("asked for %d bytes, got %d", size, got)
		}
	}
}

func TestVersionWritesWholeFiles(t *testing.T) {
	root := t.TempDir()
	dir := onnxtest.Version(t, root, "scale", 3, onnxtest.Scale(1))
	onnxtest.Version(t, root, "scale", 3, onnxtest.Scale(3)) // replaces it
	if dir != filepath.Join(root, "scale", "3") {
		t.Errorf("got folder %q", dir)
	}
	got, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	must(t, err)
	if !bytes.Equal(got, onnxtest.Scale(3)) {
		t.Error("the file is not the second model")
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("got %v, expected nothing but the model", entries)
	}
	if err := onnxtest.WriteFile(filepath.Join(dir, "model.onnx", "x"), nil); err == nil {
		t.Error("a file was written below a file")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Everything that the writer can write comes back from the reader.
func TestRoundTrip(t *testing.T) {
	body := onnxtest.NewGraph("")
	body.Node("Add", "a,a", "b")
	g := onnxtest.NewGraph("main")
	g.Doc = "a graph"
	g.Input("x", onnxtest.Symbolic(tensor.FP32, "batch", "4"))
	g.Value("m", onnxtest.Symbolic(tensor.FP32, "batch", "4"))
	g.Output("y", onnxtest.Symbolic(tensor.FP32, "batch", "4"))
	g.NodeIn("local", "Twice", "x", "m")
	g.Node("Many", "m,,m", "y",
		onnxtest.Float("f", 1), onnxtest.Floats("fs", 1, 2), onnxtest.Int("i", -1), onnxtest.Ints("is", 1, 2),
		onnxtest.Str("s", "text"), onnxtest.Strs("ss", "a", ""), onnxtest.Const("t", onnxtest.Values("", nil, []uint8{1})))
	g.SparseInitializer(onnxtest.Values("s", tensor.Shape{2}, []int8{5, 6}), onnxtest.Values("", tensor.Shape{2}, []int64{1, 3}), 4)
	g.Initializer(onnxtest.Strings("names", tensor.Shape{2}, "a", "bc"))
	f := parse(t, onnxtest.Model{
		IR: 9, Opset: 19, Opsets: map[string]int64{"local": 2}, Producer: "p", ProducerVersion: "pv", Domain: "d", Version: 4,
		Doc: "doc", Metadata: map[string]string{"k": "v"}, Graph: g,
		Functions: []onnxtest.Function{{Domain: "local", Name: "Twice", Inputs: []string{"a"}, Outputs: []string{"b"}, Body: body}},
	}.Bytes())
	if f.IRVersion != 9 || f.Opsets["ai.onnx"] != 19 || f.Opsets["local"] != 2 || f.ModelVersion != 4 || f.Metadata["k"] != "v" {
		t.Errorf("got %+v", f)
	}
	if f.Producer+f.ProducerVersion+f.Domain+f.DocString+f.GraphName != "ppvddocmain" {
		t.Errorf("got %+v", f)
	}
	ops := []onnxfile.Op{
		{Domain: "ai.onnx", Type: "Add", Nodes: 1},
		{Domain: "ai.onnx", Type: "Many", Nodes: 1},
		{Domain: "local", Type: "Twice", Nodes: 1},
	}
	if !slices.Equal(f.Ops, ops) || f.Parameters != 4 || f.ParameterBytes != 5 {
		t.Errorf("got %+v", f)
	}
}
