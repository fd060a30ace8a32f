package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"galatea/config"
)

// Bounds on what is read of a version's folder, against folders that were dropped by
// mistake and links in a circle.
const (
	maxEntries = 10_000
	maxNesting = 8
)

// version is what a scan finds of one version.
type version struct {
	number  int64
	path    string
	file    string
	digest  string
	gate    string    // digest of what it is tried against
	changed time.Time // when something in it, or in that, was last touched
	config  *config.Model
	err     error // why it cannot be served
}

// walk digests a folder: the names, sizes and times of modification of its files, and
// the config's key.
type walk struct {
	fsys    fs.FS
	top     string
	skip    []string // what in top does not count
	hash    hash.Hash
	entries int
	changed time.Time
	dirs    []string // all folders seen
	wrong   error    // it cannot be a version's folder
}

func newWalk(fsys fs.FS, top string, key []byte) *walk {
	w := &walk{fsys: fsys, top: top, hash: sha256.New()}
	w.hash.Write(key)
	return w
}

func (w *walk) digest() string { return hex.EncodeToString(w.hash.Sum(nil))[:16] }

// folder reads a folder and those in it, links followed. It returns an error when
// something cannot be read.
func (w *walk) folder(at string, depth int) error {
	if depth > maxNesting {
		w.wrong = fmt.Errorf("folders nested more than %d deep in %s", maxNesting, w.top)
		return nil
	}
	w.dirs = append(w.dirs, at)
	info, err := fs.Stat(w.fsys, at)
	if err != nil {
		return err
	}
	w.touch(info)
	entries, err := fs.ReadDir(w.fsys, at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || at == w.top && slices.Contains(w.skip, e.Name()) {
			continue
		}
		if w.entries++; w.entries > maxEntries {
			w.wrong = fmt.Errorf("more than %d files in %s: a version's folder holds one model", maxEntries, w.top)
		}
		if w.wrong != nil {
			return nil
		}
		if err := w.entry(path.Join(at, e.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(name string, depth int) error {
	info, err := fs.Stat(w.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // removed meanwhile, or a link to nothing
	case err != nil:
		return err
	case info.IsDir():
		return w.folder(name, depth+1)
	}
	w.touch(info)
	relative := strings.TrimPrefix(strings.TrimPrefix(name, w.top), "/")
	_, _ = fmt.Fprintf(w.hash, "%s\x00%d\x00%d\x00", relative, info.Size(), info.ModTime().UnixNano())
	return nil
}

func (w *walk) touch(info fs.FileInfo) {
	if t := changeTime(info); t.After(w.changed) {
		w.changed = t
	}
}
