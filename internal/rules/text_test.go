package rules

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hosts are those of package registries, in two parts so that this file may be read by
// its own rule. Packages are asked for by name, from whichever registry or mirror a
// machine is set up for.
var hosts = regexp.MustCompile(strings.ReplaceAll(
	`\b(pypi\.~org|pythonhosted\.~org|npmjs\.~(?:org|com)|proxy\.~golang\.org|sum\.~golang\.org|crates\.~io|repo[0-9]*\.~maven\.|deb\.~debian\.org|archive\.~ubuntu\.com|yarnpkg\.~com)`,
	"~", ""))

// homes are absolute paths of one developer's machine.
var homes = regexp.MustCompile(strings.ReplaceAll(`(?:^|[\s"'=(:,])(/~(?:root|work|Users|home/[a-z0-9]+)/[A-Za-z0-9._-]+)`, "~", ""))

func TestNothingIsBoundToOneMachine(t *testing.T) {
	for _, f := range load(t).texts {
		report(t, bound(f))
	}
}

func bound(f textFile) []string {
	var found []string
	number := 0
	for line := range strings.Lines(f.text) {
		number++
		if m := hosts.FindString(line); m != "" {
			found = append(found, fmt.Sprintf("%s:%d: names %s: ask for packages by name, with their ordinary client", f.path, number, m))
		}
		if m := homes.FindStringSubmatch(line); m != nil && containerPaths[f.path] == "" {
			found = append(found, fmt.Sprintf("%s:%d: names %s: other machines have other folders", f.path, number, m[1]))
		}
	}
	return found
}

func TestTheModulesAgree(t *testing.T) {
	all := load(t)
	version := regexp.MustCompile(`(?m)^go .*$`)
	product, tools := version.FindString(all.text("go.mod")), version.FindString(all.text("tools/go.mod"))
	if product != tools || product == "" {
		t.Errorf("go.mod says %q, tools/go.mod %q: linters must be built by the Go that they check", product, tools)
	}
}

func TestTheRulesOnTextFire(t *testing.T) {
	for _, bad := range []string{"pip install -i https://" + "py" + "pi.org/simple", "cd /" + "root/x", `"/` + `home/ann/models"`} {
		if len(bound(textFile{"x", bad})) == 0 {
			t.Errorf("nothing is found in %q", bad)
		}
	}
	for _, good := range []string{"pip install onnxruntime", "$work/root/models", "/usr/local/lib", "under `/home` are", "~/galatea-train"} {
		if found := bound(textFile{"x", good}); len(found) > 0 {
			t.Errorf("%q is found in %q", found, good)
		}
	}
}
