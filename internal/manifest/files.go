package manifest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Bounds against links in a circle, the same as for a version's folder anywhere.
const (
	maxEntries = 10_000
	maxNesting = 8
)

// version is a version's folder while it is checked.
type version struct {
	fsys     fs.FS
	except   []string // names at the top that need not be listed
	listed   map[string]bool
	piece    []byte
	entries  int
	problems []error
}

func (v *version) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(format, args...))
}

// entry returns what is wrong with a file that is listed.
func (v *version) entry(ctx context.Context, e entry) error {
	info, err := fs.Stat(v.fsys, e.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the file is missing: copy it, or remove the line")
	case err != nil:
		return reason(err)
	case !info.Mode().IsRegular():
		return errors.New("not a regular file: remove the line")
	}
	sum, err := v.sum(ctx, e.name)
	if err != nil {
		return reason(err)
	}
	if sum != e.sum {
		return fmt.Errorf("sum is %x.. but the manifest says %x..: copy the file again", sum[:4], e.sum[:4])
	}
	return nil
}

// sum reads a file piece by piece, and stops when ctx ends.
func (v *version) sum(ctx context.Context, name string) (sum [sha256.Size]byte, err error) {
	f, err := v.fsys.Open(name)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	for err == nil && ctx.Err() == nil {
		n := 0
		n, err = f.Read(v.piece)
		_, _ = h.Write(v.piece[:n]) // never fails
	}
	if err == nil || !errors.Is(err, io.EOF) {
		return sum, errors.Join(err, ctx.Err())
	}
	h.Sum(sum[:0])
	return sum, nil
}

// folder notes the files of a folder, and of those in it, that are not listed. Links
// are followed.
func (v *version) folder(ctx context.Context, at string, depth int) {
	entries, err := fs.ReadDir(v.fsys, at)
	if err != nil {
		v.problem("%s: %s: %w", Name, shown(at), reason(err))
	}
	for _, e := range entries {
		name := path.Join(at, e.Name())
		if strings.HasPrefix(e.Name(), ".") || name == Name || depth == 0 && slices.Contains(v.except, name) {
			continue
		}
		if v.entries++; v.entries == maxEntries+1 {
			v.problem("%s: more than %d files: a version's folder holds one model", Name, maxEntries)
		}
		if v.entries > maxEntries || ctx.Err() != nil {
			return
		}
		v.found(ctx, name, depth)
	}
}

// found takes up what a folder has in it.
func (v *version) found(ctx context.Context, name string, depth int) {
	if v.listed[name] {
		return // and checked already
	}
	switch info, err := fs.Stat(v.fsys, name); {
	case errors.Is(err, fs.ErrNotExist): // a link to nothing, or removed meanwhile
	case err != nil:
		v.problem("%s: %s: %w", Name, shown(name), reason(err))
	case !info.IsDir():
		v.problem("%s: %s is not listed: a manifest lists every file of its version", Name, shown(name))
	case name == goldenFolder:
	case depth == maxNesting:
		v.problem("%s: %s: folders are nested more than %d deep", Name, shown(name), maxNesting)
	default:
		v.folder(ctx, name, depth+1)
	}
}
