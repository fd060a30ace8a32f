package rules

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "galatea"

// goFile is one parsed source file. Its path is relative to the root, with slashes.
type goFile struct {
	path  string
	fset  *token.FileSet
	ast   *ast.File
	lines []string
}

func (f *goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// at says where a node is, as compilers do.
func (f *goFile) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// imports returns the paths that the file imports.
func (f *goFile) imports() []string {
	var all []string
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // it was parsed
		}
		all = append(all, name)
	}
	return all
}

// goPackage is the Go files of one folder, whatever system they are for.
type goPackage struct {
	dir   string
	files []*goFile
}

// code returns the files that are not tests.
func (p *goPackage) code() []*goFile {
	return slices.DeleteFunc(slices.Clone(p.files), (*goFile).test)
}

func (p *goPackage) tests() []*goFile {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *goFile) bool { return !f.test() })
}

// textFile is a file that holds text.
type textFile struct {
	path string
	text string
}

// tree is the project as it lies there: what git tracks, and what it would track.
type tree struct {
	packages []*goPackage
	texts    []textFile
	files    map[string]bool // files and folders
}

var source = sync.OnceValues(readTree)

func load(t *testing.T) *tree {
	t.Helper()
	all, err := source()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (t *tree) text(name string) string {
	for _, f := range t.texts {
		if f.path == name {
			return f.text
		}
	}
	return ""
}

func readTree() (*tree, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	all := &tree{files: map[string]bool{}}
	ignored, err := ignored(root)
	if err != nil {
		return nil, err
	}
	byDir := map[string]*goPackage{}
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		switch {
		case ignored(relative):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			all.files[relative] = true
			return nil
		}
		all.files[relative] = true
		return all.add(byDir, name, relative)
	})
	for _, p := range byDir {
		all.packages = append(all.packages, p)
	}
	slices.SortFunc(all.packages, func(a, b *goPackage) int { return strings.Compare(a.dir, b.dir) })
	return all, err
}

// ignored returns what tells the files that git does not track, by the patterns that
// this project's .gitignore uses: /folder/ and *.suffix.
func ignored(root string) (func(relative string) bool, error) {
	raw, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil, err
	}
	folders := []string{".git"}
	var suffixes []string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if suffix, ok := strings.CutPrefix(line, "*"); ok {
			suffixes = append(suffixes, suffix)
		}
		if strings.HasPrefix(line, "/") && strings.HasSuffix(line, "/") {
			folders = append(folders, strings.Trim(line, "/"))
		}
	}
	return func(relative string) bool {
		return slices.Contains(folders, relative) || path.Base(relative) == "__pycache__" ||
			slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(relative, s) })
	}, nil
}

// generated is the line by which tools know such code.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// add reads one file. Generated code, and the module in tools/ that generates it, follow rules of their own.
func (t *tree) add(byDir map[string]*goPackage, name, relative string) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if bytes.IndexByte(raw[:min(len(raw), 8000)], 0) < 0 {
		t.texts = append(t.texts, textFile{relative, string(raw)})
	}
	if !strings.HasSuffix(name, ".go") || strings.HasPrefix(relative, "tools/") || generated.Match(raw) {
		return nil
	}
	f, err := parse(relative, raw)
	if err != nil {
		return err
	}
	dir := path.Dir(relative)
	if byDir[dir] == nil {
		byDir[dir] = &goPackage{dir: dir}
	}
	byDir[dir].files = append(byDir[dir].files, f)
	return nil
}

func parse(relative string, raw []byte) (*goFile, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, relative, raw, parser.ParseComments)
	return &goFile{relative, fset, parsed, strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")}, err
}

// example makes a package of one file, for the tests of the rules themselves.
func example(t *testing.T, name, body string) *goPackage {
	t.Helper()
	f, err := parse(name, []byte("package p\n"+body))
	if err != nil {
		t.Fatal(err)
	}
	return &goPackage{path.Dir(name), []*goFile{f}}
}

// report fails the test with each finding.
func report(t *testing.T, findings []string) {
	t.Helper()
	for _, f := range findings {
		t.Error(f)
	}
}

// fires demands that a rule has something to say about bad code, and nothing about good.
func fires(t *testing.T, rule func(*goPackage) []string, name string, bad, good []string) {
	t.Helper()
	for _, body := range bad {
		if len(rule(example(t, name, body))) == 0 {
			t.Errorf("nothing is found in\n%s", body)
		}
	}
	for _, body := range good {
		if found := rule(example(t, name, body)); len(found) > 0 {
			t.Errorf("%s is found in\n%s", found, body)
		}
	}
}

// calls reports whether n is a call of the function pkg.name, by its source.
func calls(n ast.Node, pkg string, names ...string) bool {
	call, ok := n.(*ast.CallExpr)
	return ok && selects(call.Fun, pkg, names...)
}

// selects reports whether n is pkg.name.
func selects(n ast.Node, pkg string, names ...string) bool {
	s, ok := n.(*ast.SelectorExpr)
	if !ok || !slices.Contains(names, s.Sel.Name) {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && x.Obj == nil
}
