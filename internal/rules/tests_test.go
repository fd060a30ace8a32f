package rules

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

func TestWhoStartsGoroutinesIsWatched(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, unwatchedGoroutines(p))
	}
}

// unwatchedGoroutines finds packages that start goroutines and whose tests do not
// demand that all have ended.
func unwatchedGoroutines(p *goPackage) []string {
	if _, may := unwatched[p.dir]; may {
		return nil
	}
	for _, f := range p.tests() {
		if slices.Contains(f.imports(), "go.uber.org/goleak") && contains(f.ast, func(n ast.Node) bool { return selects(n, "goleak", "VerifyTestMain", "Find", "VerifyNone") }) {
			return nil
		}
	}
	for _, f := range p.code() {
		var at ast.Node
		contains(f.ast, func(n ast.Node) bool {
			if starts(n) {
				at = n
			}
			return at != nil
		})
		if at != nil {
			return []string{f.at(at) + ": starts a goroutine, but no TestMain of the package asks goleak whether all have ended"}
		}
	}
	return nil
}

// starts reports whether n starts a goroutine.
func starts(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "Go" && len(n.Args) == 1 || calls(n, "time", "AfterFunc") || calls(n, "context", "AfterFunc")
	}
	return false
}

// contains reports whether f is true for a node of the tree.
func contains(tree ast.Node, f func(ast.Node) bool) bool {
	found := false
	ast.Inspect(tree, func(n ast.Node) bool {
		found = found || n != nil && f(n)
		return !found
	})
	return found
}

func TestNoTestWaitsForRealTime(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, sleeping(p))
	}
}

// sleeping finds tests that sleep outside a synctest bubble. A helper may sleep when
// the package's tests have bubbles, and so may a closure next to one.
func sleeping(p *goPackage) []string {
	helpers := map[string]bool{} // functions that make a bubble
	bubble := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return ok && helpers[id.Name] || calls(n, "synctest", "Test")
	}
	for _, f := range p.tests() {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && contains(fn, bubble) {
				helpers[fn.Name.Name] = true
			}
		}
	}
	var found []string
	for _, f := range p.tests() {
		for _, d := range f.ast.Decls {
			if contains(d, bubble) || len(helpers) > 0 && !isTest(d) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if calls(n, "time", "Sleep") {
					found = append(found, f.at(n)+": sleeps for real time; use testing/synctest")
				}
				return true
			})
		}
	}
	return found
}

func isTest(d ast.Decl) bool {
	fn, ok := d.(*ast.FuncDecl)
	return ok && fn.Recv == nil && slices.ContainsFunc([]string{"Test", "Fuzz", "Benchmark"}, func(s string) bool { return strings.HasPrefix(fn.Name.Name, s) })
}

func TestNoTestIsSkipped(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, skipping(p))
	}
}

// skipping finds tests that may leave something out: what does not run proves nothing.
// A fuzz test may skip an input.
func skipping(p *goPackage) []string {
	var found []string
	for _, f := range p.tests() {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch s.Sel.Name {
			case "Skip", "SkipNow", "Skipf":
				found = append(found, fmt.Sprintf("%s: %s: a test that does not run proves nothing", f.at(n), s.Sel.Name))
			case "Short":
				if calls(n, "testing", "Short") {
					found = append(found, f.at(n)+": testing.Short: a test that does not run proves nothing")
				}
			case "Fuzz":
				return false
			}
			return true
		})
	}
	return found
}

func TestTheRulesOnTestsFire(t *testing.T) {
	fires(t, unwatchedGoroutines, "scheduler/x.go",
		[]string{"func f() { go g() }", "func f() { wg.Go(g) }", "import \"time\"\nfunc f() { time.AfterFunc(1, g) }"},
		[]string{"func f() { g() }"})
	fires(t, sleeping, "scheduler/x_test.go",
		[]string{
			"func TestX(t *testing.T) { time.Sleep(1) }",
			"func helper() { time.Sleep(1) }",
			"func TestX(t *testing.T) { synctest.Test(t, f) }\nfunc TestY(t *testing.T) { time.Sleep(1) }",
		},
		[]string{
			"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }",
			"func TestX(t *testing.T) { synctest.Test(t, f) }\nfunc helper() { time.Sleep(1) }",
			"func bubble(t *testing.T) { synctest.Test(t, f) }\nfunc TestX(t *testing.T) { bubble(t, func(t *testing.T) { time.Sleep(1) }) }",
		})
	fires(t, skipping, "scheduler/x_test.go",
		[]string{"func TestX(t *testing.T) { t.Skip() }", "func TestX(t *testing.T) { if testing.Short() { return } }"},
		[]string{"func FuzzX(f *testing.F) { f.Fuzz(func(t *testing.T) { t.Skip() }) }"})
}
