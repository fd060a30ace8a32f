package onnx_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"galatea/backend/onnx"
)

// runtime is the real ONNX Runtime; a missing library fails the tests with the
// command that brings it.
var runtime *onnx.Runtime

// lines are the runtime's own log lines.
var lines = &recorder{}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	path, err := onnx.FindLibrary("", moduleRoot())
	if err == nil {
		runtime, err = onnx.Open(path, slog.New(slog.NewTextHandler(lines, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// moduleRoot is the folder of go.mod, above the package that is tested.
func moduleRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return "."
}
