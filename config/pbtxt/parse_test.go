package pbtxt

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galatea/config"
	"galatea/internal/gauge"
)

var update = flag.Bool("update", false, "rewrite the expected texts in testdata")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// each calls f with the files that fit the pattern.
func each(t *testing.T, pattern string, f func(t *testing.T, file string, data []byte)) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: nothing there: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f(t, file, data)
		})
	}
}

// Every testdata/NAME.good.pbtxt is NAME.good.yaml.
func TestGoodFiles(t *testing.T) {
	each(t, "testdata/*.good.pbtxt", func(t *testing.T, file string, data []byte) {
		m, err := Parse(filepath.Base(file), data)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(file, ".pbtxt")+".yaml", "# honoured: "+strings.Join(m.Origin().Honoured, ", ")+"\n"+string(m.YAML()))
		sameAgain(t, m)
	})
}

// Every testdata/NAME.bad.pbtxt is refused with the text in NAME.bad.txt.
func TestBadFiles(t *testing.T) {
	each(t, "testdata/*.bad.pbtxt", func(t *testing.T, file string, data []byte) {
		_, err := Parse(filepath.Base(file), data)
		if err == nil {
			t.Fatal("it was taken")
		}
		demandFile(t, err)
		golden(t, strings.TrimSuffix(file, ".pbtxt")+".txt", err.Error()+"\n")
	})
}

// sameAgain demands that the config.yaml that is printed of a model says the same.
func sameAgain(t *testing.T, m *config.Model) {
	t.Helper()
	again, err := config.ParseModel("config.yaml", m.YAML())
	if err != nil {
		t.Errorf("what is printed is refused: %v\n%s", err, m.YAML())
		return
	}
	if got, want := content(t, again), content(t, m); got != want {
		t.Errorf("what is printed says something else:\n%s\ngot  %s\nwant %s", m.YAML(), got, want)
	}
}

// content is all that a model says.
func content(t *testing.T, m *config.Model) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func demandFile(t *testing.T, err error) {
	t.Helper()
	one, is := errors.AsType[*config.Error](err)
	if !is || one.File == "" || one.Text == "" {
		t.Errorf("an error without a file: %#v", err)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	for name, data := range map[string]string{
		"a large file":      "# " + strings.Repeat("x", maxBytes),
		"many values":       strings.Repeat("input{}", 100_000),
		"deep nesting":      strings.Repeat("input{", 50_000),
		"a long word":       strings.Repeat("k", 100_000) + ": 1",
		"a long value":      `platform: "` + strings.Repeat("k", 100_000) + `"`,
		"a long wrong type": "max_batch_size: " + strings.Repeat("9", 100_000),
		"not text":          "name: \x00\xff",
	} {
		_, err := Parse("config.pbtxt", []byte(data))
		if err == nil || len(err.Error()) > 20_000 {
			t.Errorf("%s: %.300v", name, err)
			continue
		}
		demandFile(t, err)
	}
}

// Lists are what makes much of a file's bytes.
func TestLongListsTakeLittleMemory(t *testing.T) {
	for _, tt := range []struct{ before, item, after string }{
		{"", "input{}", ""},
		{"", "output{dims:[1]} ", ""},
		{"", "instance_group{gpus:1} ", ""},
		{"", "model_warmup{}", ""},
		{"", "batch_input{}", ""},
		{"", `metric_tags{key:"a"}`, ""},
		{"", `parameters{}`, ""},
		{"instance_group{", "secondary_devices{}", "}"},
		{"instance_group{rate_limiter{", "resources{}", "}}"},
		{"ensemble_scheduling{", "step{}", "}"},
		{"sequence_batching{", "control_input{control{}}", "}"},
		{"model_warmup{inputs{value{dims:[", "1,", "1]}}}"},
		{"dynamic_batching{preferred_batch_size:[", "1,", "1]}"},
	} {
		for _, n := range []int{1000, config.MaxItems, (maxBytes - 100) / len(tt.item)} {
			data := []byte(tt.before + strings.Repeat(tt.item, n) + tt.after)
			if took := gauge.Allocated(func() { _, _ = Parse("config.pbtxt", data) }); took > uint64(32<<20+64*len(data)) {
				t.Errorf("%d times %s: %d bytes of memory for %d", n, tt.item, took, len(data))
			}
		}
	}
}

// The model configurations that our own server answers with can be sent back to it.
func TestAnswersOfTheServerCanBeSentBack(t *testing.T) {
	each(t, "../testdata/*.triton.json", func(t *testing.T, _ string, data []byte) {
		m, yaml, err := ParseSent("config", data)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Origin().Honoured) == 0 {
			t.Fatal("it was not taken for Triton's")
		}
		again, err := config.ParseModel("config.yaml", yaml)
		if err != nil || content(t, again) != content(t, m) {
			t.Errorf("%v: %s", err, yaml)
		}
		for _, note := range m.Origin().Notes {
			if !strings.Contains(note, "reshape") && !strings.HasPrefix(note, "dynamic_batching is not there") {
				t.Errorf("note: %s", note)
			}
		}
	})
}

func TestWhatWasSentIsOneOfTheTwo(t *testing.T) {
	for _, row := range []struct {
		name, data string
		triton     bool
		want       string // what it says, or the error
	}{
		{"nothing", ``, false, ""},
		{"an empty object", `{}`, false, ""},
		{"a config.yaml", "max_batch_size: 3\n", false, "max_batch_size: 3\n"},
		{"a config.yaml in JSON", `{"max_batch_size": 3, "labels": {"stable": 1}}`, false, "max_batch_size: 3\nlabels:\n  stable: 1\n"},
		{"what both have", `{"name": "m", "max_batch_size": 0}`, false, "name: m\nmax_batch_size: 0\n"},
		{"camel case", `{"maxBatchSize": 3}`, true, "# dynamic_batching is not there: requests share batches all the same\nmax_batch_size: 3\n"},
		{"numbers that are texts", `{"input": [{"name": "x", "dims": ["3", "4"]}]}`, true, "input:\n  - name: x\n    dims: [3, 4]\n"},
		{"parameters of callers", `{"parameters": {"k": {"string_value": "v"}}}`, true, "# parameters \"k\" is ignored: it is none of the settings of ONNX Runtime that can be made\n"},
		{"a field of Triton's alone", `{"response_cache": {"enable": true}}`, true, "# response_cache.enable is ignored: each request is run\n"},
		{"what Triton has, and Galatea refuses", `{"sequence_batching": {}}`, true, "config: sequence_batching: known to Triton, not supported by Galatea: nothing is kept between the requests of a sequence: expected a model that needs no state"},
		{"a wrong value", `{"max_batch_size": "many"}`, true, `config:1: invalid value for int32 field maxBatchSize: "many"`},
		{"a key that neither has", `{"max_batch_sizes": 3}`, false, `config:1: unknown key "max_batch_sizes": did you mean "max_batch_size"?`},
		{"keys of both", `{"maxBatchSize": 3, "labels": {"stable": 1}}`, false, `config:1: unknown key "maxBatchSize": did you mean "max_batch_size"?`},
		{"a list", `[]`, false, "config:1: got a list: expected a mapping of keys to values"},
	} {
		m, yaml, err := ParseSent("config", []byte(row.data))
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case row.data != "" && row.data != "{}":
			got = string(m.YAML())
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if isTriton := err == nil && string(yaml) != row.data; err == nil && isTriton != row.triton {
			t.Errorf("%s: taken for Triton's: %v", row.name, isTriton)
		}
	}
}
