package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galatea/config"
	"galatea/internal/onnxtest"
	"galatea/repository"
)

// labelled is a version whose output y has a label file.
func labelled(t *testing.T, file string) repository.Desired {
	t.Helper()
	text := fmt.Sprintf("output:\n  - {name: x}\n  - {name: y, label_filename: %s}\n", file)
	m, err := config.ParseModel("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return repository.Desired{Name: "m", Version: 3, Folder: filepath.Join(t.TempDir(), "m", "3"), Config: m}
}

func TestLabelFiles(t *testing.T) {
	for text, want := range map[string][]string{
		"one\ntwo\n":        {"one", "two"},
		"one\r\ntwo\r\n":    {"one", "two"},
		"one\ntwo":          {"one", "two"},
		"one\n\n three \n":  {"one", "", " three "},
		"":                  nil,
		"\n":                {""},
		"\"quoted\"\nnaïve": {`"quoted"`, "naïve"},
	} {
		d := labelled(t, "labels/y.txt")
		onnxtest.Write(t, filepath.Join(filepath.Dir(d.Folder), "labels", "y.txt"), []byte(text))
		got, err := readLabels(d)
		if err != nil || len(got) != 1 || !slices.Equal(got["y"], want) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestLabelFilesThatAreNone(t *testing.T) {
	for name, row := range map[string]struct {
		put  func(t *testing.T, file string)
		says string
	}{
		"missing":  {func(*testing.T, string) {}, "config.yaml:3: output[1].label_filename: no file FILE: expected one with a label in each line"},
		"a folder": {func(t *testing.T, file string) { onnxtest.Write(t, filepath.Join(file, "x"), nil) }, "FILE is not a file"},
		"not text": {func(t *testing.T, file string) { onnxtest.Write(t, file, []byte("one\n\xff\n")) }, `FILE:2: got "\xff": expected UTF-8`},
		"too large": {func(t *testing.T, file string) {
			onnxtest.Write(t, file, nil)
			if err := os.Truncate(file, maxLabels+1); err != nil {
				t.Fatal(err)
			}
		}, "FILE has 16777217 bytes: expected at most 16777216"},
	} {
		t.Run(name, func(t *testing.T) {
			d := labelled(t, "y.txt")
			file := filepath.Join(filepath.Dir(d.Folder), "y.txt")
			row.put(t, file)
			_, err := readLabels(d)
			if err == nil || !errors.Is(err, repository.ErrTerminal) || !strings.Contains(err.Error(), strings.ReplaceAll(row.says, "FILE", file)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
