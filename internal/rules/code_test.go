package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestEachPackageSaysWhatItIs(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, undocumented(p))
	}
}

// undocumented finds a package without a doc.go that says what it is for and who owns
// which goroutine. A command's comment may stand in front of main.
func undocumented(p *goPackage) []string {
	for _, f := range p.code() {
		text := f.ast.Doc.Text()
		isCommand := f.ast.Name.Name == "main"
		switch base := path.Base(f.path); {
		case base != "doc.go" && (!isCommand || text == ""):
			continue
		case isCommand && !strings.HasPrefix(text, "Command "+path.Base(p.dir)+" "):
			return []string{fmt.Sprintf("%s: should begin with a comment, \"Command %s\" and what it is for", f.path, path.Base(p.dir))}
		case !isCommand && !strings.HasPrefix(text, "Package "+f.ast.Name.Name+" "):
			return []string{fmt.Sprintf("%s: should begin with a comment, \"Package %s\" and what it is for", f.path, f.ast.Name.Name)}
		case !isCommand && !strings.Contains(text, "goroutine") && !strings.Contains(text, "types only"):
			return []string{f.path + ": should say who owns which goroutine, and what may be called from where"}
		}
		return nil
	}
	return []string{p.dir + ": no doc.go says what it is for"}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, long(p))
	}
}

// long finds files with too many lines, and functions with too many lines of code.
func long(p *goPackage) []string {
	var found []string
	for _, f := range p.files {
		limit := fileLines
		if f.test() {
			limit = testFileLines
		}
		if _, may := longFiles[f.path]; len(f.lines) > limit && !may {
			found = append(found, fmt.Sprintf("%s: has %d lines, %d are enough", f.path, len(f.lines), limit))
		}
		if f.test() {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			lines := f.linesOfCode(fn.Body)
			if _, may := longFunctions[p.dir+"."+fn.Name.Name]; lines > functionLines && !may {
				found = append(found, fmt.Sprintf("%s: %s has %d lines, %d are enough", f.at(fn), fn.Name.Name, lines, functionLines))
			}
		}
	}
	return found
}

// linesOfCode counts the lines between braces that are more than a comment.
func (f *goFile) linesOfCode(body *ast.BlockStmt) int {
	first, last := f.fset.Position(body.Lbrace).Line, f.fset.Position(body.Rbrace).Line
	if first == last {
		return 0
	}
	code := 0
	for _, line := range f.lines[first : last-1] {
		if !strings.HasPrefix(strings.TrimSpace(line), "//") {
			code++
		}
	}
	return code
}

func TestDecisionsArePure(t *testing.T) {
	all := load(t)
	for _, dir := range purePackages {
		if !slices.ContainsFunc(all.packages, func(p *goPackage) bool { return p.dir == dir }) {
			t.Errorf("%s should be pure, but is not there", dir)
		}
	}
	for _, name := range pureFiles {
		if !all.files[name] {
			t.Errorf("%s should be pure, but is not there", name)
		}
	}
	for _, p := range all.packages {
		report(t, impure(p))
	}
}

// impure finds, in what should be pure, whatever else decides what comes out: clocks,
// chance, files and the environment, other goroutines; and what goes out besides the
// result: logs.
func impure(p *goPackage) []string {
	var found []string
	for _, f := range p.code() {
		if !slices.Contains(purePackages, p.dir) && !slices.Contains(pureFiles, f.path) {
			continue
		}
		for _, name := range f.imports() {
			first, _, _ := strings.Cut(name, "/")
			if slices.Contains([]string{"C", "context", "log", "net", "os", "runtime", "sync", "syscall", "unsafe"}, first) || strings.HasPrefix(name, "math/rand") {
				found = append(found, fmt.Sprintf("%s: imports %s, but should be pure", f.path, name))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if what := impurity(n); what != "" {
				found = append(found, fmt.Sprintf("%s: %s, but should be pure", f.at(n), what))
			}
			return true
		})
	}
	return found
}

func impurity(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "starts a goroutine"
	case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
		return "uses a channel"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "uses a channel"
		}
	case *ast.SelectorExpr:
		if selects(n, "time", "After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until") {
			return "asks the clock: time." + n.Sel.Name
		}
	}
	return ""
}

func TestTheCodeRulesFire(t *testing.T) {
	fires(t, undocumented, "config/x.go", []string{""}, nil)
	long60 := "func f() {\n" + strings.Repeat("\tg()\n\n", 31) + "}"
	fires(t, long, "config/x.go", []string{long60, strings.Repeat("\n", 401)},
		[]string{"func f() {\n" + strings.Repeat("\t// a comment\n\tg()\n", 60) + "}", strings.Repeat("\n", 390)})
	fires(t, impure, "scheduler/pending.go",
		[]string{
			`import "sync"`, `import "log/slog"`, `import "math/rand/v2"`, "type t struct { c chan int }", "func f() { go g() }",
			"func f() { c <- 1 }", "func f() { <-c }", "func f() { select {} }",
			"import \"time\"\nfunc f() { time.Now() }", "import \"time\"\nvar now = time.Now",
		},
		[]string{"import \"time\"\nfunc f(now time.Time) time.Time { return now.Add(time.Second) }", `import "container/heap"`})
	fires(t, impure, "config/x.go", []string{`import "os"`}, []string{`import "gopkg.in/yaml.v3"`})
	fires(t, impure, "scheduler/queue.go", nil, []string{`import "sync"`})
}
