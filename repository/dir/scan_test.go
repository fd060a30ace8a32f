package dir

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"galatea/config"
	"galatea/repository"
)

// shown puts the real root where a test says ROOT.
func shown(text, root string) string { return strings.ReplaceAll(text, "ROOT", root) }

func TestVersionNames(t *testing.T) {
	for name, want := range map[string]int64{
		"1": 1, "10": 10, "9223372036854775807": 1<<63 - 1,
		"0": 0, "01": 0, "-1": 0, "+1": 0, "1.0": 0, "v1": 0, "latest": 0, " 1": 0, "1e3": 0, "0x1": 0, "1_0": 0, "١": 0,
		"9223372036854775808": 0, "99999999999999999999": 0,
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := versionNumber(name); ok != (want != 0) || ok && got != want {
				t.Errorf("got %d, %v", got, ok)
			}
		})
	}
}

func TestFoldersThatAreNoVersions(t *testing.T) {
	root := tree(t, "a/01/model.onnx", "a/latest/model.onnx", "b/0/model.onnx", "b/2/model.onnx", "c/model.onnx")
	finds(t, open(t, atOnce, root),
		shown(`a: no version folder in ROOT/a: put the model into a/1/model.onnx; "01" is not a version, which is a number from 1 up without leading zeros`, root),
		`b: folder "0" is not served: it is not a version, which is a number from 1 up without leading zeros`,
		"b/2",
		shown("c: no version folder in ROOT/c: put the model into c/1/model.onnx", root))
}

func TestDesiredSaysWhereThingsLie(t *testing.T) {
	root := tree(t, "a/2/model.onnx")
	write(t, root, map[string]string{"a/config.yaml": "max_batch_size: 4\nversion_policy: {latest: {num_versions: 3}}\n"})
	d := scan(t, open(t, atOnce, root))[0]
	if d.Root != root || d.Folder != filepath.Join(root, "a/2") || d.File != filepath.Join(root, "a/2/model.onnx") || len(d.Digest) != 16 {
		t.Errorf("got %+v", d)
	}
	if d.Config == nil || d.Config.Name != "a" || *d.Config.MaxBatchSize != 4 || d.Policy.Latest != 3 {
		t.Errorf("got %+v, %+v", d.Config, d.Policy)
	}
}

func TestPolicies(t *testing.T) {
	for text, want := range map[string]repository.Policy{
		"":                               {},
		"{latest: {}}":                   {},
		"{all: {}}":                      {All: true},
		"{latest: {num_versions: 2}}":    {Latest: 2},
		"{specific: {versions: [3, 1]}}": {Specific: []int64{3, 1}},
		"{all: {}}\ndefault_version: 4\nlabels: {stable: 4, next: 5}": {All: true, Default: 4, Labels: map[string]int64{"stable": 4, "next": 5}},
	} {
		t.Run(text, func(t *testing.T) {
			root := tree(t, "a/1/model.onnx")
			if text != "" {
				write(t, root, map[string]string{"a/config.yaml": "version_policy: " + text})
			}
			want.Rollout.Strategy = config.StrategyImmediate
			if d := finds(t, open(t, atOnce, root), "a/1")[0]; !reflect.DeepEqual(d.Policy, want) {
				t.Errorf("got %+v", d.Policy)
			}
		})
	}
}

func TestModelFileNames(t *testing.T) {
	root := tree(t, "a/1/net.onnx", "a/2/model.onnx", "b/1/weights.bin", "c/1/model.onnx/model.onnx", "c/1/model.onnx/weights.bin")
	write(t, root, map[string]string{"a/config.yaml": "default_model_filename: net.onnx"})
	all := finds(t, open(t, atOnce, root),
		"a/1",
		shown("a/2: no file net.onnx in ROOT/a/2: a version's folder holds its model under this name", root),
		shown("b/1: no file model.onnx in ROOT/b/1: a version's folder holds its model under this name", root),
		"c/1")
	if all[0].File != filepath.Join(root, "a/1/net.onnx") || all[3].File != filepath.Join(root, "c/1/model.onnx/model.onnx") {
		t.Errorf("got %s and %s", all[0].File, all[3].File)
	}
}

func TestWrongConfigs(t *testing.T) {
	for _, row := range []struct {
		name   string
		config string
		want   string
	}{
		{"a wrong value", "max_batch_size: many\n", `a/1: ROOT/a/config.yaml:1: max_batch_size: `},
		{"not yaml", "{", `a/1: ROOT/a/config.yaml`},
		{"another name", "name: b\n", `a/1: ROOT/a/config.yaml:1: name: unexpected directory name 'a' for model 'b'`},
		{"too large", "# " + strings.Repeat("x", maxConfig) + "\n", `a/1: ROOT/a/config.yaml: larger than 1048576 bytes`},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, "a/1/model.onnx", "b/1/model.onnx")
			write(t, root, map[string]string{"a/config.yaml": row.config})
			s := open(t, atOnce, root)
			got := text(scan(t, s))
			if len(got) != 2 || !strings.HasPrefix(got[0], shown(row.want, root)) || got[1] != "b/1" {
				t.Errorf("got %q", got)
			}
			first := scan(t, s)[0]
			before := first.Digest
			if !first.Policy.Unknown {
				t.Error("its policy is said to be known")
			}
			write(t, root, map[string]string{"a/config.yaml": "name: c\n"})
			if after := scan(t, s)[0]; after.Digest == before {
				t.Error("another wrong config has the same digest")
			}
			must(t, os.Remove(filepath.Join(root, "a/config.yaml")))
			scan(t, s)
			if last := finds(t, s, "a/1", "b/1"); last[0].Policy.Unknown {
				t.Error("its policy is still unknown")
			}
		})
	}
}

func TestWrongConfigIsToldBeforeWhatFollowsFromIt(t *testing.T) {
	root := tree(t, "a/1/net.onnx")
	write(t, root, map[string]string{"a/config.yaml": "default_model_filename: net.onnx\nname: b"})
	finds(t, open(t, atOnce, root), shown("a/1: ROOT/a/config.yaml:2: name: unexpected directory name 'a' for model 'b', directory name must equal model name", root))
}

func TestWrongConfigOfAModelWithoutVersions(t *testing.T) {
	root := tree(t)
	write(t, root, map[string]string{"a/config.yaml": "name: b"})
	finds(t, open(t, atOnce, root), shown("a: ROOT/a/config.yaml:1: name: unexpected directory name 'a' for model 'b', directory name must equal model name", root))
}

func TestConfigThatIsNoFile(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "a/config.yaml/x", "b/1/model.onnx")
	must(t, syscall.Mkfifo(filepath.Join(root, "b/config.yaml"), 0o644))
	finds(t, open(t, atOnce, root),
		"a: read the model's folder: a/config.yaml is not a file",
		"b: read the model's folder: b/config.yaml is not a file")
}

func TestDigest(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(t *testing.T, root string)
		changes bool
	}{
		{"nothing touched", func(*testing.T, string) {}, false},
		{"another size at the same time", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/1/model.onnx": "xx"})
			must(t, os.Chtimes(filepath.Join(root, "a/1/model.onnx"), time.Time{}, time.Unix(0, 0)))
		}, true},
		{"the same size and time", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/1/model.onnx": "y"})
			must(t, os.Chtimes(filepath.Join(root, "a/1/model.onnx"), time.Time{}, time.Unix(0, 0)))
		}, false},
		{"another time of modification", func(t *testing.T, root string) {
			must(t, os.Chtimes(filepath.Join(root, "a/1/model.onnx"), time.Time{}, time.Unix(1, 0)))
		}, true},
		{"another file", func(t *testing.T, root string) { write(t, root, map[string]string{"a/1/weights.bin": ""}) }, true},
		{"another file in a folder in it", func(t *testing.T, root string) { write(t, root, map[string]string{"a/1/w/w.bin": ""}) }, true},
		{"a file removed", func(t *testing.T, root string) { must(t, os.Remove(filepath.Join(root, "a/1/extra"))) }, true},
		{"a file renamed", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, "a/1/extra"), filepath.Join(root, "a/1/other")))
		}, true},
		{"a file with a dot in front", func(t *testing.T, root string) { write(t, root, map[string]string{"a/1/.part": ""}) }, false},
		{"a link to nothing", func(t *testing.T, root string) { must(t, os.Symlink("nowhere", filepath.Join(root, "a/1/link"))) }, false},
		{"another version", func(t *testing.T, root string) { write(t, root, map[string]string{"a/2/model.onnx": ""}) }, false},
		{"a file beside the versions", func(t *testing.T, root string) { write(t, root, map[string]string{"a/README": ""}) }, false},
		{"a config of no effect", func(t *testing.T, root string) { write(t, root, map[string]string{"a/config.yaml": "# nothing\n"}) }, false},
		{"the config's name for the folder", func(t *testing.T, root string) { write(t, root, map[string]string{"a/config.yaml": "name: a"}) }, false},
		{"another version policy", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/config.yaml": "version_policy: {all: {}}"})
		}, false},
		{"another batch size", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/config.yaml": "max_batch_size: 3"})
		}, true},
		{"another queue", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/config.yaml": "dynamic_batching: {max_queue_delay_microseconds: 5}"})
		}, true},
		{"another parameter", func(t *testing.T, root string) {
			write(t, root, map[string]string{"a/config.yaml": "parameters: {intra_op_thread_count: 2}"})
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, "a/1/model.onnx", "a/1/extra")
			must(t, os.Chtimes(filepath.Join(root, "a/1/model.onnx"), time.Time{}, time.Unix(0, 0)))
			s := open(t, atOnce, root)
			before := scan(t, s)[0]
			row.change(t, root)
			after := scan(t, s)[0]
			if (before.Digest != after.Digest) != row.changes {
				t.Errorf("before %s, after %s", before.Digest, after.Digest)
			}
			if err := s.Verify(before); (err != nil) != row.changes {
				t.Errorf("Verify says %v", err)
			}
		})
	}
}

func TestDigestOfABareModel(t *testing.T) {
	root := tree(t, "model.onnx", "weights/w.bin")
	s := open(t, atOnce, root)
	before := scan(t, s)[0]
	write(t, root, map[string]string{"config.yaml": "version_policy: {all: {}}"})
	if after := scan(t, s)[0]; after.Digest != before.Digest || !after.Policy.All && after.Policy.Latest != 0 {
		t.Error("a version policy is a new digest")
	}
	must(t, s.Verify(before))
	write(t, root, map[string]string{"weights/w.bin": "changed"})
	if after := scan(t, s)[0]; after.Digest == before.Digest {
		t.Error("other weights are not a new digest")
	}
	if err := s.Verify(before); err == nil || err.Error() != "its files changed while it was loaded" {
		t.Errorf("Verify says %v", err)
	}
}

func TestVerify(t *testing.T) {
	root, other := tree(t, "a/1/model.onnx"), tree(t, "b/1/model.onnx")
	s := open(t, atOnce, other, root)
	d := scan(t, s)[1]
	must(t, s.Verify(d))
	elsewhere := d
	elsewhere.Root = "/elsewhere"
	if s.Verify(elsewhere) == nil {
		t.Error("another root's version is taken for it")
	}
	must(t, os.RemoveAll(filepath.Join(root, "a")))
	if s.Verify(d) == nil {
		t.Error("it is gone")
	}
	single := tree(t, "3/model.onnx")
	s = open(t, atOnce, single)
	must(t, s.Verify(scan(t, s)[0]))
}

func TestFoldersThatAreNoModels(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "b/1/model.onnx", "c/1/model.onnx")
	write(t, root, map[string]string{"a/1/" + strings.Repeat("d/", maxNesting+1) + "deep": ""})
	must(t, os.Symlink(".", filepath.Join(root, "b/1/self")))
	for i := range maxEntries + 1 {
		must(t, os.Link(filepath.Join(root, "c/1/model.onnx"), filepath.Join(root, "c/1", strings.Repeat("x", 1+i/100)+"."+strings.Repeat("y", 1+i%100))))
	}
	s := open(t, atOnce, root)
	finds(t, s,
		"a/1: folders nested more than 8 deep in a/1",
		"b/1: folders nested more than 8 deep in b/1",
		"c/1: more than 10000 files in c/1: a version's folder holds one model")
}

func TestLinksThatLeadInACircle(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "b/1/model.onnx")
	must(t, os.Symlink("loop", filepath.Join(root, "loop")))
	must(t, os.Symlink("2", filepath.Join(root, "a/2")))
	must(t, os.Symlink("nowhere", filepath.Join(root, "dangling")))
	got := text(scan(t, open(t, atOnce, root)))
	if len(got) != 4 || got[0] != "a/1" || got[2] != "b/1" ||
		!strings.HasPrefix(got[1], "a/2: read the version's folder: ") || !strings.HasPrefix(got[3], "loop: read the model's folder: ") {
		t.Errorf("got %q", got)
	}
}

func TestLinkedFolders(t *testing.T) {
	elsewhere := tree(t, "1/model.onnx", "m/7/model.onnx")
	root := tree(t, "a/1/model.onnx")
	must(t, os.Symlink(filepath.Join(elsewhere, "1"), filepath.Join(root, "a/2")))
	must(t, os.Symlink(filepath.Join(elsewhere, "m"), filepath.Join(root, "b")))
	s := open(t, atOnce, root)
	all := finds(t, s, "a/1", "a/2", "b/7")
	for _, d := range all {
		must(t, s.Verify(d))
	}
}

// TestVolumeSwap changes files as a mounted ConfigMap does: they are links through
// ..data, a link that is replaced in one step.
func TestVolumeSwap(t *testing.T) {
	root := tree(t)
	revision := func(name, text string) {
		write(t, root, map[string]string{name + "/a/1/model.onnx": text})
		must(t, os.Symlink(name, filepath.Join(root, "..data_tmp")))
		must(t, os.Rename(filepath.Join(root, "..data_tmp"), filepath.Join(root, "..data")))
	}
	revision("..2026_01", "one")
	must(t, os.Symlink("..data/a", filepath.Join(root, "a")))
	s := open(t, atOnce, root)
	before := finds(t, s, "a/1")[0]
	revision("..2026_02", "two, longer")
	must(t, os.RemoveAll(filepath.Join(root, "..2026_01")))
	scan(t, s)
	after := finds(t, s, "a/1")[0]
	if after.Digest == before.Digest || after.File != before.File {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestReadOnlyRoot(t *testing.T) {
	root := tree(t, "a/1/model.onnx")
	for _, folder := range []string{"a/1", "a", "."} {
		must(t, os.Chmod(filepath.Join(root, folder), 0o555))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, folder), 0o755) })
	}
	finds(t, open(t, atOnce, root), "a/1")
}

func TestUnreadableFolders(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may read everything; the fault tests see to the same")
		return
	}
	root := tree(t, "a/1/model.onnx", "a/2/model.onnx", "b/1/model.onnx")
	for _, folder := range []string{"a/2", "b"} {
		must(t, os.Chmod(filepath.Join(root, folder), 0))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, folder), 0o755) })
	}
	got := text(scan(t, open(t, atOnce, root)))
	if len(got) != 3 || got[0] != "a/1" || !strings.Contains(got[1], "permission denied") || !strings.Contains(got[2], "permission denied") {
		t.Errorf("got %q", got)
	}
}

func TestScanOrderIsByName(t *testing.T) {
	root := tree(t, "c/10/model.onnx", "c/9/model.onnx", "a/1/model.onnx", "b/1/model.onnx")
	if got := text(scan(t, open(t, atOnce, root))); !slices.Equal(got, []string{"a/1", "b/1", "c/9", "c/10"}) {
		t.Errorf("got %q", got)
	}
}
