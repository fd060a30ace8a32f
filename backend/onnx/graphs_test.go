package onnx_test

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galatea/backend"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// graphs lists the files of a folder of optimised graphs.
func graphs(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// answer loads the artifact, runs it once, and closes it.
func answer(t *testing.T, a backend.Artifact, inputs ...tensor.Tensor) []tensor.Tensor {
	t.Helper()
	m, err := runtime.Load(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in, err := m.NewInstance(t.Context(), a.Devices[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := run(t.Context(), t, in, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ones makes inputs of a signature, all elements of which are one.
func ones(t *testing.T, s tensor.Signature) []tensor.Tensor {
	t.Helper()
	var all []tensor.Tensor
	for _, spec := range s.Inputs {
		x := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: slices.Clone(spec.Shape)}
		for i, d := range x.Shape {
			if d < 0 {
				x.Shape[i] = 2
			}
		}
		n, err := x.Shape.Elements()
		if err != nil {
			t.Fatal(err)
		}
		element := make([]byte, max(1, spec.DType.Size()))
		switch spec.DType {
		case tensor.Bytes:
			element = texts("One")
		case tensor.FP32:
			element = floats(1)
		default:
			element[0] = 1
		}
		x.Data = bytes.Repeat(element, int(n))
		if spec.Name == "shape" { // of the two rows of four
			x.Shape, x.Data = tensor.Shape{1}, []byte{8, 0, 0, 0, 0, 0, 0, 0}
		}
		all = append(all, x)
	}
	return all
}

func expectEqual(t *testing.T, got, want []tensor.Tensor) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a, b tensor.Tensor) bool {
		return a.Name == b.Name && a.DType == b.DType && a.Shape.Equal(b.Shape) && bytes.Equal(a.Data, b.Data)
	}) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Every model answers the same without a cache, when its graph is left there, and when
// it is taken from there.
func TestKeptGraphsAnswerTheSame(t *testing.T) {
	models := onnxtest.Servable()
	models["mlp"], models["cnn"], models["slow"] = onnxtest.MLP(1), onnxtest.CNN(1), onnxtest.Slow(2)
	for _, name := range slices.Sorted(maps.Keys(models)) {
		t.Run(name, func(t *testing.T) {
			a := artifact(t, models[name])
			inputs := ones(t, a.Signature)
			plain := answer(t, a, inputs...)
			a.GraphCache = filepath.Join(t.TempDir(), "not", "yet")
			expectEqual(t, answer(t, a, inputs...), plain)
			left := graphs(t, a.GraphCache)
			if len(left) != 1 || filepath.Ext(left[0]) != ".graph" {
				t.Fatalf("the first load left %q", left)
			}
			written := stat(t, left[0])
			expectEqual(t, answer(t, a, inputs...), plain)
			if again := graphs(t, a.GraphCache); !slices.Equal(left, again) || !os.SameFile(written, stat(t, again[0])) {
				t.Errorf("the first load left %q, after the second there are %q", left, again)
			}
		})
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// sealed is a model as it lies in the cache.
func sealed(model []byte) []byte {
	digest := sha256.Sum256(model)
	return append(slices.Clone(model), digest[:]...)
}

func TestASecondLoadTakesTheGraph(t *testing.T) {
	a := artifact(t, onnxtest.Scale(2))
	a.GraphCache = t.TempDir()
	x := ones(t, a.Signature)
	two := answer(t, a, x...)[0]
	onnxtest.Write(t, graphs(t, a.GraphCache)[0], sealed(onnxtest.Scale(3)))
	if three := answer(t, a, x...)[0]; bytes.Equal(two.Data, three.Data) {
		t.Error("the second load did not read the file that the first one left")
	}
}

func TestWhatHasAGraphOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name   string
		model  []byte
		change func(a *backend.Artifact)
		files  int
	}{
		{"another model", onnxtest.Scale(3), func(*backend.Artifact) {}, 2},
		{"another level of optimisation", onnxtest.Scale(2), func(a *backend.Artifact) { a.Options.GraphLevel = 1 }, 2},
		{"another setting of the runtime", onnxtest.Scale(2), func(a *backend.Artifact) {
			a.Options.Entries = map[string]string{"optimization.enable_gelu_approximation": "1"}
		}, 2},
		{"another number of threads: no", onnxtest.Scale(2), func(a *backend.Artifact) { a.Options.IntraOpThreads = 2 }, 1},
		{"another name: no", onnxtest.Scale(2), func(a *backend.Artifact) { a.Name = "other/2" }, 1},
		{"no optimisation: none", onnxtest.Scale(3), func(a *backend.Artifact) { a.Options.GraphLevel = 2 }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			first, second := artifact(t, onnxtest.Scale(2)), artifact(t, tt.model)
			first.GraphCache, second.GraphCache = folder, folder
			tt.change(&second)
			answer(t, first, ones(t, first.Signature)...)
			answer(t, second, ones(t, second.Signature)...)
			if got := graphs(t, folder); len(got) != tt.files {
				t.Errorf("there are %q, expected %d", got, tt.files)
			}
		})
	}
}

func TestModelsWithSideFilesHaveNoGraph(t *testing.T) {
	dir := t.TempDir()
	model, weights := onnxtest.External("weights.bin")
	onnxtest.Write(t, filepath.Join(dir, "model.onnx"), model)
	onnxtest.Write(t, filepath.Join(dir, "weights.bin"), weights)
	a := artifactOf(t, filepath.Join(dir, "model.onnx"))
	a.GraphCache = t.TempDir()
	answer(t, a, ones(t, a.Signature)...)
	if got := graphs(t, a.GraphCache); len(got) != 0 {
		t.Errorf("there are %q", got)
	}
}

func TestABrokenGraphIsMadeAgain(t *testing.T) {
	flip := func(b []byte) []byte {
		b = slices.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	for _, tt := range []struct {
		name  string
		spoil func(whole []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"shorter than its hash", func(b []byte) []byte { return b[:16] }},
		{"half written", func(b []byte) []byte { return b[:len(b)/2] }},
		{"cut by some bytes", func(b []byte) []byte { return b[:len(b)-16] }},
		{"a bit has flipped", flip},
		{"whole, but no model", func([]byte) []byte { return sealed([]byte("no model")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := artifact(t, onnxtest.MLP(1))
			a.GraphCache = t.TempDir()
			x := ones(t, a.Signature)
			want := answer(t, a, x...)
			path := graphs(t, a.GraphCache)[0]
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			onnxtest.Write(t, path, tt.spoil(whole))
			expectEqual(t, answer(t, a, x...), want)
			if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
				t.Errorf("the file was not written again as it was: %v", err)
			}
			expectLine(t, slog.LevelWarn, "optimised graph is of no use", path)
		})
	}
}

func TestAFolderThatCannotBeWrittenIsDoneWithout(t *testing.T) {
	for name, folder := range map[string]string{"read-only": "/proc", "below a file": "/dev/null/graphs"} {
		t.Run(name, func(t *testing.T) {
			a := artifact(t, onnxtest.Scale(2))
			x := ones(t, a.Signature)
			want := answer(t, a, x...)
			a.GraphCache = folder
			expectEqual(t, answer(t, a, x...), want)
			expectLine(t, slog.LevelWarn, "optimised graph is not kept", "folder="+folder)
		})
	}
}

func TestABrokenModelIsNotTheCachesFault(t *testing.T) {
	a := artifact(t, onnxtest.Scale(2))
	a.GraphCache = t.TempDir()
	onnxtest.Write(t, a.File, []byte("no model"))
	before := lines.String()
	if m, err := runtime.Load(t.Context(), a); err == nil {
		_ = m.Close()
		t.Error("it loaded")
	}
	if got := graphs(t, a.GraphCache); len(got) != 0 {
		t.Errorf("it left %q", got)
	}
	if added := lines.String()[len(before):]; strings.Contains(added, "optimised graph") {
		t.Errorf("the log says %q", added)
	}
}

// expectLine looks for a line of the log that has all the parts.
func expectLine(t *testing.T, level slog.Level, parts ...string) {
	t.Helper()
	for line := range strings.Lines(lines.String()) {
		if strings.Contains(line, "level="+level.String()) && !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			return
		}
	}
	t.Errorf("no line of level %v has all of %q in %s", level, parts, lines.String())
}
