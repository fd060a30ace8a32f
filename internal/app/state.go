package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"galatea/repository"
)

// stateFile is what --state-dir holds.
const stateFile = "state.json"

// openState returns a Store in a folder, which is made if need be, and what it has; for ""
// there is none.
func openState(dir string) (repository.Store, *repository.Settings, error) {
	if dir == "" {
		return nil, nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	store := state{dir}
	settings, err := repository.LoadSettings(store)
	if err != nil {
		err = fmt.Errorf("%s: %w: mend the file, or move it away to forget what was decided", filepath.Join(dir, stateFile), err)
	}
	return store, settings, err
}

// state is a repository.Store in a folder. A file is replaced whole: whatever happens
// meanwhile, what is read is the one before or the one after.
type state struct{ dir string }

// Load returns the file, or nothing when there is none yet.
func (s state) Load() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Save replaces the file. It returns when the disk has it.
func (s state) Save(data []byte) error {
	f, err := os.CreateTemp(s.dir, ".state-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, stateFile))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", filepath.Join(s.dir, stateFile), err), ignoreMissing(os.Remove(f.Name())))
	}
	return syncDir(s.dir)
}

// syncDir makes a rename in the folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
