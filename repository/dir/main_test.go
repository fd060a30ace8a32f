package dir

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/repository"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write puts files below root; the folders on the way are made.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree makes a root named models with these files, by their paths.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "models")
	must(t, os.Mkdir(root, 0o755))
	for _, name := range files {
		write(t, root, map[string]string{name: "x"})
	}
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// atOnce takes files as settled when they were written before the scan.
var atOnce = Options{NoWatch: true, LongSettled: time.Nanosecond, Settle: time.Nanosecond}

func open(t *testing.T, o Options, roots ...string) *Source {
	t.Helper()
	s, err := New(roots, o)
	must(t, err)
	t.Cleanup(func() { s.follow.Stop() })
	return s
}

func scan(t *testing.T, s *Source) []repository.Desired {
	t.Helper()
	all, err := s.Desired(context.WithoutCancel(t.Context()))
	must(t, err)
	return all
}

// text shows versions as m/1, with what is wrong.
func text(all []repository.Desired) []string {
	rows := []string{}
	for _, d := range all {
		row := d.Name
		if d.Version != 0 {
			row += fmt.Sprint("/", d.Version)
		}
		if d.Settling {
			row += " settling"
		}
		if d.Err != nil {
			row += ": " + d.Err.Error()
		}
		rows = append(rows, row)
	}
	return rows
}

// finds demands what a scan finds.
func finds(t *testing.T, s *Source, want ...string) []repository.Desired {
	t.Helper()
	all := scan(t, s)
	if got := text(all); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	return all
}

// fault is a file system in which something happens at the nth operation.
type fault struct {
	fsys fs.FS
	n    int // operations until then
	act  func(op, name string) error
}

func (f *fault) step(op, name string) error {
	if f.n--; f.n == 0 {
		if err := f.act(op, name); err != nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

func (f *fault) Open(name string) (fs.File, error) {
	if err := f.step("open", name); err != nil {
		return nil, err
	}
	file, err := f.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f, name}, nil
}

func (f *fault) Stat(name string) (fs.FileInfo, error) {
	if err := f.step("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(f.fsys, name)
}

func (f *fault) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.step("readdir", name); err != nil {
		return nil, err
	}
	return fs.ReadDir(f.fsys, name)
}

type faultFile struct {
	fs.File
	fault *fault
	name  string
}

func (f *faultFile) Read(p []byte) (int, error) {
	if err := f.fault.step("read", f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}
