package manifest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

// folder makes a folder of files by name and content. A content "-> x" makes a link to x.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "1")
	must(t, os.Mkdir(dir, 0o755))
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		if to, link := strings.CutPrefix(content, "-> "); link {
			must(t, os.Symlink(to, at))
			continue
		}
		must(t, os.WriteFile(at, []byte(content), 0o644))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sums is a manifest: lines as they are, but {x} stands for the sum of the content x.
func sums(lines ...string) string {
	for i, line := range lines {
		if content, rest, ok := strings.Cut(strings.TrimPrefix(line, "{"), "}"); ok && line[0] == '{' {
			lines[i] = fmt.Sprintf("%x", sha256.Sum256([]byte(content))) + rest
		}
	}
	return strings.Join(lines, "\n")
}

func TestFoldersThatAreAsTheirManifestSays(t *testing.T) {
	for _, tt := range []struct {
		name   string
		files  map[string]string
		except []string
	}{
		{"no manifest", map[string]string{"model.onnx": "m"}, nil},
		{"no files", map[string]string{Name: ""}, nil},
		{"each file listed, the last line without an end", map[string]string{"model.onnx": "m", "w.bin": "w", Name: sums("{m}  model.onnx", "{w} *w.bin")}, nil},
		{"comments, blank lines and lines as Windows ends them", map[string]string{"model.onnx": "m", Name: sums("# made by hand", "", "  \r", "{m}  model.onnx\r", "")}, nil},
		{"capitals in a sum", map[string]string{"model.onnx": "m", Name: strings.ToUpper(sums("{m}")) + "  model.onnx"}, nil},
		{"folders below", map[string]string{"a/b/c.bin": "c", Name: sums("{c}  a/b/c.bin")}, nil},
		{"paths as find has them", map[string]string{"a/c.bin": "c", Name: sums("{c}  ./a/c.bin")}, nil},
		{"names with spaces", map[string]string{"my model  2": "m", Name: sums("{m}  my model  2")}, nil},
		{"an empty file", map[string]string{"empty": "", Name: sums("{}  empty")}, nil},
		{"names with a dot in front -> nobody's", map[string]string{".tmp": "x", "a/.x/y": "z", Name: ""}, nil},
		{"such a name, listed all the same", map[string]string{".x": "x", Name: sums("{x}  .x")}, nil},
		{"a folder of golden files -> no part of the version", map[string]string{"golden/one.json": "{}", Name: ""}, nil},
		{"a golden file, listed all the same", map[string]string{"golden/one.json": "{}", Name: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  golden/one.json"}, nil},
		{"links inside the folder, as of a Kubernetes volume", map[string]string{"..data": "-> ..2026", "..2026/model.onnx": "m", "model.onnx": "-> ..data/model.onnx", Name: sums("{m}  model.onnx")}, nil},
		{"a link to a folder", map[string]string{"a": "-> .b", ".b/c": "c", Name: sums("{c}  a/c")}, nil},
		{"a link to nothing", map[string]string{"a": "-> b", Name: ""}, nil},
		{"a name that is left out", map[string]string{"config.yaml": "x", Name: ""}, []string{"config.yaml"}},
		{"more than one piece", map[string]string{"w.bin": strings.Repeat("w", maxPiece+1), Name: sums("{" + strings.Repeat("w", maxPiece+1) + "}  w.bin")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Check(t.Context(), folder(t, tt.files), tt.except...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsWrongIsSaidLineByLine(t *testing.T) {
	const form = "expected 64 hexadecimal digits, a space, a space or '*', and a path, as sha256sum writes it"
	const outside = "expected a path inside the version's folder, without . and .. and empty parts"
	for _, tt := range []struct {
		name  string
		files map[string]string
		text  []string
	}{
		{"a file that changed", map[string]string{"a": "a", "model.onnx": "n", Name: sums("# x", "{a}  a", "{m}  model.onnx")}, []string{"SHA256SUMS:3: model.onnx: sum is 1b16b1df.. but the manifest says 62c66a7a..: copy the file again"}},
		{"a file that is missing", map[string]string{Name: sums("{m}  model.onnx")}, []string{"SHA256SUMS:1: model.onnx: the file is missing: copy it, or remove the line"}},
		{"a file that is extra", map[string]string{"weights.bin": "w", Name: ""}, []string{"SHA256SUMS: weights.bin is not listed: a manifest lists every file of its version"}},
		{"one below", map[string]string{"a/b c": "w", "a/golden/d": "", Name: ""}, []string{
			`SHA256SUMS: "a/b c" is not listed: a manifest lists every file of its version`,
			"SHA256SUMS: a/golden/d is not listed: a manifest lists every file of its version",
		}},
		{"a file called golden", map[string]string{"golden": "x", Name: ""}, []string{"SHA256SUMS: golden is not listed: a manifest lists every file of its version"}},
		{"one behind a link", map[string]string{"a": "-> .b", ".b/c": "c", Name: ""}, []string{"SHA256SUMS: a/c is not listed: a manifest lists every file of its version"}},
		{"a name left out counts at the top only", map[string]string{"a/config.yaml": "x", Name: ""}, []string{"SHA256SUMS: a/config.yaml is not listed: a manifest lists every file of its version"}},
		{"all at once, in order", map[string]string{"b": "b", "c": "c", Name: sums("nonsense", "{x}  b", "{a}  a")}, []string{
			"SHA256SUMS:1: " + form, "SHA256SUMS:2: b: sum is 3e23e816.. but the manifest says 2d711642..: copy the file again",
			"SHA256SUMS:3: a: the file is missing: copy it, or remove the line", "SHA256SUMS: c is not listed: a manifest lists every file of its version",
		}},
		{"a folder", map[string]string{"a/b": "b", Name: sums("{}  a")}, []string{"SHA256SUMS:1: a: not a regular file: remove the line"}},
		{"the manifest itself", map[string]string{Name: sums("{}  SHA256SUMS")}, []string{"SHA256SUMS:1: SHA256SUMS: a manifest cannot list itself: remove the line"}},
		{"the same file twice", map[string]string{"a": "a", Name: sums("{a}  a", "{a}  ./a")}, []string{"SHA256SUMS:2: a: listed a second time, first on line 1: remove one of the two"}},
		{"an absolute path", map[string]string{Name: sums("{}  /etc/passwd")}, []string{"SHA256SUMS:1: /etc/passwd: the path is absolute: expected one inside the version's folder"}},
		{"a path that leads out", map[string]string{Name: sums("{}  ../1/x")}, []string{"SHA256SUMS:1: ../1/x: " + outside}},
		{"a path that leads out and in", map[string]string{Name: sums("{}  a/../x")}, []string{"SHA256SUMS:1: a/../x: " + outside}},
		{"the folder itself", map[string]string{Name: sums("{}  .")}, []string{"SHA256SUMS:1: .: " + outside}},
		{"a control in a path", map[string]string{Name: sums("{}  /\x00")}, []string{`SHA256SUMS:1: "/\x00": the path is absolute: expected one inside the version's folder`}},
		{"a long path", map[string]string{Name: sums("{}  /" + strings.Repeat("x", 300))}, []string{`SHA256SUMS:1: "/` + strings.Repeat("x", 199) + `"...: the path is absolute: expected one inside the version's folder`}},
		{"a sum that is too short", map[string]string{Name: "0123  a"}, []string{"SHA256SUMS:1: " + form}},
		{"a sum of other letters", map[string]string{Name: strings.Repeat("g", 64) + "  a"}, []string{"SHA256SUMS:1: " + form}},
		{"a single space", map[string]string{Name: sums("{} aa")}, []string{"SHA256SUMS:1: " + form}},
		{"no path", map[string]string{Name: sums("{}  ")}, []string{"SHA256SUMS:1: " + form}},
		{"BSD's form", map[string]string{Name: "SHA256 (a) = " + sums("{a}")}, []string{"SHA256SUMS:1: " + form}},
		{"a link out of the folder", map[string]string{"a": "-> ../2", Name: sums("{}  a")}, []string{"SHA256SUMS:1: a: path escapes from parent"}},
		{"one that is not listed", map[string]string{"a": "-> ../2", Name: ""}, []string{"SHA256SUMS: a: path escapes from parent"}},
		{"a manifest that is a folder", map[string]string{Name + "/a": ""}, []string{"SHA256SUMS: not a regular file: expected what sha256sum writes"}},
		{"a manifest without end", map[string]string{Name: strings.Repeat("\n", maxManifest+1)}, []string{"SHA256SUMS: more than 1048576 bytes: expected a line for each file of one version"}},
		{"links in a circle", map[string]string{"a": "-> .b", ".b/a": "-> .", Name: ""}, []string{"SHA256SUMS: a/a/a/a/a/a/a/a/a: too many levels of symbolic links"}},
		{"folders in folders", map[string]string{"1/2/3/4/5/6/7/8/9/a": "", Name: ""}, []string{"SHA256SUMS: 1/2/3/4/5/6/7/8/9: folders are nested more than 8 deep"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(t.Context(), folder(t, tt.files), "config.yaml")
			if want := strings.Join(tt.text, "\n"); err == nil || err.Error() != want {
				t.Errorf("\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	err := Check(t.Context(), folder(t, map[string]string{Name: strings.Repeat("x\n", 1000)}))
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "SHA256SUMS: 980 more problems" {
		t.Errorf("%v", err)
	}
	files := fstest.MapFS{Name: {}}
	for i := range maxEntries + 2 {
		files[fmt.Sprintf("a/%05d", i)] = &fstest.MapFile{}
	}
	err = check(t.Context(), files, nil)
	if want := fmt.Sprintf("SHA256SUMS: %d more problems", maxEntries-maxProblems); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheFolderItselfHasToBeThere(t *testing.T) {
	if err := Check(t.Context(), filepath.Join(t.TempDir(), "1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// faulty is a file system whose nth operation fails with err, or ends a context.
type faulty struct {
	fs.FS
	n    *int
	err  error
	stop func()
}

func (f faulty) next() error {
	if *f.n--; *f.n != 0 {
		return nil
	}
	if f.stop != nil {
		f.stop()
	}
	return f.err
}

func (f faulty) Open(name string) (fs.File, error) {
	if err := f.next(); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	file, err := f.FS.Open(name)
	if dir, is := file.(fs.ReadDirFile); is {
		return faultyDir{dir, f}, err
	}
	return file, err
}

func (f faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.next(); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return fs.Stat(f.FS, name)
}

type faultyDir struct {
	fs.ReadDirFile
	f faulty
}

func (d faultyDir) Read(p []byte) (int, error) {
	if err := d.f.next(); err != nil {
		return 0, err
	}
	return d.ReadDirFile.Read(p)
}

func (d faultyDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if err := d.f.next(); err != nil {
		return nil, err
	}
	return d.ReadDirFile.ReadDir(n)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	dir := folder(t, map[string]string{"model.onnx": "m", "a/w.bin": "w", "golden/x": "y", Name: sums("{m}  model.onnx", "{w}  a/w.bin")})
	for n := 1; ; n++ {
		left := n
		err := check(t.Context(), faulty{os.DirFS(dir), &left, syscall.EIO, nil}, nil)
		if left > 0 {
			must(t, err)
			if n < 15 {
				t.Errorf("%d operations", n)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), Name+":") {
			t.Errorf("operation %d: %v", n, err)
		}
	}
}

func TestACheckEndsWithItsContext(t *testing.T) {
	dir := folder(t, map[string]string{"model.onnx": "m", "a/w.bin": "w", Name: sums("{m}  model.onnx", "{w}  a/w.bin")})
	reason := errors.New("nobody wants it any more")
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		left := n
		err := check(ctx, faulty{os.DirFS(dir), &left, nil, func() { cancel(reason) }}, nil)
		cancel(nil)
		if left > 0 {
			must(t, err)
			return
		}
		if err != reason { //nolint:errorlint // nothing may be added
			t.Errorf("operation %d: %v", n, err)
		}
	}
}

// FuzzParse makes sure that whatever a manifest says, what is taken of it lies inside
// the folder and reads back the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sums("# x", "{m}  model.onnx", "", "{w} *./a/w.bin", "{m}  model.onnx")))
	f.Add([]byte(sums("{}  /etc/passwd", "{}  ../x", "{}  a//b", "{}   ", "0123  a")))
	f.Add([]byte("\r\n\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, problems := parse(text)
		var again strings.Builder
		for _, e := range entries {
			if !filepath.IsLocal(e.name) || e.name == Name || e.line < 1 {
				t.Errorf("%+v", e)
			}
			fmt.Fprintf(&again, "%x  %s\n", e.sum, e.name)
		}
		back, none := parse([]byte(again.String()))
		if len(back) != len(entries) || len(none) > 0 {
			t.Errorf("%q: %d entries become %d: %v", text, len(entries), len(back), none)
		}
		if lines := strings.Count(string(text), "\n") + 1; len(entries)+len(problems) > lines {
			t.Errorf("%d entries and %d problems in %d lines", len(entries), len(problems), lines)
		}
	})
}
