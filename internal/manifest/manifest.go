package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Name is the manifest's own name, at the top of a version's folder.
const Name = "SHA256SUMS"

// goldenFolder holds requests to try the version with, which come and go without it.
const goldenFolder = "golden"

// Bounds on what is read and said.
const (
	maxManifest = 1 << 20 // bytes
	maxPiece    = 1 << 20 // bytes of a file at once
	maxProblems = 20      // said one by one
	maxShown    = 200     // bytes of a name
)

// Check holds the files of a version's folder against its manifest. It returns nil
// when there is none, and when every file is listed and has its sum.
//
// All files have to be listed, those in folders below and behind links too, but for
// the manifest itself, names that start with a dot, a folder "golden" at the top, and
// what except names there. What is listed has to be a regular file inside the folder,
// links followed.
//
// The error says what is wrong line by line, and what to do. It wraps the system's
// errors about what cannot be read, and is the cause of ctx's end when that comes first.
func Check(ctx context.Context, dir string, except ...string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	defer func() { _ = root.Close() }()
	return check(ctx, root.FS(), except)
}

func check(ctx context.Context, fsys fs.FS, except []string) error {
	text, err := read(fsys)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", Name, reason(err))
	}
	entries, problems := parse(text)
	v := version{fsys: fsys, except: except, listed: make(map[string]bool, len(entries)), piece: make([]byte, maxPiece), problems: problems}
	for _, e := range entries {
		if ctx.Err() != nil {
			break
		}
		v.listed[e.name] = true
		if err := v.entry(ctx, e); err != nil {
			v.problem("%s:%d: %s: %w", Name, e.line, shown(e.name), err)
		}
	}
	v.folder(ctx, ".", 0)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return joined(v.problems)
}

// read returns the manifest's text.
func read(fsys fs.FS) ([]byte, error) {
	info, err := fs.Stat(fsys, Name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file: expected what sha256sum writes")
	}
	f, err := fsys.Open(Name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(text) > maxManifest {
		err = fmt.Errorf("more than %d bytes: expected a line for each file of one version", maxManifest)
	}
	return text, err
}

// joined makes one error of all problems, of which it says the first ones.
func joined(problems []error) error {
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems:maxProblems], fmt.Errorf("%s: %d more problems", Name, more))
	}
	return errors.Join(problems...)
}

// reason is a file system's error without the path, which the caller names.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// shown is a name in an error text: as it is where that is plain to read, else in
// quotes, and cut where it is long.
func shown(name string) string {
	quoted := strconv.Quote(name)
	switch {
	case len(name) > maxShown:
		return strconv.Quote(strings.ToValidUTF8(name[:maxShown], "")) + "..."
	case name == "" || quoted != `"`+name+`"` || strings.Contains(name, " "):
		return quoted
	}
	return name
}
