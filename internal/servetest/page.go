package servetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Section compares what a page of docs/ has below a heading, up to the next of its level
// or a higher one, with want. With update it writes want there.
func Section(t testing.TB, page, heading, want string, update bool) {
	t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "docs", page)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, behind, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	got, after := behind, ""
	for above := range len(level) {
		if at := strings.Index("\n"+got, "\n"+level[:above+1]+" "); at >= 0 {
			got, after = behind[:at], behind[at:]
		}
	}
	want = "\n" + strings.TrimSpace(want) + "\n"
	if after != "" {
		want += "\n"
	}
	switch {
	case got == want:
	case update:
		if err := os.WriteFile(file, []byte(before+"\n"+heading+"\n"+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs below %q: run the test with -update\n--- want\n%s\n--- got\n%s", page, heading, want, got)
	}
}

// ShapeNote is what Triton says behind a shape that a model which batches does not take.
const ShapeNote = ". NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size."

// ErrorRow is a line of a table of errors: what is wrong, by which status or code and by
// which words it is told, and what is to be said of that.
func ErrorRow(what, code, text, why string) string {
	const most = 170
	text = strings.ReplaceAll(text, "\n", " ")
	if short, _, long := strings.Cut(text, " NOTE: "); long {
		text = short + " ..."
	}
	if len(text) > most {
		text = text[:most] + " ..."
	}
	return fmt.Sprintf("| %s | %s | %#q | %s |\n", what, code, text, why)
}
