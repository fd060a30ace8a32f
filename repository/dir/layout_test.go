package dir

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLayouts(t *testing.T) {
	for _, row := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"an empty root -> nothing", nil, nil},
		{"a folder for each model", []string{"a/1/model.onnx", "a/2/model.onnx", "b/7/model.onnx"}, []string{"a/1", "a/2", "b/7"}},
		{"version folders in the root -> the root is a model", []string{"1/model.onnx", "3/model.onnx"}, []string{"models/1", "models/3"}},
		{"a version folder that is not whole yet beside one that is", []string{"1/model.onnx", "2/weights.bin"}, []string{"models/1", "models/2: no file model.onnx in ROOT/2: a version's folder holds its model under this name"}},
		{"the model file in the root -> version 1", []string{"model.onnx", "weights/w.bin"}, []string{"models/1"}},
		{"a config in the root -> the root is a model", []string{"config.yaml", "1/other.onnx"}, []string{"models/1"}},
		{"a config and no version folder in the root -> version 1", []string{"config.yaml", "other.onnx"}, []string{"models/1"}},
		{"Triton's config in the root -> the root is a model", []string{"config.pbtxt", "1/other.onnx"}, []string{"models/1"}},
		{"version folders whose model is a folder -> the root is a model", []string{"1/model.onnx/model.onnx"}, []string{"models/1"}},
		{"a stray model file beside models -> ignored", []string{"a/1/model.onnx", "model.onnx"}, []string{"a/1"}},
		{
			"a stray version folder beside models -> a model without versions",
			[]string{"1/model.onnx", "a/1/model.onnx"},
			[]string{"1: no version folder in ROOT/1: put the model into 1/1/model.onnx", "a/1"},
		},
		{"names with a dot in front -> ignored", []string{".tmp/1/model.onnx", "a/1/model.onnx", "a/.2/model.onnx", ".config.yaml"}, []string{"a/1"}},
		{"a volume's lost+found -> ignored", []string{"lost+found/x", "a/1/model.onnx"}, []string{"a/1"}},
		{"files beside models -> ignored", []string{"README.md", "a/1/model.onnx", "a/labels.txt"}, []string{"a/1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, row.files...)
			if slices.Contains(row.files, "config.yaml") {
				write(t, root, map[string]string{"config.yaml": "default_model_filename: other.onnx\n"})
			}
			if slices.Contains(row.files, "config.pbtxt") {
				write(t, root, map[string]string{"config.pbtxt": `default_model_filename: "other.onnx"`})
			}
			want := make([]string, len(row.want))
			for i, w := range row.want {
				want[i] = shown(w, root)
			}
			finds(t, open(t, atOnce, root), want...)
		})
	}
}

func TestDefaultModelNameNamesARootThatIsAModel(t *testing.T) {
	o := atOnce
	o.DefaultModelName = "digits"
	finds(t, open(t, o, tree(t, "1/model.onnx")), "digits/1")
	finds(t, open(t, o, tree(t, "a/1/model.onnx")), "a/1")
}

func TestSeveralRoots(t *testing.T) {
	one, two := tree(t, "a/1/model.onnx"), tree(t, "a/2/model.onnx", "b/1/model.onnx")
	all := finds(t, open(t, atOnce, one, two, one+"/"), "a/1", "a/2", "b/1")
	if all[0].Root != one || all[1].Root != two {
		t.Errorf("roots %s and %s", all[0].Root, all[1].Root)
	}
}

// TestLayoutStays goes on with a root whose layout cannot be told from what is in it at
// the moment, or where something was dropped at the wrong place.
func TestLayoutStays(t *testing.T) {
	for _, row := range []struct {
		name   string
		before []string
		remove []string
		add    []string
		want   []string
	}{
		{
			"the only version is removed while the next one is copied",
			[]string{"1/model.onnx"},
			[]string{"1"},
			[]string{"2/weights.bin"},
			[]string{"models/2: no file model.onnx in ROOT/2: a version's folder holds its model under this name"},
		},
		{
			"the bare file is removed while its weights stay",
			[]string{"model.onnx", "weights/w.bin"},
			[]string{"model.onnx"},
			nil,
			[]string{"models/1: no file model.onnx in ROOT: a version's folder holds its model under this name"},
		},
		{"a model file is dropped beside models", []string{"a/1/model.onnx"}, nil, []string{"model.onnx"}, []string{"a/1"}},
		{"a config is dropped beside models", []string{"a/1/model.onnx"}, nil, []string{"config.yaml"}, []string{"a/1"}},
		{
			"a version is dropped beside models",
			[]string{"a/1/model.onnx"},
			nil,
			[]string{"2/model.onnx"},
			[]string{"2: no version folder in ROOT/2: put the model into 2/1/model.onnx", "a/1"},
		},
		{"a root that was a model gets models", []string{"1/model.onnx"}, []string{"1"}, []string{"a/1/model.onnx"}, []string{"a/1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, row.before...)
			s := open(t, atOnce, root)
			scan(t, s)
			for _, name := range row.remove {
				must(t, os.RemoveAll(filepath.Join(root, name)))
			}
			for _, name := range row.add {
				write(t, root, map[string]string{name: ""})
			}
			scan(t, s)
			want := make([]string, len(row.want))
			for i, w := range row.want {
				want[i] = shown(w, root)
			}
			finds(t, s, want...)
		})
	}
}

func TestNewRefusesARootThatCannotBeRead(t *testing.T) {
	root := tree(t, "file")
	for name, path := range map[string]string{"missing": filepath.Join(root, "x"), "a file": filepath.Join(root, "file")} {
		t.Run(name, func(t *testing.T) {
			if s, err := New([]string{path}, Options{NoWatch: true}); err == nil {
				t.Errorf("got %v", s)
			} else if why := map[string]string{"missing": "no such file or directory", "a file": "not a directory"}[name]; err.Error() !=
				`model repository "`+path+`": `+why+": expected a folder of models" {
				t.Error(err)
			}
		})
	}
}
