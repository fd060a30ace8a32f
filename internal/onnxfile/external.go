package onnxfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckExternal returns an error when a file that the model's tensors are in is
// not what a runtime may be handed: each must be a regular file inside dir, the
// model's folder, also after symbolic links are followed, and large enough. What
// the file holds then is not looked at, and it may change later.
func (f *File) CheckExternal(dir string) error {
	if len(f.External) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("external data in %q: %w", dir, reason(err))
	}
	defer func() { _ = root.Close() }()
	for _, e := range f.External {
		if err := e.check(root); err != nil {
			return fmt.Errorf("external data %.200q: %w", e.Location, err)
		}
	}
	return nil
}

// memoryTag starts the locations by which ONNX Runtime means addresses in memory.
// No file may bring one along.
const memoryTag = "*/_ORT_"

func (e External) check(root *os.Root) error {
	path := filepath.FromSlash(e.Location)
	switch {
	case strings.HasPrefix(e.Location, memoryTag):
		return errors.New("refused: it stands for an address in memory, not for a file")
	case filepath.IsAbs(path):
		return errors.New("refused: the path is absolute, expected one inside the model's folder")
	case !filepath.IsLocal(path):
		return errors.New("refused: the path leads out of the model's folder")
	}
	info, err := root.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the file is missing: expected at least %d bytes", e.Size)
	case err != nil:
		return fmt.Errorf("refused: %w", reason(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("not a regular file: it is %s", fileKind(info.Mode()))
	case info.Size() < e.Size:
		return fmt.Errorf("the file is too small: it has %d bytes, expected at least %d", info.Size(), e.Size)
	}
	return nil
}
