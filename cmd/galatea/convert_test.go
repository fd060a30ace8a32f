package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"galatea/internal/onnxtest"
)

// tritons makes a repository as Triton has it.
func tritons(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	onnxtest.Version(t, root, "a", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "b", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "c", 1, onnxtest.Scale(2))
	for name, text := range map[string]string{
		"a/config.pbtxt":        "name: \"a\"\nmax_batch_size: 4\ndynamic_batching { }\noptimization { priority: PRIORITY_MAX }\n",
		"a/configs/large.pbtxt": "max_batch_size: 32\ndynamic_batching { }\n",
		"b/config.pbtxt":        "model_transaction_policy { decoupled: true }\n",
	} {
		onnxtest.Write(t, filepath.Join(root, name), []byte(text))
	}
	return root
}

func TestCheckSaysWhatBecomesOfTritonsFields(t *testing.T) {
	root := tritons(t)
	for flag, batch := range map[string]string{"": "", "--model-config-name=large": "large"} {
		args := []string{"check", "--onnxruntime-library=" + library(t), root}
		if flag != "" {
			args = append(args, flag)
		}
		out, text, code := output(t, args...)
		lines := []string{
			`(?m)^a/1 +ok `,
			`(?m)^b/1 +ERROR .*b/config\.pbtxt: model_transaction_policy\.decoupled: known to Triton, not supported by Galatea`,
			`(?m)^c/1 +ok `,
			`(?m)^1 of 3 would not be served`,
		}
		if batch == "" {
			lines = append(lines, `(?m)^a +note +honoured: name, max_batch_size, dynamic_batching$`, `(?m)^a +note +optimization\.priority is ignored: `)
		} else {
			lines = append(lines, `(?m)^a +note +honoured: max_batch_size, dynamic_batching$`)
		}
		for _, line := range lines {
			if !regexp.MustCompile(line).MatchString(out) {
				t.Errorf("no line %s", line)
			}
		}
		if code != 1 || text != "" || t.Failed() {
			t.Errorf("%s: got %d: %s%s", flag, code, out, text)
		}
	}
}

func TestConvertPrints(t *testing.T) {
	root := tritons(t)
	const one = "# optimization.priority is ignored: instances are alike to the operating system\nname: a\nmax_batch_size: 4\ndynamic_batching: {}\n"
	out, text, code := output(t, "convert", filepath.Join(root, "a", "config.pbtxt"))
	if want := "# " + filepath.Join(root, "a", "config.yaml") + "\n" + one; out != want || text != "" || code != 0 {
		t.Errorf("got %d: %s%s", code, out, text)
	}
	out, text, code = output(t, "convert", root)
	want := "# " + filepath.Join(root, "a", "config.yaml") + "\n" + one + "---\n# " + filepath.Join(root, "a", "configs", "large.yaml") + "\nmax_batch_size: 32\ndynamic_batching: {}\n"
	if out != want || !strings.Contains(text, "b/config.pbtxt: model_transaction_policy.decoupled: ") || code != 1 {
		t.Errorf("got %d: %s%s", code, out, text)
	}
}

func TestConvertWritesWhatIsNotThere(t *testing.T) {
	root := tritons(t)
	out, text, code := output(t, "convert", "--write", filepath.Join(root, "a"))
	want := filepath.Join(root, "a", "config.yaml") + "\n" + filepath.Join(root, "a", "configs", "large.yaml") + "\n"
	if out != want || text != "" || code != 0 {
		t.Errorf("got %d: %s%s", code, out, text)
	}
	if data, err := os.ReadFile(filepath.Join(root, "a", "configs", "large.yaml")); err != nil || string(data) != "max_batch_size: 32\ndynamic_batching: {}\n" {
		t.Errorf("got %v: %s", err, data)
	}
	_, text, code = output(t, "convert", "--write", filepath.Join(root, "a", "config.pbtxt"))
	if code != 1 || !strings.Contains(text, "config.yaml is there already") {
		t.Errorf("got %d: %s", code, text)
	}
}

func TestConvertOfWhatIsNoConfiguration(t *testing.T) {
	root := tritons(t)
	for path, says := range map[string]string{"c": "no config.pbtxt in it", "c/1/model.onnx": "ends with .pbtxt", "d": "no such file"} {
		_, text, code := output(t, "convert", filepath.Join(root, path))
		if code != 1 || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: got %d: %s", path, code, text)
		}
	}
}
