package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"galatea/backend/onnx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryPackageIsPinned(t *testing.T) {
	exact := regexp.MustCompile(`^[A-Za-z0-9._-]+==[0-9][0-9a-z.]*$`)
	for _, v := range servers() {
		if v.environment == "" {
			continue
		}
		list, err := requirements(v.environment)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !exact.MatchString(line) {
				t.Errorf("%s.txt: %q is not a package of one release", v.environment, line)
			}
		}
		if found := releases(list, v.packages); strings.Count(found, ",") != len(v.packages)-1 {
			t.Errorf("%s names %v, of which its list has %s", v.name, v.packages, found)
		}
		if !strings.Contains(list, "\nonnxruntime=="+onnx.Version+"\n") {
			t.Errorf("%s runs another ONNX Runtime than Galatea", v.name)
		}
	}
}

func TestTheProgramsAreThere(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(filepath.Join(dir, "peers")); err != nil {
		t.Fatal(err)
	}
	for _, v := range servers() {
		for _, arg := range v.command(place{scripts: filepath.Join(dir, "peers"), environment: "e"}).Args {
			name, isApp := strings.CutSuffix(arg, ":app")
			if isApp {
				arg = filepath.Join(dir, "peers", name+".py")
			}
			if strings.HasSuffix(arg, ".py") {
				if _, err := os.Stat(arg); err != nil {
					t.Errorf("%s: %v", v.name, err)
				}
			}
		}
	}
}

func TestReleasesAreThoseOfTheWholeName(t *testing.T) {
	if got := releases("# a==9\na-b==1.2\nb==2\na==3.4\n", []string{"a", "b", "c"}); got != "a 3.4, b 2" {
		t.Errorf("%q", got)
	}
}
