package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	fenced     = regexp.MustCompile("(?ms)^```.*?^```$")
	span       = regexp.MustCompile("`([^`\n]+)`")
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):[^=\n]*?(?:## (.*))?$`)
	target     = regexp.MustCompile(`^[a-z][a-z-]*$`)
	makeLine   = regexp.MustCompile(`^(?:\$ )?make((?: [A-Za-z0-9_=.,/:-]+)+)`)
	flag       = regexp.MustCompile(`(?:^|[\s"'\[(])(--[a-z][a-z0-9-]+)`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	all := load(t)
	for _, f := range all.texts {
		if path.Ext(f.path) == ".md" {
			report(t, all.broken(f))
		}
	}
}

// broken finds links to files and headings that are not there.
func (t *tree) broken(f textFile) []string {
	var found []string
	for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(f.text, ""), -1) {
		target := m[1]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		name, anchor, _ := strings.Cut(target, "#")
		file := f.path
		if name != "" {
			file = path.Join(path.Dir(f.path), name)
		}
		switch {
		case !t.files[file] && file != ".":
			found = append(found, fmt.Sprintf("%s: links to %s, which is not there", f.path, target))
		case anchor != "" && path.Ext(file) == ".md" && !slices.Contains(anchors(t.text(file)), anchor):
			found = append(found, fmt.Sprintf("%s: links to %s, but %s has no such heading", f.path, target, file))
		}
	}
	return found
}

// anchors returns the names that headings get on a page.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(m[1])))
	}
	return all
}

func TestMakeTargetsAreThereAndDescribed(t *testing.T) {
	all := load(t)
	targets := all.targets()
	for name, what := range targets {
		if what == "" {
			t.Errorf("Makefile: %s has no line for `make help`: put ## and a few words after its colon", name)
		}
	}
	for _, f := range all.texts {
		if strings.HasPrefix(f.path, "internal/rules/") {
			continue // examples
		}
		for _, name := range made(f) {
			if _, ok := targets[name]; !ok {
				t.Errorf("%s: names `make %s`, which is no target of the Makefile", f.path, name)
			}
		}
	}
}

// targets returns the Makefile's targets that are not files, with their descriptions.
func (t *tree) targets() map[string]string {
	all := map[string]string{}
	for _, m := range makeTarget.FindAllStringSubmatch(t.text("Makefile"), -1) {
		all[m[1]] = m[2]
	}
	return all
}

// made returns the targets that a file tells to make: in `make x`, in lines of a page's
// code, and in lines of scripts.
func made(f textFile) []string {
	var all []string
	take := func(line string) {
		m := makeLine.FindStringSubmatch(line)
		if m == nil {
			return
		}
		for word := range strings.FieldsSeq(m[1]) {
			if word = strings.TrimRight(word, ".,:"); target.MatchString(word) { // not a flag, a variable or a PLACEHOLDER
				all = append(all, word)
			}
		}
	}
	switch {
	case path.Ext(f.path) == ".md":
		for line := range code(f.text) {
			take(line)
		}
	case strings.HasPrefix(f.path, ".ci/"):
		for line := range strings.Lines(f.text) {
			take(strings.TrimSpace(line))
		}
	}
	for _, m := range span.FindAllStringSubmatch(f.text, -1) {
		take(m[1])
	}
	return all
}

// code yields the lines of a page's code blocks, without their indentation.
func code(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		inside := false
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				inside = !inside
				continue
			}
			if (inside || strings.HasPrefix(line, "    ")) && !yield(strings.TrimSpace(line)) {
				return
			}
		}
	}
}

func TestFlagsThatAreNamedExist(t *testing.T) {
	all := load(t)
	flags := all.flags()
	if len(flags) < 10 {
		t.Fatalf("only %v were found in cmd/galatea", flags)
	}
	for _, f := range all.texts {
		for _, name := range named(f) {
			if !slices.Contains(flags, name) {
				t.Errorf("%s: names %s, which is no flag of galatea", f.path, name)
			}
		}
	}
	for _, p := range all.packages {
		if _, product := levels[p.dir]; !product {
			continue
		}
		for _, f := range p.code() {
			for _, name := range inStrings(f) {
				if _, other := otherFlags[name]; !other && !slices.Contains(flags, name) {
					t.Errorf("%s: a text names %s, which is no flag of galatea", f.path, name)
				}
			}
		}
	}
}

// flags returns the flags of all commands, as kong makes them of the structs' fields.
func (t *tree) flags() []string {
	all := []string{"--help"}
	for _, p := range t.packages {
		if p.dir != "cmd/galatea" {
			continue
		}
		for _, f := range p.code() {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok || !strings.HasSuffix(spec.Name.Name, "Cmd") {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					all = append(all, flagsOf(s)...)
				}
				return false
			})
		}
	}
	return all
}

func flagsOf(s *ast.StructType) []string {
	var all []string
	for _, field := range s.Fields.List {
		var tag reflect.StructTag
		if field.Tag != nil {
			text, _ := strconv.Unquote(field.Tag.Value)
			tag = reflect.StructTag(text)
		}
		if _, arg := tag.Lookup("arg"); arg {
			continue
		}
		for _, name := range field.Names {
			given, ok := tag.Lookup("name")
			if !ok {
				given = dashed(name.Name)
			}
			all = append(all, "--"+given)
			if _, negatable := tag.Lookup("negatable"); negatable {
				all = append(all, "--no-"+given)
			}
		}
	}
	return all
}

// dashed turns FieldName into field-name.
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// named returns galatea's flags that a file names: in lines that call galatea, and in
// spans of a page that begin with one.
func named(f textFile) []string {
	var all []string
	called := func(line string) {
		at := strings.LastIndex(line, "galatea ")
		if quoted := strings.LastIndex(line, `galatea", `); quoted > at { // a list of words
			at = quoted
		}
		if at < 0 {
			return
		}
		line, _, _ = strings.Cut(line[at:], "|")
		for _, m := range flag.FindAllStringSubmatch(line, -1) {
			all = append(all, m[1])
		}
	}
	switch {
	case path.Ext(f.path) == ".md":
		for line := range code(f.text) {
			called(line)
		}
		for _, m := range span.FindAllStringSubmatch(f.text, -1) {
			called(m[1])
			if own := flag.FindStringSubmatch(m[1]); own != nil && strings.HasPrefix(m[1], "--") && otherFlags[own[1]] == "" {
				all = append(all, own[1])
			}
		}
	case strings.HasSuffix(f.path, "Dockerfile") || path.Ext(f.path) == ".service":
		for line := range strings.Lines(f.text) {
			if strings.HasPrefix(line, "ENTRYPOINT") || strings.HasPrefix(line, "Exec") {
				called(line)
			}
		}
	}
	return all
}

// inStrings returns what looks like a flag in a file's strings.
func inStrings(f *goFile) []string {
	var all []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, _ := strconv.Unquote(lit.Value)
		for _, m := range flag.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return true
	})
	return all
}

func TestTheRulesOnDocumentationFire(t *testing.T) {
	all := &tree{files: map[string]bool{"a.md": true, "docs": true, "docs/b.md": true, "docs/c.png": true}}
	all.texts = []textFile{
		{"a.md", "# A\n"},
		{"docs/b.md", "# What it is, and why\n"},
		{"Makefile", "onnxruntime: ## Bring the library.\n\tx\nbin: x\nVERSION ?= 1\n"},
	}
	bad := textFile{"docs/x.md", "[a](a.md) [a](../a.md#b) [b](b.md#what-it-is)\n"}
	if found := all.broken(bad); len(found) != 3 {
		t.Errorf("three links are broken, found %q", found)
	}
	good := textFile{"docs/x.md", "[a](../a.md#a) [b](b.md#what-it-is-and-why) ![c](c.png) [d](https://example.org/)\n```\n[a](a.md)\n```\n"}
	if found := all.broken(good); len(found) != 0 {
		t.Errorf("no link is broken, found %q", found)
	}
	if got := fmt.Sprint(all.targets()); got != "map[bin: onnxruntime:Bring the library.]" {
		t.Errorf("targets: %s", got)
	}
	page := textFile{"x.md", "`make run` or\nmake sure:\n\n    make test ARGS=x\n    curl x --data-binary y\n    docker run -p 1 --rm galatea --no-such-flag=1 | jq --raw-output\n\nand `--entrypoint x`, `--other`, not `x --more`\n"}
	if got := fmt.Sprint(made(page)); got != "[test run]" {
		t.Errorf("make: %s", got)
	}
	if got := fmt.Sprint(named(page)); got != "[--no-such-flag --other]" {
		t.Errorf("flags: %s", got)
	}
	unit := textFile{"x.service", "ExecStart=/usr/local/bin/galatea serve --model-repository=/srv\n# galatea --not\n"}
	if got := fmt.Sprint(named(unit)); got != "[--model-repository]" {
		t.Errorf("flags: %s", got)
	}
}

// The page on compatibility has no row without a test, and a row for each call.
func TestTheCompatibilityPageNamesTestsThatAreThere(t *testing.T) {
	all := load(t)
	page := all.text("docs/compatibility.md")
	tests := map[string]bool{}
	for _, f := range all.texts {
		switch {
		case strings.HasSuffix(f.path, "_test.go"):
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(f.text, -1) {
				tests[m[1]] = true
			}
		case strings.HasPrefix(f.path, "scripts/e2e/test_"):
			for _, m := range regexp.MustCompile(`(?m)^class (\w+)`).FindAllStringSubmatch(f.text, -1) {
				tests[strings.TrimSuffix(path.Base(f.path), ".py")+"."+m[1]] = true
			}
		case strings.HasSuffix(f.path, ".txtar"), strings.HasPrefix(f.path, "scripts/e2e/check_"):
			tests[path.Base(f.path)] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+|test_\\w+\\.\\w+|\\w+\\.txtar|check_\\w+\\.sh)`")
	found := 0
	for _, m := range named.FindAllStringSubmatch(page, -1) {
		if found++; !tests[m[1]] && m[1] != "TestX" && m[1] != "x.txtar" {
			t.Errorf("docs/compatibility.md: names %s, which is no test", m[1])
		}
	}
	if found < 100 {
		t.Errorf("docs/compatibility.md: names only %d tests", found)
	}
	shown := false // the rows of this table are to be shown by tests
	for line := range strings.Lines(page) {
		row := strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(row, "|"):
			shown = false
		case strings.HasSuffix(row, "| shown by |"):
			shown = true
		case shown && !strings.HasPrefix(row, "|---") && !named.MatchString(row):
			t.Errorf("docs/compatibility.md: no test shows %s", row)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^  rpc (\w+)\(`).FindAllStringSubmatch(all.text("internal/tritonpb/inference.proto"), -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/compatibility.md: has no row for %s", m[1])
		}
	}
}
