package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a good file says, said in another way, is the same model, and is printed as a
// file that says the same again.
func TestModelsMadeOfOtherFilesAreTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseModel(file, data)
		if err != nil {
			t.Fatal(err)
		}
		made, err := Made(file, *want, Origin{Notes: []string{"a note\nof two lines"}})
		if err != nil {
			t.Fatal(err)
		}
		text := string(made.YAML())
		again, err := ParseModel(file, []byte(text))
		if err != nil || !sameModel(made, want) || !sameModel(again, want) || !strings.HasPrefix(text, "# a note of two lines\n") {
			t.Errorf("%s: %v, got\n%s", file, err, text)
		}
	}
}

func TestModelsMadeOfOtherFilesAreChecked(t *testing.T) {
	none, many := 0, 2000
	_, err := Made("other.txt", Model{
		Platform: "pytorch_libtorch", MaxBatchSize: &none, InstanceGroup: []InstanceGroup{{Count: &many}},
		DynamicBatching: &DynamicBatching{PreferredBatchSize: []int{4}}, Output: []Output{{}},
	}, Origin{})
	want := `other.txt: platform: pytorch_libtorch: known to Triton, not supported by Galatea: expected onnxruntime_onnx
other.txt: output[0].name: missing: expected text
other.txt: instance_group[0].count: 2000 is out of range: expected 1 to 1024
other.txt: dynamic_batching.preferred_batch_size: max_batch_size is 0, which turns batching off: expected it left out, or a max_batch_size of 1 or more`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNotesAreTheModelsOwn(t *testing.T) {
	m, err := Made("other.txt", Model{}, Origin{Honoured: []string{"name"}, Notes: []string{"one"}})
	if err != nil {
		t.Fatal(err)
	}
	both := m.Noted("two")
	if got := strings.Join(both.Origin().Notes, ","); got != "one,two" || len(m.Origin().Notes) != 1 {
		t.Errorf("got %q, and %q before", got, m.Origin().Notes)
	}
	if got := string(both.YAML()); got != "# one\n# two\n" {
		t.Errorf("got %q", got)
	}
}
