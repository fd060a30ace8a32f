package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/tensor"
)

const largestRequest = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[9,0,0,0]}]}`

// command is a command line and what it prints.
type command struct {
	args string
	code int
	says string // a regular expression, of what is printed on either stream
}

func (c command) try(t *testing.T, s *server) {
	t.Helper()
	args := append(strings.Fields(c.args), "--server=http://"+s.addr)
	out, text, code := output(t, args...)
	if code != c.code || !regexp.MustCompile(`(?m)`+c.says).MatchString(out+text) {
		t.Errorf("galatea %s: got %d:\n%s%swant %d: %s", c.args, code, out, text, c.code, c.says)
	}
}

func TestOperatorCommands(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Classifier(0))
	onnxtest.Version(t, root, "m", 2, onnxtest.Classifier(0))
	onnxtest.Version(t, root, "other", 1, onnxtest.Scale(2))
	onnxtest.Write(t, filepath.Join(root, "m", "config.yaml"), []byte("version_policy: {all: {}}\n"))
	request := filepath.Join(t.TempDir(), "largest.json")
	onnxtest.Write(t, request, []byte(largestRequest))
	s := serve(t, nil, "--model-repository="+root, "--model-control-mode=explicit", "--load-model=m", "--shutdown-delay=0s")
	for _, c := range []command{
		{"models", 0, `^m +2 +READY +\(default\) +0 +[0-9.]+ s$`},
		{"models", 0, `^other .*not asked for: galatea load other$`},
		{"models --json", 0, `^\[\{"name":"m","default_version":2,`},
		{"label m stable 1", 0, `^label stable of m stands for version 1 now$`},
		{"models", 0, `^m +1 +READY +stable `},
		{"infer m --input x=[9,0,0,0]", 0, `^m version 2$`},
		{"infer m --input [9,0,0,0] --version=1", 0, `^m version 1$`},
		{"infer m --input x=[9,0,0,0] --label=stable --json", 0, `^\{"model_name":"m","model_version":"1","outputs":\[`},
		{"infer m", 1, `^galatea: no --input is given: the model takes x \(FP32 \[-1,4\]\)$`},
		{"infer m --input z=3", 1, `^galatea: no input "z": the model takes x \(FP32 \[-1,4\]\)$`},
		{"infer m --input x=[1,2,3]", 1, `^galatea: input x: it takes a shape of \[-1,4\], got a value of shape \[3\]$`},
		{"infer nobody --input x=3", 1, `^galatea: Request for unknown model: 'nobody' is not found$`},
		{"infer m --version=1 --label=stable --input 3", 2, `expected --version from 1 up or --label`},
		{"label m stable 9", 1, `^galatea: Request for unknown model: 'm' version 9 is not found$`},
		{"label m stable", 2, `expected either a version, from 1 up, or --remove`},
		{"label m stable --remove", 0, `^label stable of m is gone$`},
		{"default m 1", 0, `^default of m: version 1 answers now$`},
		{"default m --remove", 0, `^default of m: version 2 answers now$`},
		{"rollouts", 0, `^no rollout goes on$`},
		{"rollouts --watch", 0, `^no rollout goes on$`},
		{"rollback m --reason=wrong", 0, `^rolled back m: version 2 is out, version 1 answers now$`},
		{"models", 0, `^m +2 +UNAVAILABLE .*rolled back: wrong$`},
		{"rollback m", 1, `^galatea: not possible now: version 1 of 'm' has no other to roll back to$`},
		{"promote m", 1, `^galatea: not possible now: no version of 'm' is on trial$`},
		{"promote m --version=2", 0, `version 2 answers now`},
		{"load other", 0, `(?s)loaded other: version 1 answers.*other/1 loading.*other/1 ready`},
		{"load other --force", 0, `loaded other: version 1 answers`},
		{"load nobody", 1, `^galatea: .*nobody`},
		{"unload other", 0, `^unloaded other$`},
		{"golden record m " + request, 0, `"datatype": "FP32"`},
		{"golden record m " + request + " --name=largest --dir=" + root, 0, `largest.json`},
		{"golden record m " + request + " --name=largest --dir=" + root, 1, `--force`},
		{"golden record m " + request + " --dir=" + root, 2, `--dir needs a --name`},
		{"events", 0, `withdrawn +m/2 +wrong`},
		{"events --json", 0, `"kind":"withdrawn"`},
	} {
		c.try(t, s)
	}

	// The case that was recorded refuses a version that was trained on shuffled labels.
	onnxtest.Version(t, root, "m", 3, onnxtest.Classifier(1))
	command{"load m", 1, `golden check: golden/largest.json: output "y"`}.try(t, s)
	out, text, code := output(t, "check", "--onnxruntime-library="+library(t), root)
	if code != 1 || !regexp.MustCompile(`(?m)^m/3 +ERROR +refused by its golden check: golden/largest.json`).MatchString(out) {
		t.Errorf("check: got %d: %s%s", code, out, text)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.end()
	command{"models", 1, `^galatea: no answer from http://` + regexp.QuoteMeta(s.addr) + `: .*or name another with --server$`}.try(t, s)
}

func TestInferSendsWhatIsWrittenAndShowsTheAnswer(t *testing.T) {
	root, files := t.TempDir(), t.TempDir()
	for name, model := range map[string][]byte{
		"scale": onnxtest.Scale(2), "addsub": onnxtest.AddSub(tensor.Int32), "classes": onnxtest.Classifier(0), "scalar": onnxtest.Identity(tensor.FP32, nil),
		"half": onnxtest.Identity(tensor.FP16, tensor.Shape{tensor.Dynamic, 2}), "text": onnxtest.Identity(tensor.Bytes, tensor.Shape{tensor.Dynamic, 1}),
	} {
		onnxtest.Version(t, root, name, 1, model)
	}
	onnxtest.Write(t, filepath.Join(files, "rows.json"), []byte("[[1,2,3,4],[5,6,7,8]]"))
	onnxtest.Write(t, filepath.Join(files, "row.raw"), []byte("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40"))
	onnxtest.Write(t, filepath.Join(files, "row.npy"), append([]byte("\x93NUMPY\x01\x00\x37\x00{'descr': '<i4', 'fortran_order': False, 'shape': (4,)}"), 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0))
	ones := strings.Repeat("1,", 15) + "1"
	s := serve(t, nil, "--model-repository="+root, "--model-control-mode=none", "--shutdown-delay=0s")
	for _, c := range []command{
		{"infer scale --input [1,2,3,4]", 0, `^scale version 1\ny  FP32 \[1,4\]\n  2.0 4.0 6.0 8.0$`},
		{"infer scale --input x=@" + files + "/rows.json", 0, `^y  FP32 \[2,4\]\n  2.0 4.0 6.0 8.0 10.0 12.0 14.0 16.0$`},
		{"infer scale --input x=@" + files + "/row.raw", 0, `^  2.0 4.0 6.0 8.0$`},
		{"infer scale --input x=@" + files + "/row.npy", 0, `^  2.0 4.0 6.0 8.0$`},
		{"infer scale --input x=@" + files + "/none.npy", 1, `none.npy: no such file`},
		{"infer addsub --input INPUT0=[" + ones + "] --input INPUT1=[" + ones + "] --output OUTPUT1", 0, `^addsub version 1\nOUTPUT1  INT32 \[1,16\]\n  0 0 `},
		{"infer classes --input [0,0,9,0] --classes 2", 0, `^y  BYTES \[1,2\]\n  "0.999\d+:2" "0.000\d+:0"$`},
		{"infer scalar --input 2.5", 0, `^y  FP32 \[\]\n  2.5$`},
		{"infer half --input [1,-2]", 0, `^y  FP16 \[1,2\]\n  1.000000 -2.000000$`},
		{"infer text --input x=a=b", 0, `^y  BYTES \[1,1\]\n  "a=b"$`},
	} {
		c.try(t, s)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.end()
}

func TestCheckTellsWhatTheServerWouldRefuse(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	onnxtest.Version(t, root, "m", 2, onnxtest.AddSub(13))
	onnxtest.Write(t, filepath.Join(root, "m", "007", "model.onnx"), onnxtest.Scale(1))
	onnxtest.Write(t, filepath.Join(root, "m", "config.yaml"), []byte("labels: {canary: 9}\ndefault_version: 8\n"))
	onnxtest.Version(t, root, "sums", 1, onnxtest.Scale(1))
	onnxtest.Write(t, filepath.Join(root, "sums", "1", "SHA256SUMS"), []byte("# nothing\n"))
	onnxtest.Version(t, root, "golden", 1, onnxtest.Scale(1))
	onnxtest.Write(t, filepath.Join(root, "golden", "golden", "broken.json"), []byte("{"))
	out, text, code := output(t, "check", "--onnxruntime-library="+library(t), root)
	for _, line := range []string{
		`^m/1 +ok `,
		`^m/2 +ERROR +refused by its signature check: input "x" is gone$`,
		`^m +ERROR +default_version is 8, but there is no such version`,
		`^m +ERROR +label "canary" is to stand for version 9, but there is no such version$`,
		`^m +ERROR +folder "007" is not served: it is not a version`,
		`^sums/1 +ERROR +refused by its integrity check: SHA256SUMS: model.onnx is not listed`,
		`^golden/1 +ERROR +refused by its golden check: golden/broken.json`,
	} {
		if code != 1 || !regexp.MustCompile(`(?m)`+line).MatchString(out) {
			t.Errorf("got %d, no line %s in:\n%s%s", code, line, out, text)
		}
	}
}

func TestCheckFailsForAFolderThatIsNoVersion(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	onnxtest.Write(t, filepath.Join(root, "m", "007", "model.onnx"), onnxtest.Scale(1))
	if out, text, code := output(t, "check", "--onnxruntime-library="+library(t), root); code != 1 || !strings.Contains(out, "1 of 2 would not be served") {
		t.Errorf("got %d: %s%s", code, out, text)
	}
}
