package golden

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Folder is the name of a folder of golden files.
const Folder = "golden"

// Bounds on what Load reads.
const (
	maxFiles = 1000 // of all folders
	maxFile  = 64 << 20
)

// Load reads the golden files of folders of fsys: what ends in .json there and does
// not start with a dot, folder by folder and in the order of their names. A folder
// that is not there has none. The cases are called by their paths in fsys.
//
// The error says what is wrong with each file, and there are no cases then.
func Load(fsys fs.FS, dirs ...string) ([]*Case, error) {
	names, err := list(fsys, dirs)
	if err != nil {
		return nil, err
	}
	var all []*Case
	var wrong []error
	for _, name := range names {
		c, err := load(fsys, name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		all = append(all, c)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return all, nil
}

// list returns the paths of the golden files.
func list(fsys fs.FS, dirs []string) ([]string, error) {
	var names []string
	for _, dir := range dirs {
		entries, err := fs.ReadDir(fsys, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, reason(err))
		}
		for _, e := range entries {
			if path.Ext(e.Name()) != ".json" || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if len(names) == maxFiles {
				return nil, fmt.Errorf("%s: more than %d golden files", dir, maxFiles)
			}
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, nil
}

func load(fsys fs.FS, name string) (*Case, error) {
	data, err := read(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	return Parse(name, data)
}

func read(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return data, err
}

// reason is a file system's error without the path, which the caller names.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
