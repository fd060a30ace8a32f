package onnx_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"galatea/backend"
	"galatea/backend/backendtest"
	"galatea/infer"
	"galatea/internal/onnxfile"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// artifact writes a model and describes it as the server would.
func artifact(t *testing.T, model []byte) backend.Artifact {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	onnxtest.Write(t, path, model)
	return artifactOf(t, path)
}

func artifactOf(t *testing.T, path string) backend.Artifact {
	t.Helper()
	file, err := onnxfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := file.Signature()
	if err != nil {
		t.Fatal(err)
	}
	a := backend.Artifact{Name: "test/1", File: path, Signature: signature, Devices: []backend.Device{{}}}
	for _, e := range file.External {
		a.External = append(a.External, e.Location)
	}
	return a
}

func load(t *testing.T, a backend.Artifact) backend.Instance {
	t.Helper()
	m, err := runtime.Load(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.NewInstance(t.Context(), a.Devices[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return in
}

// run executes the inputs and returns copies of all outputs.
func run(ctx context.Context, t *testing.T, in backend.Instance, inputs ...tensor.Tensor) ([]tensor.Tensor, error) {
	t.Helper()
	b, err := in.Batch(inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Want {
		b.Want[i] = true
	}
	for i := range inputs {
		b.Inputs[i].Data = append(b.Inputs[i].Data, inputs[i].Data...)
	}
	if err := in.Run(ctx, b); err != nil {
		return nil, err
	}
	outputs := slices.Clone(b.Outputs)
	for i := range outputs {
		outputs[i].Data = slices.Clone(outputs[i].Data)
	}
	return outputs, nil
}

func floats(vs ...float32) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func texts(vs ...string) []byte {
	var b []byte
	for _, v := range vs {
		b = tensor.AppendString(b, v)
	}
	return b
}

func TestBackend(t *testing.T) {
	backendtest.Run(t, runtime, artifact(t, onnxtest.Scale(2)), slowOn(backend.Device{}))
}

// slowOn makes a model whose run takes long, on a device.
func slowOn(d backend.Device) func(t *testing.T) (backend.Backend, backend.Artifact, []tensor.Tensor) {
	return func(t *testing.T) (backend.Backend, backend.Artifact, []tensor.Tensor) {
		a := artifact(t, onnxtest.Slow(100_000))
		a.Devices = []backend.Device{d}
		in := tensor.Tensor{Name: a.Signature.Inputs[0].Name, DType: a.Signature.Inputs[0].DType, Shape: slices.Clone(a.Signature.Inputs[0].Shape)}
		for i, d := range in.Shape {
			in.Shape[i] = max(1, d)
		}
		size, err := in.Shape.Bytes(in.DType)
		if err != nil {
			t.Fatal(err)
		}
		in.Data = make([]byte, size)
		return runtime, a, []tensor.Tensor{in}
	}
}

// Every type, in every kind of shape, goes in and comes out as it was.
func TestEveryTypeGoesThrough(t *testing.T) {
	shapes := []struct{ declared, given tensor.Shape }{
		{tensor.Shape{}, tensor.Shape{}},
		{tensor.Shape{3}, tensor.Shape{3}},
		{tensor.Shape{-1, 2}, tensor.Shape{3, 2}},
		{tensor.Shape{-1, 2}, tensor.Shape{0, 2}},
		{tensor.Shape{-1, -1, -1}, tensor.Shape{2, 1, 3}},
	}
	for _, d := range tensor.DTypes() {
		for _, shape := range shapes {
			t.Run(d.String()+shape.declared.String()+shape.given.String(), func(t *testing.T) {
				in := load(t, artifact(t, onnxtest.Identity(d, shape.declared)))
				x := tensor.Tensor{Name: "x", DType: d, Shape: shape.given}
				n, err := shape.given.Elements()
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					x.Data = appendElement(x.Data, d, int(i))
				}
				out, err := run(t.Context(), t, in, x)
				if err != nil {
					t.Fatal(err)
				}
				y := out[0]
				if y.DType != d || !y.Shape.Equal(shape.given) || string(y.Data) != string(x.Data) {
					t.Errorf("got %v %v %x, want %v %v %x", y.DType, y.Shape, y.Data, d, shape.given, x.Data)
				}
			})
		}
	}
}

func appendElement(dst []byte, d tensor.DType, i int) []byte {
	if d == tensor.Bytes {
		return tensor.AppendString(dst, []string{"", "a\x00b", "ü", strings.Repeat("long", 50)}[i%4])
	}
	if d == tensor.Bool {
		return append(dst, byte(i%2))
	}
	for j := range d.Size() {
		dst = append(dst, byte(i+j+1))
	}
	return dst
}

func TestOutputOfUnknownShape(t *testing.T) {
	in := load(t, artifact(t, onnxtest.Positions()))
	x := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{2, 4}, Data: floats(0, 1, 0, 0, 0, 0, 2, 3)}
	out, err := run(t.Context(), t, in, x)
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].Shape; !slices.Contains(got, 3) {
		t.Errorf("three values are not zero, got positions of shape %v", got)
	}
}

func TestModelWithoutInputs(t *testing.T) {
	in := load(t, artifact(t, onnxtest.Constant()))
	out, err := run(t.Context(), t, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out[0].Data) == 0 {
		t.Error("no answer")
	}
}

func TestOptionalInputMayBeGivenOrNot(t *testing.T) {
	a := artifact(t, onnxtest.Bias())
	in := load(t, a)
	var x, b tensor.Tensor
	for _, s := range a.Signature.Inputs {
		shape := slices.Clone(s.Shape)
		for i, d := range shape {
			shape[i] = max(1, d)
		}
		size, err := shape.Bytes(s.DType)
		if err != nil {
			t.Fatal(err)
		}
		v := tensor.Tensor{Name: s.Name, DType: s.DType, Shape: shape, Data: make([]byte, size)}
		if s.Optional {
			for i := range len(v.Data) / 4 {
				copy(v.Data[4*i:], floats(100))
			}
			b = v
		} else {
			x = v
		}
	}
	without, err := run(t.Context(), t, in, x)
	if err != nil {
		t.Fatal(err)
	}
	with, err := run(t.Context(), t, in, x, b)
	if err != nil {
		t.Fatal(err)
	}
	if string(without[0].Data) == string(with[0].Data) {
		t.Error("the optional input changed nothing")
	}
}

func TestWeightsInSideFiles(t *testing.T) {
	dir := t.TempDir()
	model, weights := onnxtest.External("weights.bin")
	path, side := filepath.Join(dir, "model.onnx"), filepath.Join(dir, "weights.bin")
	onnxtest.Write(t, path, model)
	onnxtest.Write(t, side, weights)
	a := artifactOf(t, path)
	in := load(t, a)
	s := a.Signature.Inputs[0]
	shape := slices.Clone(s.Shape)
	shape[0] = 1
	n, err := shape.Elements()
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.Tensor{Name: s.Name, DType: s.DType, Shape: shape}
	for i := range n {
		x.Data = append(x.Data, floats(float32(i+1))...)
	}
	before, err := run(t.Context(), t, in, x)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("overwritten in place -> the answers stay", func(t *testing.T) {
		if err := os.WriteFile(side, make([]byte, len(weights)), 0o600); err != nil {
			t.Fatal(err)
		}
		expectSame(t, in, x, before)
	})
	t.Run("truncated -> the process lives and the answers stay", func(t *testing.T) {
		if err := errors.Join(os.Truncate(side, 0), os.Truncate(path, 0)); err != nil {
			t.Fatal(err)
		}
		expectSame(t, in, x, before)
	})
	t.Run("outside of the model's folder -> refused", func(t *testing.T) {
		a.External = []string{"../weights.bin"}
		if m, err := runtime.Load(t.Context(), a); err == nil {
			_ = m.Close()
			t.Error("it loaded")
		}
	})
}

func expectSame(t *testing.T, in backend.Instance, x tensor.Tensor, want []tensor.Tensor) {
	t.Helper()
	got, err := run(t.Context(), t, in, x)
	if err != nil {
		t.Fatal(err)
	}
	if string(got[0].Data) != string(want[0].Data) {
		t.Error("the answer changed")
	}
}

func TestGuiltyInputIsAnErrorAndTheInstanceGoesOn(t *testing.T) {
	a := artifact(t, onnxtest.Lookup(1, 2, 3))
	in := load(t, a)
	index := func(i uint64) tensor.Tensor {
		return tensor.Tensor{Name: a.Signature.Inputs[0].Name, DType: tensor.Int64, Shape: tensor.Shape{1, 1}, Data: binary.LittleEndian.AppendUint64(nil, i)}
	}
	if _, err := run(t.Context(), t, in, index(99)); err == nil {
		t.Error("an index out of range gave an answer")
	}
	out, err := run(t.Context(), t, in, index(2))
	if err != nil || string(out[0].Data) != string(floats(3)) {
		t.Errorf("got %v, %v", out, err)
	}
}

// What C would read must be what Go has checked.
func TestDataThatIsNotItsShapeIsRefused(t *testing.T) {
	in := load(t, artifact(t, onnxtest.Identity(tensor.FP32, tensor.Shape{-1, 4})))
	inStrings := load(t, artifact(t, onnxtest.Identity(tensor.Bytes, tensor.Shape{-1})))
	for _, tt := range []struct {
		name string
		in   backend.Instance
		x    tensor.Tensor
	}{
		{"too few bytes", in, tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{2, 4}, Data: floats(1, 2, 3, 4)}},
		{"too many bytes", in, tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{1, 4}, Data: floats(1, 2, 3, 4, 5)}},
		{"too few strings", inStrings, tensor.Tensor{Name: "x", DType: tensor.Bytes, Shape: tensor.Shape{2}, Data: texts("a")}},
		{"a string that ends beyond the data", inStrings, tensor.Tensor{Name: "x", DType: tensor.Bytes, Shape: tensor.Shape{1}, Data: []byte{255, 255, 255, 255, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := run(t.Context(), t, tt.in, tt.x); !errors.Is(err, infer.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A request's own bytes are given to the runtime in place. Once they are freed, no run
// may look at where they were: the collector ends a process that does.
func TestBytesOfRequestsMayBeFreedAfterARun(t *testing.T) {
	in := load(t, artifact(t, onnxtest.Identity(tensor.FP32, tensor.Shape{-1})))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				goruntime.GC()
			}
		}
	})
	for i := range 1000 {
		n := 100 + i*7919%20_000 // another size each time, so that freed memory is not soon in use again
		x := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{int64(n)}, Data: make([]byte, 4*n)}
		b, err := in.Batch([]tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		if i%4 == 0 {
			goruntime.GC() // the batch before has gone
		}
		b.Inputs[0].Data, b.Want[0] = x.Data, true
		if err := in.Run(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestModelsThatCannotBeServedAreRefusedByName(t *testing.T) {
	for name, model := range onnxtest.Refused() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.onnx")
			onnxtest.Write(t, path, model)
			a := backend.Artifact{Name: name, File: path, Devices: []backend.Device{{}}}
			file, err := onnxfile.Read(path)
			if err != nil {
				return // refused before the runtime sees it
			}
			if a.Signature, err = file.Signature(); err == nil {
				t.Errorf("the file's signature is taken: %+v", a.Signature)
			}
			m, err := runtime.Load(t.Context(), a)
			if err == nil {
				_ = m.Close()
			}
		})
	}
}

func TestFileThatChangedDuringTheLoadIsRefused(t *testing.T) {
	a := artifact(t, onnxtest.Identity(tensor.FP32, tensor.Shape{-1, 4}))
	onnxtest.Write(t, a.File, onnxtest.Identity(tensor.FP64, tensor.Shape{-1, 4}))
	m, err := runtime.Load(t.Context(), a)
	if err == nil {
		_ = m.Close()
		t.Fatal("it loaded")
	}
	if !strings.Contains(err.Error(), `input "x"`) {
		t.Errorf("got %v", err)
	}
}

func TestBrokenFilesAreErrors(t *testing.T) {
	whole := onnxtest.Scale(2)
	for name, model := range map[string][]byte{"empty": {}, "text": []byte("not a model"), "cut": whole[:len(whole)/2]} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.onnx")
			onnxtest.Write(t, path, model)
			m, err := runtime.Load(t.Context(), backend.Artifact{Name: "broken/1", File: path, Signature: backendtest.Doubling, Devices: []backend.Device{{}}})
			if err == nil {
				_ = m.Close()
				t.Fatal("it loaded")
			}
		})
	}
}

func TestAGPUIsABackendOrAClearError(t *testing.T) {
	providers, err := runtime.Providers()
	if err != nil {
		t.Fatal(err)
	}
	gpu := backend.Device{Kind: backend.GPU}
	a := artifact(t, onnxtest.Scale(2))
	a.Devices = []backend.Device{gpu}
	if slices.Contains(providers, "CUDAExecutionProvider") {
		backendtest.Run(t, runtime, a, slowOn(gpu))
		return
	}
	m, err := runtime.Load(t.Context(), a)
	if err == nil {
		_ = m.Close()
	}
	if !errors.Is(err, backend.ErrUnsupported) || !strings.Contains(err.Error(), "CUDAExecutionProvider") {
		t.Errorf("got %v", err)
	}
}

func TestSessionSettings(t *testing.T) {
	a := artifact(t, onnxtest.Scale(2))
	a.Options = backend.Options{
		IntraOpThreads: 2, InterOpThreads: 2, Parallel: true, NoArena: true, NoMemPattern: true, GraphLevel: 2,
		Entries:    map[string]string{"session.intra_op.allow_spinning": "1"},
		RunEntries: map[string]string{"memory.enable_memory_arena_shrinkage": "cpu:0"},
	}
	in := load(t, a)
	x := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{1, 4}, Data: floats(1, 2, 3, 4)}
	if _, err := run(t.Context(), t, in, x); err != nil && !strings.Contains(err.Error(), "shrink") {
		t.Errorf("got %v", err)
	}
	a.Options = backend.Options{Entries: map[string]string{"": ""}}
	if m, err := runtime.Load(t.Context(), a); err == nil {
		_ = m.Close()
		t.Error("an empty key was taken")
	}
}
