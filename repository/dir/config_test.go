package dir

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"galatea/repository"
)

// size is the max_batch_size that a version's configuration says.
func size(t *testing.T, d repository.Desired) int {
	t.Helper()
	if d.Err != nil || d.Config == nil {
		t.Fatalf("%s: %v", d.Name, d.Err)
	}
	if d.Config.MaxBatchSize == nil {
		return 0
	}
	return *d.Config.MaxBatchSize
}

func TestWhichConfigurationCounts(t *testing.T) {
	for _, row := range []struct {
		name   string
		choice string
		files  map[string]string
		size   int
		notes  int
	}{
		{"none -> what nobody says", "", nil, 0, 0},
		{"config.pbtxt -> it", "", map[string]string{"config.pbtxt": "max_batch_size: 2 dynamic_batching {}"}, 2, 0},
		{"config.yaml beside it -> the latter, with a note", "", map[string]string{"config.pbtxt": "max_batch_size: 2", "config.yaml": "max_batch_size: 3"}, 3, 1},
		{"an empty config.yaml beside a wrong one -> the former", "", map[string]string{"config.pbtxt": "wrong", "config.yaml": ""}, 0, 1},
		{"one in configs that nobody asks for -> not it", "", map[string]string{"config.pbtxt": "max_batch_size: 2 dynamic_batching {}", "configs/large.pbtxt": "max_batch_size: 4"}, 2, 0},
		{"one in configs -> it", "large", map[string]string{"config.yaml": "max_batch_size: 3", "configs/large.pbtxt": "max_batch_size: 4 dynamic_batching {}"}, 4, 0},
		{"two in configs -> the YAML, with a note", "large", map[string]string{"configs/large.yaml": "max_batch_size: 5", "configs/large.pbtxt": "max_batch_size: 4"}, 5, 1},
		{"others in configs -> the model's own", "large", map[string]string{"config.pbtxt": "max_batch_size: 2 dynamic_batching {}", "configs/small.pbtxt": "max_batch_size: 1"}, 2, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, "a/1/model.onnx")
			for name, text := range row.files {
				write(t, root, map[string]string{"a/" + name: text})
			}
			o := atOnce
			o.ConfigName = row.choice
			s := open(t, o, root)
			d := finds(t, s, "a/1")[0]
			if got := size(t, d); got != row.size || len(d.Config.Origin().Notes) != row.notes {
				t.Errorf("size %d, notes %q", got, d.Config.Origin().Notes)
			}
			must(t, s.Verify(d))
		})
	}
}

func TestConfigNamesThatAreNone(t *testing.T) {
	for _, name := range []string{"../x", "a/b", ".", "..", `a\b`} {
		o := atOnce
		o.ConfigName = name
		if _, err := New([]string{tree(t)}, o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestWrongConfigurationOfTritons(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "b/1/model.onnx")
	write(t, root, map[string]string{"a/config.pbtxt": "name: \"b\"\n", "b/config.pbtxt": "\nmax_batchsize: 3\n"})
	all := finds(t, open(t, atOnce, root),
		shown("a/1: ROOT/a/config.pbtxt: name: unexpected directory name 'a' for model 'b', directory name must equal model name", root),
		shown(`b/1: ROOT/b/config.pbtxt:2: unknown field "max_batchsize": did you mean "max_batch_size"?`, root))
	if !all[0].Policy.Unknown || !all[1].Policy.Unknown {
		t.Error("their policies are said to be known")
	}
}

func TestWhatTheSameConfigurationIsWrittenInIsNoChange(t *testing.T) {
	root := tree(t, "a/1/model.onnx")
	write(t, root, map[string]string{"a/config.pbtxt": "max_batch_size: 3 version_policy { all {} }"})
	s := open(t, atOnce, root)
	before := finds(t, s, "a/1")[0]
	write(t, root, map[string]string{"a/config.yaml": "max_batch_size: 3\n"})
	scan(t, s)
	after := finds(t, s, "a/1")[0]
	if before.Digest != after.Digest || !before.Policy.All || after.Policy.All {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestLabelFilesAreWhatALoadDependsOn(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "a/labels/y.txt", "a/other.txt")
	write(t, root, map[string]string{"a/config.yaml": "output: [{name: y, label_filename: labels/y.txt}, {name: z, label_filename: z.txt}]"})
	s := open(t, atOnce, root)
	for _, row := range []struct {
		name    string
		change  func() error
		changes bool
	}{
		{"nothing touched", func() error { return nil }, false},
		{"another size", func() error { return os.WriteFile(filepath.Join(root, "a/labels/y.txt"), []byte("one\ntwo\n"), 0o644) }, true},
		{"another time", func() error { return os.Chtimes(filepath.Join(root, "a/labels/y.txt"), time.Time{}, time.Unix(1, 0)) }, true},
		{"one that was missing", func() error { return os.WriteFile(filepath.Join(root, "a/z.txt"), nil, 0o644) }, true},
		{"one that goes", func() error { return os.Remove(filepath.Join(root, "a/labels/y.txt")) }, true},
		{"a file that is none of them", func() error { return os.WriteFile(filepath.Join(root, "a/other.txt"), []byte("x"), 0o644) }, false},
	} {
		before := finds(t, s, "a/1")[0]
		must(t, row.change())
		scan(t, s)
		after := finds(t, s, "a/1")[0]
		if (before.Digest != after.Digest) != row.changes {
			t.Errorf("%s: before %s, after %s", row.name, before.Digest, after.Digest)
		}
		if err := s.Verify(before); (err != nil) != row.changes {
			t.Errorf("%s: Verify says %v", row.name, err)
		}
	}
}

func TestFoldersOfTheConfigurationAreWatched(t *testing.T) {
	root := tree(t, "a/1/model.onnx", "a/labels/y.txt")
	write(t, root, map[string]string{"a/configs/large.yaml": "output: [{name: y, label_filename: labels/y.txt}]"})
	o := atOnce
	o.ConfigName = "large"
	s := open(t, o, root)
	scan(t, s)
	for _, dir := range []string{"a", "a/configs", "a/labels", "a/1"} {
		if !slices.Contains(s.roots[0].last[0].dirs, dir) {
			t.Errorf("%s is not: %q", dir, s.roots[0].last[0].dirs)
		}
	}
}
