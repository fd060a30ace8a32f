package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// view is a Resolved as the golden files show it.
type view struct {
	Signature string
	Resolved
}

// Every testdata/NAME.good.yaml, over the graph in its first line, completes to
// NAME.good.json, is told to Triton's clients as NAME.good.triton.json, and prints as NAME.good.printed.yaml.
func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".good.yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sig, d := header(t, data)
			r, err := complete(t, string(data), sig, d)
			if err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(file, ".yaml")
			golden(t, base+".json", indented(t, view{words(r.Signature), *r}))
			golden(t, base+".triton.json", indented(t, json.RawMessage(r.TritonJSON())))
			golden(t, base+".printed.yaml", r.YAML())
			printsAsItIs(t, r, sig, d)
		})
	}
}

// header reads the graph, and the GPUs, from the comments that a file starts with.
func header(t *testing.T, data []byte) (sig string, d Defaults) {
	t.Helper()
	d = DefaultServer().Defaults()
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case !ok || !strings.HasPrefix(key, "# "):
			return sig, d
		case key == "# graph":
			sig = value
		case key == "# gpus":
			d.GPUs, _ = strconv.Atoi(value)
		}
	}
	return sig, d
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// printsAsItIs demands that what YAML prints completes to the same again, and that
// the lines that it comments out say what is so.
func printsAsItIs(t testing.TB, r *Resolved, sig string, d Defaults) {
	t.Helper()
	printed := string(r.YAML())
	again, err := complete(t, printed, sig, d)
	if err != nil {
		t.Fatalf("what was printed is refused: %v\n%s", err, printed)
	}
	if got, want := decided(again), decided(r); !reflect.DeepEqual(got, want) {
		t.Errorf("what was printed is another configuration:\n%s\n got %+v\nwant %+v", printed, got, want)
	}
	if strings.Contains(sig, "[?]") {
		return // dims given for a shape that the graph leaves open mean another thing under max_batch_size
	}
	spelled := regexp.MustCompile(`(?m)^# ([a-z_]+:)`).ReplaceAllString(printed, "$1")
	again, err = complete(t, spelled, sig, d)
	if err != nil {
		t.Fatalf("what was printed is refused when it is uncommented: %v\n%s", err, spelled)
	}
	got, want := decided(again), decided(r)
	got.Insisted, want.Insisted = false, false
	if len(got.PreferredBatchSizes) == 1 && got.PreferredBatchSizes[0] == got.MaxBatchSize {
		got.PreferredBatchSizes = nil // the same, said aloud
	}
	if len(want.PreferredBatchSizes) == 0 {
		want.PreferredBatchSizes = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("what was printed and uncommented is another configuration:\n%s\n got %+v\nwant %+v", spelled, got, want)
	}
}

// decided is r without its words and its history.
func decided(r *Resolved) Resolved {
	c := *r
	c.Notes, c.model, c.batching = nil, nil, ""
	return c
}

func TestTritonJSONAfterBatchingWasTurnedOff(t *testing.T) {
	r, err := complete(t, "", "x FP32[-1,8] -> y FP32[-1]", DefaultServer().Defaults())
	if err != nil {
		t.Fatal(err)
	}
	off := r.WithoutBatching("rows are no rows")
	for batching, want := range map[bool]string{
		true:  `"dims":[8],`,
		false: `"dims":[-1,8],`,
	} {
		of := r
		if !batching {
			of = off
		}
		got := string(of.TritonJSON())
		if !strings.Contains(got, want) || strings.Contains(got, "dynamic_batching") != batching {
			t.Errorf("batching %v: got %s", batching, got)
		}
	}
	if got := string(off.YAML()); !strings.Contains(got, "# max_batch_size: 0 # off, since rows are no rows\n") {
		t.Errorf("got %s", got)
	}
}

func TestResolvedMadeByHandCanBePrinted(t *testing.T) {
	r := &Resolved{Name: "m"}
	if !json.Valid(r.TritonJSON()) || !strings.HasPrefix(string(r.YAML()), "name: m\n") {
		t.Errorf("got %s\n%s", r.TritonJSON(), r.YAML())
	}
	if off := r.WithoutBatching("so"); off.Batching() {
		t.Error("it batches")
	}
}
