package onnxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// TB is the part of testing.TB that the helpers need, so that a program that is
// no test can use them too.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Version writes model to <root>/<name>/<version>/model.onnx and returns that
// version's folder. The file appears whole: it is written under another name and
// renamed.
func Version(t TB, root, name string, version int, model []byte) string {
	t.Helper()
	dir := filepath.Join(root, name, strconv.Itoa(version))
	Write(t, filepath.Join(dir, "model.onnx"), model)
	return dir
}

// Write writes content to path, making its folder if need be. The file appears
// whole.
func Write(t TB, path string, content []byte) {
	t.Helper()
	if err := WriteFile(path, content); err != nil {
		t.Fatalf("%v", err)
	}
}

// WriteFile is Write for programs.
func WriteFile(path string, content []byte) error {
	dir, base := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	f, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	_, err = f.Write(content)
	if e := f.Chmod(0o644); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}
