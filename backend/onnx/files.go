package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"galatea/backend"
)

// files are an artifact's bytes, outside the Go heap so that a load returns them
// to the system at once. The runtime copies what it needs while a session is made;
// it would keep side files mapped if it opened them by itself, and then a write to
// one would change live answers, or kill the process.
type files struct {
	model    []byte
	external map[string][]byte // by location, as the model names it
}

// size is that of all of them, in bytes.
func (f *files) size() int64 {
	n := int64(len(f.model))
	for _, data := range f.external {
		n += int64(len(data))
	}
	return n
}

func readFiles(a backend.Artifact) (*files, error) {
	f := &files{external: map[string][]byte{}}
	var err error
	if f.model, err = readFile(a.File); err != nil {
		return nil, err
	}
	for _, location := range a.External {
		if !filepath.IsLocal(location) {
			f.free()
			return nil, fmt.Errorf("external data %q: the path leaves the model's folder", location)
		}
		if f.external[location], err = readFile(filepath.Join(filepath.Dir(a.File), location)); err != nil {
			f.free()
			return nil, fmt.Errorf("external data: %w", err)
		}
	}
	return f, nil
}

func (f *files) free() {
	for _, data := range f.external {
		_ = unix.Munmap(data)
	}
	_ = unix.Munmap(f.model)
}

// readFile reads a whole file into memory of its own, to be given back by Munmap.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", path)
	}
	data, err := unix.Mmap(-1, 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("%s: get %d bytes of memory: %w", path, info.Size(), err)
	}
	if _, err = io.ReadFull(file, data); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: shrank while it was read: %w", path, err), unix.Munmap(data))
	}
	return data, nil
}
