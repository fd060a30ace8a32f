package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"galatea/repository"
)

// faulty is a source over a file system in which something happens at will.
func faulty(t *testing.T, root string) (*Source, *fault) {
	t.Helper()
	f := &fault{}
	o := atOnce
	o.Open = func(root string) fs.FS {
		f.fsys = os.DirFS(root)
		return f
	}
	return open(t, o, root), f
}

func ioError(string, string) error { return syscall.EIO }

// Trees of each layout, with what their scan finds.
var layouts = []struct {
	name  string
	files map[string]string
	want  []string
}{
	{"many", map[string]string{
		"a/1/model.onnx": "x", "a/2/model.onnx": "y", "a/2/weights/w.bin": "z", "a/config.yaml": "version_policy: {all: {}}",
		"b/3/model.onnx": "x", "README.md": "",
	}, []string{"a/1", "a/2", "b/3"}},
	{"Triton's", map[string]string{
		"a/1/model.onnx/model.onnx": "x", "a/config.pbtxt": `output { name: "y" label_filename: "labels/y.txt" }`, "a/labels/y.txt": "one",
		"b/3/model.onnx": "x", "b/config.yaml": "", "b/config.pbtxt": "max_batch_size: 3",
	}, []string{"a/1", "b/3"}},
	{"versioned", map[string]string{"1/model.onnx": "x", "2/model.onnx": "y", "config.yaml": "max_batch_size: 3"}, []string{"models/1", "models/2"}},
	{"many, and a stray file", map[string]string{"a/1/model.onnx": "x", "model.onnx": "y"}, []string{"a/1"}},
	{"bare", map[string]string{"model.onnx": "x", "weights/w.bin": "y"}, []string{"models/1"}},
}

// TestEveryReadThatFails fails each read of a scan in turn: nothing that was known may
// change by it, let alone go away.
func TestEveryReadThatFails(t *testing.T) {
	for _, row := range layouts {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t)
			write(t, root, row.files)
			s, f := faulty(t, root)
			scan(t, s)
			before := finds(t, s, row.want...)
			failed, refused := 0, 0
			for n := 1; ; n++ {
				f.n, f.act = n, ioError
				after, err := s.Desired(t.Context())
				if f.n > 0 {
					break // the scan has fewer reads
				}
				failed++
				switch {
				case err != nil:
					refused++
					if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), `model repository "`+root+`": `) {
						t.Errorf("read %d: %v", n, err)
					}
				case !same(before, after):
					t.Errorf("read %d: %q", n, text(after))
				}
				if again := scan(t, s); !same(before, again) {
					t.Errorf("after read %d failed: %q", n, text(again))
				}
			}
			if failed < 8 || refused == 0 || refused == failed {
				t.Errorf("%d reads were tried, of which %d are errors of the whole root", failed, refused)
			}
		})
	}
}

// same compares all but the config, which is parsed anew each time.
func same(a, b []repository.Desired) bool {
	strip := func(all []repository.Desired) []repository.Desired {
		all = slices.Clone(all)
		for i := range all {
			all[i].Config = nil
		}
		return all
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

// TestEveryReadThatFailsAtTheStart does the same when nothing is known yet: what cannot
// be read has to be named, or the whole root has to be an error.
func TestEveryReadThatFailsAtTheStart(t *testing.T) {
	for _, row := range layouts {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t)
			write(t, root, row.files)
			for n := 2; ; n++ { // the first is New's own
				s, f := faulty(t, root)
				f.n, f.act = n-1, ioError
				found, err := s.Desired(t.Context())
				if f.n > 0 {
					break
				}
				if err != nil {
					continue
				}
				whole := 0
				for _, d := range found {
					if d.Err == nil {
						whole++
					} else if !errors.Is(d.Err, syscall.EIO) {
						t.Errorf("read %d: %v", n, d.Err)
					}
				}
				if len(found) == whole && whole < len(row.want) {
					t.Errorf("read %d: something is left out: %q", n, text(found))
				}
				scan(t, s)
				finds(t, s, row.want...)
			}
		})
	}
}

// TestModelThatVanishesDuringTheScan takes a folder away before each read of a scan in turn.
func TestModelThatVanishesDuringTheScan(t *testing.T) {
	for gone, left := range map[string][]string{"a": {"b/3"}, "a/2": {"a/1", "b/3"}, "a/config.yaml": {"a/1", "a/2", "b/3"}} {
		for _, start := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, at the start %v", gone, start), func(t *testing.T) {
				root := tree(t)
				write(t, root, layouts[0].files)
				here, aside := filepath.Join(root, gone), filepath.Join(root, ".aside")
				s, f := faulty(t, root)
				asked := false
				for n, more := 1, true; more; n++ {
					scan(t, s)
					finds(t, s, layouts[0].want...)
					if start {
						s, f = faulty(t, root)
					}
					f.n, f.act = n, func(string, string) error { return os.Rename(here, aside) }
					found := scan(t, s)
					asked = asked || s.roots[0].again
					more = f.n <= 0
					if !slices.Contains(text(found), "b/3") {
						t.Errorf("read %d: the other model is left out: %q", n, text(found))
					}
					if !more {
						f.n = 0
						must(t, os.Rename(here, aside))
					}
					scan(t, s)
					finds(t, s, left...)
					must(t, os.Rename(aside, here))
				}
				if !asked {
					t.Error("it never asks for another scan, though it missed something")
				}
			})
		}
	}
}

// hidden hides the time at which one file was touched: it counts as touched just now.
type hidden struct {
	fs.FS
	name string
}

func (h hidden) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(h.FS, name)
	if err == nil && name == h.name {
		info = hiddenInfo{info}
	}
	return info, err
}

type hiddenInfo struct{ fs.FileInfo }

func (hiddenInfo) Sys() any { return nil }

func TestAnythingTouchedLatelySettles(t *testing.T) {
	for name, want := range map[string]string{
		"a/1": "a/1 settling", "a/1/model.onnx": "a/1 settling", "a/1/w": "a/1 settling", "a/1/w/w.bin": "a/1 settling",
		"a/config.yaml": "a/1 settling", "a": "a/1", "a/README": "a/1",
	} {
		t.Run(name, func(t *testing.T) {
			o := atOnce
			o.Settle = time.Hour
			o.Open = func(root string) fs.FS { return hidden{os.DirFS(root), name} }
			root := tree(t, "a/1/model.onnx", "a/1/w/w.bin", "a/README")
			write(t, root, map[string]string{"a/config.yaml": "max_batch_size: 2"})
			finds(t, open(t, o, root), want)
		})
	}
}

func TestUnreadableRootIsAnErrorNotEmpty(t *testing.T) {
	root := tree(t, "a/1/model.onnx")
	s := open(t, atOnce, root)
	before := scan(t, s)
	must(t, os.Rename(root, root+".away"))
	if found, err := s.Desired(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %q, %v", text(found), err)
	}
	must(t, os.WriteFile(root, nil, 0o644))
	if found, err := s.Desired(t.Context()); err == nil {
		t.Errorf("got %q", text(found))
	}
	must(t, os.Remove(root))
	must(t, os.Rename(root+".away", root))
	if after := scan(t, s); !same(before, after) {
		t.Errorf("got %q", text(after))
	}
}

func TestVerifyFailsWhenItCannotRead(t *testing.T) {
	root := tree(t, "a/1/model.onnx")
	s, f := faulty(t, root)
	d := scan(t, s)[0]
	reads := 0
	for n := 1; ; n++ {
		f.n, f.act = n, ioError
		err := s.Verify(d)
		if f.n > 0 {
			must(t, err)
			break
		}
		reads++
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("read %d: %v", n, err)
		}
	}
	if reads < 3 {
		t.Errorf("%d reads", reads)
	}
}

func TestNewFailsWhenTheFileSystemDoes(t *testing.T) {
	for name, err := range map[string]error{"a path error": &fs.PathError{Op: "open", Path: ".", Err: syscall.EIO}, "another error": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			o := atOnce
			o.Open = func(string) fs.FS { return failingFS{err} }
			_, got := New([]string{"/x"}, o)
			if got == nil || got.Error() != `model repository "/x": input/output error: expected a folder of models` {
				t.Errorf("got %v", got)
			}
		})
	}
}

type failingFS struct{ err error }

func (f failingFS) Open(string) (fs.File, error) { return nil, f.err }

func TestDesiredStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, atOnce, tree(t)).Desired(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
