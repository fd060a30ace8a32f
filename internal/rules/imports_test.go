package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestImportsGoDownTheLevels(t *testing.T) {
	all := load(t)
	for _, p := range all.packages {
		report(t, upward(p))
	}
	for _, table := range []map[string]int{levels, support} {
		for dir := range table {
			if !all.files[dir] {
				t.Errorf("there is a level for %s, which is not there", dir)
			}
		}
	}
}

// upward finds imports of our own packages that are not of a lower level.
func upward(p *goPackage) []string {
	level, known := levels[p.dir]
	own, supports := support[p.dir]
	if !known && !supports {
		return []string{p.dir + ": has no row in levels: which packages is it above?"}
	}
	var found []string
	for _, f := range p.files {
		for _, name := range f.imports() {
			dir, ours := strings.CutPrefix(name, module+"/")
			if !ours || dir == p.dir { // a test in a package of its own
				continue
			}
			theirs, product := levels[dir]
			helper, isSupport := support[dir]
			fine := product && (known && theirs < level || supports && theirs < own) ||
				isSupport && (f.test() || supports && helper < own)
			if !fine {
				found = append(found, fmt.Sprintf("%s: imports %s, which is not below it", f.path, dir))
			}
		}
	}
	return found
}

func TestTheArchitecturePageHasTheSameLevels(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| ([0-9]) \| ([^|]*) \|`)
	shown := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(load(t).text("docs/architecture.md"), -1) {
		for _, name := range span.FindAllStringSubmatch(m[2], -1) {
			shown[name[1]], _ = strconv.Atoi(m[1])
		}
	}
	for dir, level := range levels {
		if at, ok := shown[dir]; !ok || at != level {
			t.Errorf("docs/architecture.md: has no row for %s at level %d", dir, level)
		}
	}
	for dir := range shown {
		_, product := levels[dir]
		_, supports := support[dir]
		if !product && !supports {
			t.Errorf("docs/architecture.md: has a row for %s, which is not there", dir)
		}
	}
}

func TestForeignCodeStaysBehindItsFence(t *testing.T) {
	all := load(t)
	for _, p := range all.packages {
		report(t, outside(p))
	}
	for _, fence := range fences {
		for _, dir := range fence.in {
			if !all.files[dir] {
				t.Errorf("the fence of %s names %s, which is not there", fence.path, dir)
			}
		}
	}
}

// fenceOf returns the row that an import belongs to.
func fenceOf(name string) (fence, bool) {
	var longest fence
	for _, f := range fences {
		if (name == f.path || strings.HasPrefix(name, f.path+"/")) && len(f.path) > len(longest.path) {
			longest = f
		}
	}
	return longest, longest.path != ""
}

// outside finds imports on the wrong side of a fence, and modules without one.
func outside(p *goPackage) []string {
	var found []string
	for _, f := range p.files {
		for _, name := range f.imports() {
			fence, fenced := fenceOf(name)
			first, _, _ := strings.Cut(name, "/")
			if foreign := strings.Contains(first, "."); foreign && !fenced {
				found = append(found, fmt.Sprintf("%s: %s has no row in fences: where may it be used, and why?", f.path, name))
			}
			allowed := slices.Contains(fence.in, p.dir) ||
				f.test() && (slices.Contains(fence.tests, p.dir) || slices.Contains(fence.tests, "*"))
			if fenced && !allowed {
				found = append(found, fmt.Sprintf("%s: imports %s, which is for %s: %s", f.path, name, strings.Join(fence.in, ", "), fence.why))
			}
		}
	}
	return found
}

func TestTheImportRulesFire(t *testing.T) {
	fires(t, upward, "scheduler/x.go",
		[]string{`import "galatea/repository"`, `import "galatea/internal/app"`, `import "galatea/backend/fake"`, `import "galatea/backend/onnx"`},
		[]string{`import "galatea/infer"`, `import "galatea/tensor"`})
	fires(t, upward, "scheduler/x_test.go",
		[]string{`import "galatea/repository"`},
		[]string{`import "galatea/backend/fake"`, `import "galatea/scheduler"`})
	fires(t, upward, "newcomer/x.go", []string{""}, nil)
	fires(t, outside, "scheduler/x.go",
		[]string{
			`import "github.com/gin-gonic/gin"`, `import "C"`, `import "unsafe"`, `import "net/http"`, `import "example.org/new"`,
			`import "go.opentelemetry.io/otel/sdk/trace"`, `import "go.uber.org/goleak"`, `import "gopkg.in/yaml.v3"`,
		},
		[]string{`import "go.opentelemetry.io/otel/trace/noop"`, `import "sync"`})
	fires(t, outside, "scheduler/x_test.go",
		[]string{`import "github.com/gin-gonic/gin"`},
		[]string{`import "go.uber.org/goleak"`, `import "testing/synctest"`})
}
