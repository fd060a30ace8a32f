package onnxfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
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

// The file was made by the official library; see testdata/everything.py.
func TestReadOfficialFile(t *testing.T) {
	got, err := onnxfile.Read("testdata/everything.onnx")
	if err != nil {
		t.Fatal(err)
	}
	x := onnxfile.Value{
		Spec: tensor.Spec{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{-1, 4}},
		Kind: onnxfile.Tensor, Type: "tensor(float)", HasShape: true, Symbols: []string{"batch", ""},
	}
	y := x
	y.Spec.Name = "y"
	check(t, "inputs", got.Inputs, []onnxfile.Value{
		x,
		{
			Spec: tensor.Spec{Name: "c", DType: tensor.Bool, Shape: tensor.Shape{}},
			Kind: onnxfile.Tensor, Type: "tensor(bool)", HasShape: true,
		},
		{
			Spec: tensor.Spec{Name: "opt", DType: tensor.Int64, Shape: tensor.Shape{-1, 2}, Optional: true},
			Kind: onnxfile.Tensor, Type: "tensor(int64)", HasShape: true, Symbols: []string{"", ""},
		},
	})
	check(t, "outputs", got.Outputs, []onnxfile.Value{y})
	check(t, "ops", got.Ops, []onnxfile.Op{
		{Domain: "ai.onnx", Type: "Add", Nodes: 3},
		{Domain: "ai.onnx", Type: "Constant", Nodes: 1},
		{Domain: "ai.onnx", Type: "Identity", Nodes: 1},
		{Domain: "ai.onnx", Type: "If", Nodes: 1},
		{Domain: "local", Type: "Twice", Nodes: 1},
	})
	check(t, "opsets", got.Opsets, map[string]int64{"ai.onnx": 21, "local": 1})
	check(t, "metadata", got.Metadata, map[string]string{"author": "someone", "labels": "a,b"})
	check(t, "external", got.External, []onnxfile.External{{Location: "weights.bin", Size: 80, Tensors: 1}})
	check(t, "numbers", []int64{got.IRVersion, got.ModelVersion, got.Nodes, got.Parameters, got.ParameterBytes},
		[]int64{10, 7, 7, 30, 118})
	check(t, "texts", []string{got.Producer, got.ProducerVersion, got.Domain, got.DocString, got.GraphName},
		[]string{"by hand", "1.2", "org.example", "a doc", "main"})
	if err := got.CheckOpsets(); err != nil {
		t.Error(err)
	}
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}

func TestSignatureOfServableModels(t *testing.T) {
	models := onnxtest.Servable()
	for _, name := range slices.Sorted(maps.Keys(models)) {
		f := parse(t, models[name])
		sig, err := f.Signature()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(sig.Outputs) == 0 {
			t.Errorf("%s: no outputs", name)
		}
		if err := f.CheckOpsets(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.CheckExternal(t.TempDir()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryTypeAndShape(t *testing.T) {
	shapes := []tensor.Shape{{}, {0}, {3}, {-1}, {-1, 0, 4}, {-1, -1, 2, -1}}
	for _, d := range tensor.DTypes() {
		for _, shape := range shapes {
			f := parse(t, onnxtest.Identity(d, shape))
			sig, err := f.Signature()
			if err != nil {
				t.Fatalf("%s %s: %v", d, shape, err)
			}
			check(t, d.String(), sig, tensor.Signature{
				Inputs:  []tensor.Spec{{Name: "x", DType: d, Shape: shape}},
				Outputs: []tensor.Spec{{Name: "y", DType: d, Shape: shape}},
			})
		}
	}
}

func TestOutputOfUnknownRank(t *testing.T) {
	f := parse(t, onnxtest.Reshape())
	y := f.Outputs[0]
	if y.HasShape || y.Spec.Shape != nil {
		t.Errorf("got shape %v, declared: %v", y.Spec.Shape, y.HasShape)
	}
	sig, err := f.Signature()
	if err != nil {
		t.Fatal(err)
	}
	check(t, "output", sig.Outputs, []tensor.Spec{{Name: "y", DType: tensor.FP32}})
}

func TestInputWithInitializer(t *testing.T) {
	f := parse(t, onnxtest.Bias())
	if sig, err := f.Signature(); err != nil || sig.Inputs[0].Optional || !sig.Inputs[1].Optional {
		t.Errorf("got %+v, %v: expected b alone to be optional", sig.Inputs, err)
	}

	g := onnxtest.NewGraph("old")
	g.Initializer(onnxtest.Values("b", tensor.Shape{4}, []float32{1, 2, 3, 4}))
	g.Input("b", onnxtest.TensorOf(tensor.FP32, tensor.Shape{4}))
	g.Input("x", onnxtest.TensorOf(tensor.FP32, tensor.Shape{4}))
	g.Node("Add", "x,b", "y")
	g.Output("y", onnxtest.TensorOf(tensor.FP32, tensor.Shape{4}))
	f = parse(t, onnxtest.Model{IR: 3, Opset: 8, Graph: g}.Bytes())
	if len(f.Inputs) != 1 || f.Inputs[0].Spec.Name != "x" || f.Inputs[0].Spec.Optional {
		t.Errorf("IR version 3: got %+v, expected x alone", f.Inputs)
	}
}

func TestNegativeDimensionIsDynamic(t *testing.T) {
	f := parse(t, identity(onnxtest.Symbolic(tensor.FP32, "-1", "-7", "n")))
	check(t, "shape", f.Inputs[0].Spec.Shape, tensor.Shape{-1, -1, -1})
	check(t, "symbols", f.Inputs[0].Symbols, []string{"", "", "n"})
}

// identity is a model with an input and an output of any type.
func identity(typ onnxtest.Type) []byte {
	g := onnxtest.NewGraph("g")
	g.Input("x", typ)
	g.Node("Identity", "x", "y")
	g.Output("y", typ)
	return onnxtest.Model{Graph: g}.Bytes()
}

func TestRefused(t *testing.T) {
	fp32 := onnxtest.TensorOf(tensor.FP32, tensor.Shape{-1})
	tests := map[string]struct {
		model []byte
		want  string
	}{
		"sequence input":  {onnxtest.SequenceInput(), `input "x" cannot be served: it is of type seq(tensor(float)), expected a tensor`},
		"sequence output": {onnxtest.SequenceOutput(), `output "y" cannot be served: it is of type seq(tensor(float)), expected a tensor`},
		"map input":       {onnxtest.MapInput(), `input "x" cannot be served: it is of type map(int64,tensor(float)), expected a tensor`},
		"zip map":         {onnxtest.ZipMap(), `output "y" cannot be served: it is of type seq(map(int64,tensor(float))), expected a tensor`},
		"optional":        {onnxtest.OptionalType(), `input "x" cannot be served: it is of type optional(tensor(float)), expected a tensor`},
		"sparse":          {onnxtest.SparseInput(), `input "x" cannot be served: it is of type sparse_tensor(float), expected a tensor`},
		"fp8":             {onnxtest.ElemInput(onnxtest.Float8E4M3FN), `input "x" cannot be served: elements of tensor(float8e4m3fn) have no type in the protocol`},
		"int4":            {onnxtest.ElemInput(onnxtest.Int4), `input "x" cannot be served: elements of tensor(int4) have no type in the protocol`},
		"complex":         {identity(onnxtest.ElemTensor(onnxtest.Complex64, nil)), `input "x" cannot be served: elements of tensor(complex64) have no type in the protocol`},
		"undefined":       {identity(onnxtest.ElemTensor(onnxtest.Undefined, nil)), `input "x" cannot be served: elements of tensor(undefined) have no type in the protocol`},
		"type of the future": {
			identity(onnxtest.ElemTensor(99, nil)),
			`input "x" cannot be served: elements of tensor(type 99) have no type in the protocol`,
		},
		"unranked": {onnxtest.Unranked(), `input "x" cannot be served: its rank is unknown, the file declares no shape for it`},
		"untyped":  {identity(onnxtest.Type{}), `input "x" cannot be served: the file declares no type for it`},
		"nested": {
			identity(onnxtest.OptionalOf(onnxtest.SequenceOf(onnxtest.MapOf(tensor.Bytes, onnxtest.SequenceOf(fp32))))),
			`input "x" cannot be served: it is of type optional(seq(map(string,seq(tensor(float))))), expected a tensor`,
		},
	}
	for name, test := range tests {
		_, err := parse(t, test.model).Signature()
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, test.want)
		}
	}
}

func TestCheckOpsets(t *testing.T) {
	g := onnxtest.NewGraph("g")
	g.NodeIn("com.microsoft", "Gelu", "x", "y")
	err := parse(t, onnxtest.Model{Graph: g}.Bytes()).CheckOpsets()
	want := `invalid ONNX model: operator "Gelu" is of domain "com.microsoft", of which the file imports no version: its end may be missing`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadErrorsNameThePath(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	onnxtest.Write(t, empty, nil)
	tests := map[string]string{
		filepath.Join(dir, "none"): "no such file or directory",
		dir:                        "not a regular file: it is a directory",
		pipe:                       "not a regular file: it is a named pipe",
		empty:                      "not an ONNX model: the file is empty",
	}
	for path, want := range tests {
		_, err := onnxfile.Read(path)
		if err == nil || err.Error() != "read \""+path+"\": "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := onnxfile.Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, expected it to be fs.ErrNotExist", err)
	}
}
