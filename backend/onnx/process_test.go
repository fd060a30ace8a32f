package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"galatea/backend"
	"galatea/backend/onnx"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// recorder keeps what is logged.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func TestRuntimeLogsThroughOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	onnxtest.Write(t, path, onnxtest.Lookup(1, 2, 3))
	a := artifactOf(t, path)
	in := load(t, a)
	x := tensor.Tensor{Name: a.Signature.Inputs[0].Name, DType: tensor.Int64, Shape: tensor.Shape{1, 1}, Data: []byte{99, 0, 0, 0, 0, 0, 0, 0}}
	if _, err := run(t.Context(), t, in, x); err == nil {
		t.Fatal("an index out of range gave an answer")
	}
	if got := lines.String(); !strings.Contains(got, "msg=onnxruntime") || !strings.Contains(got, "level=ERROR") {
		t.Errorf("the runtime's own error line is not in our log: %q", got)
	}
}

func TestLibraryThatIsNoLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(path, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		open func() error
	}{
		{"missing", func() error { _, err := onnx.FindLibrary(filepath.Join(t.TempDir(), "none.so")); return err }},
		{"nowhere", func() error { _, err := onnx.FindLibrary("", t.TempDir()); return err }},
		{"another than the open one", func() error { _, err := onnx.Open(path, slog.Default()); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.open()
			if !errors.Is(err, onnx.ErrLibrary) || strings.Contains(err.Error(), "\n") {
				t.Errorf("want one line that says what to do, got %v", err)
			}
		})
	}
}

// childVariable makes the test binary a process of its own that opens the runtime.
const childVariable = "GALATEA_TEST_CHILD"

// child opens the library that the variable names, runs a model, and prints how many
// threads it has.
func child() int {
	r, err := onnx.Open(os.Getenv(childVariable), slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	path := filepath.Join(os.TempDir(), "model.onnx")
	if err := onnxtest.WriteFile(path, onnxtest.Scale(2)); err != nil {
		fmt.Println(err)
		return 1
	}
	m, err := r.Load(context.Background(), backend.Artifact{Name: "child/1", File: path, Devices: []backend.Device{{}}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := m.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fmt.Println("threads unknown")
		return 0
	}
	for _, task := range tasks {
		name, err := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "comm"))
		if err == nil {
			fmt.Printf("thread %s", name)
		}
	}
	return 0
}

// Official builds of the runtime report usage to their maker unless told not to in
// time. The traces of that are files in the home and temporary folders.
func TestTelemetryIsOff(t *testing.T) {
	library, err := onnx.FindLibrary("", moduleRoot())
	if err != nil {
		t.Fatal(err)
	}
	home, temp := t.TempDir(), t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{childVariable + "=" + library, "HOME=" + home, "TMPDIR=" + temp, "XDG_CACHE_HOME=" + filepath.Join(home, ".cache")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if log := fmt.Sprintf("/tmp/mat-debug-%d.log", cmd.Process.Pid); exists(log) {
		t.Errorf("the runtime's telemetry left %s", log)
	}
	for _, dir := range []string{home, temp} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && d.Name() != "model.onnx" {
				t.Errorf("the runtime left %s", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestLibraryThatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(path, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{childVariable + "=" + path}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make onnxruntime") || strings.Count(strings.TrimSpace(string(out)), "\n") != 0 {
		t.Errorf("want one line that names the command, got %v: %s", err, out)
	}
}
