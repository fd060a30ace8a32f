package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Version is the release that `make onnxruntime` brings. Newer ones work too: the
// runtime keeps its binary interface.
const Version = "1.30.0"

// apiVersion is the oldest interface that we and the binding can work with; it came with release 1.29.
const apiVersion = 29

// ErrLibrary says that the runtime's library is missing or cannot be used. Its
// text is one line that says what to do.
var ErrLibrary = errors.New("ONNX Runtime library")

// LibraryName is the file name of the runtime's library on this system.
func LibraryName() string {
	if runtime.GOOS == "darwin" {
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// FindLibrary returns the library to open: the explicit path if there is one,
// else the one that `make onnxruntime` put below one of the roots, else one
// that lies in a root itself. It returns ErrLibrary when there is none.
func FindLibrary(explicit string, roots ...string) (string, error) {
	if explicit != "" {
		if info, err := os.Stat(explicit); err != nil || info.IsDir() {
			return "", fmt.Errorf("%w: no file %q: name the library itself, or run `make onnxruntime` and leave --onnxruntime-library out", ErrLibrary, explicit)
		}
		return explicit, nil
	}
	fetched := filepath.Join(".onnxruntime", Version, runtime.GOOS+"-"+runtime.GOARCH, LibraryName())
	for _, root := range roots {
		for _, path := range []string{filepath.Join(root, fetched), filepath.Join(root, LibraryName())} {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: not found: run `make onnxruntime` to bring release %s, or name one with --onnxruntime-library", ErrLibrary, Version)
}
