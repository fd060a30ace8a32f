package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestNothingHappensOnImport(t *testing.T) {
	for _, p := range load(t).packages {
		report(t, initialised(p))
	}
}

// initialised finds init functions: what happens does so because somebody called it.
func initialised(p *goPackage) []string {
	var found []string
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, f.at(fn)+": init runs without being asked; make it a constructor's work")
			}
		}
	}
	return found
}

func TestPackageVariablesDoNotChange(t *testing.T) {
	all := load(t)
	for _, p := range all.packages {
		report(t, changed(p))
	}
	for name := range changing {
		at := strings.LastIndex(name, ".")
		if !slices.ContainsFunc(all.packages, func(p *goPackage) bool { return p.dir == name[:at] && p.variables()[name[at+1:]] != nil }) {
			t.Errorf("changing has a row for %s, which is not there", name)
		}
	}
}

// changed finds package-level variables that are more than tables and sentinels:
// something writes to them, takes their address, or they are locks, pools and the
// like. It goes by names alone, without types, and so sees no change by way of a map
// or a slice that was copied out of a variable.
func changed(p *goPackage) []string {
	vars := p.variables()
	var found []string
	say := func(f *goFile, n ast.Node, name, what string) {
		if _, may := changing[p.dir+"."+name]; !may {
			found = append(found, fmt.Sprintf("%s: the package variable %s %s: let somebody own it, or give the reason in changing", f.at(n), name, what))
		}
	}
	for _, f := range p.code() {
		for _, spec := range globals(f) {
			if spec.Type != nil && shared(spec.Type) {
				say(f, spec, spec.Names[0].Name, "is made to be changed")
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			for _, x := range written(n) {
				if id := root(x); id != nil && vars[id.Name] != nil && (id.Obj == nil || id.Obj.Decl == vars[id.Name]) {
					say(f, n, id.Name, "is changed")
				}
			}
			return true
		})
	}
	return found
}

// variables returns the package-level variables of the code by name.
func (p *goPackage) variables() map[string]*ast.ValueSpec {
	all := map[string]*ast.ValueSpec{}
	for _, f := range p.code() {
		for _, spec := range globals(f) {
			for _, name := range spec.Names {
				if name.Name != "_" {
					all[name.Name] = spec
				}
			}
		}
	}
	return all
}

func globals(f *goFile) []*ast.ValueSpec {
	var all []*ast.ValueSpec
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				all = append(all, s.(*ast.ValueSpec))
			}
		}
	}
	return all
}

// shared reports whether a type is there to be changed by several goroutines.
func shared(typ ast.Expr) bool {
	found := false
	ast.Inspect(typ, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		found = found || ok && (x.Name == "sync" || x.Name == "atomic")
		return true
	})
	return found
}

// written returns what n writes to, or takes the address of.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "clear" || id.Name == "delete") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// root returns x of x.f[i].g.
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.SliceExpr:
			x = e.X
		default:
			return nil
		}
	}
}

func TestTheRulesOnVariablesFire(t *testing.T) {
	fires(t, initialised, "config/x.go", []string{"func init() {}"}, []string{"func (t) init() {}", "func start() {}"})
	fires(t, changed, "config/x.go",
		[]string{
			"var n int\nfunc f() { n++ }",
			"var n = 1\nfunc f() { n = 2 }",
			"var m = map[int]int{}\nfunc f() { m[1] = 2 }",
			"var m = map[int]int{}\nfunc f() { delete(m, 1) }",
			"var s struct{ a []int }\nfunc f() { s.a[0]++ }",
			"var n int\nfunc f() *int { return &n }",
			"var mu sync.Mutex",
			"var p atomic.Pointer[int]",
			"var pools [4]sync.Pool",
		},
		[]string{
			"var table = []int{1, 2}\nfunc f() int { return table[0] }",
			"var ErrX = errors.New(\"x\")\nfunc f() error { return ErrX }",
			"var n = 1\nfunc f() { n := 2; n++; _ = n }",
			"var n = 1\nfunc f(n int) { n = 2 }",
			"var _ error = (*e)(nil)",
		})
}
