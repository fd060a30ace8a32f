package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"galatea/internal/onnxtest"
	"galatea/internal/tune"
)

// tuning returns the arguments that tune a model whose config is the text.
func tuning(t *testing.T, text string, more ...string) (file string, args []string) {
	t.Helper()
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, []byte("not a model, but not the newest version either"))
	onnxtest.Version(t, root, "m", 2, onnxtest.Scale(2))
	file = filepath.Join(root, "m", "config.yaml")
	if text != "" {
		onnxtest.Write(t, file, []byte(text))
	}
	return file, append([]string{"tune", "m", "--model-repository=" + root, "--onnxruntime-library=" + library(t)}, more...)
}

func TestTuneShowsWhatItFinds(t *testing.T) {
	file, args := tuning(t, "# mine\nmax_batch_size: 2 # rows\n", "--time=1s")
	out, text, code := output(t, args...)
	for _, line := range []string{
		`(?m)^INSTANCES +THREADS +BATCH +ROWS/S +P50 +P99 +LONE P50 +RATIO$`,
		`(?m)^1 +\d+ +2 +\d+ +\S+s +\S+s +\S+s +1\.00 +present`,
		`(?m)^\d+ +\d+ +\d .* chosen$`,
		`(?m)^Chosen: \d+ instances?, `,
		`(?m)^(To have it so, put this into .*config.yaml, or run with --write:|There is nothing to change in .*config.yaml.)$`,
	} {
		if !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("no line %s", line)
		}
	}
	if !strings.HasPrefix(text, "m/2: made-up rows\nround 1 of 2, 1 of ") || code != 0 || t.Failed() {
		t.Errorf("got %d: %s%s", code, out, text)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != "# mine\nmax_batch_size: 2 # rows\n" {
		t.Errorf("the config is now %s, %v", now, err)
	}
}

func TestTuneWritesWhatItChooses(t *testing.T) {
	file, args := tuning(t, "# mine\nmax_batch_size: 2 # rows\n", "--time=1s", "--write", "--json", "--quiet")
	out, text, code := output(t, args...)
	var got tuned
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || text != "" {
		t.Fatalf("got %d, %v: %s%s", code, err, out, text)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.ReplaceAll(string(now), " # rows", "")
	if !strings.HasPrefix(lines, "# mine\nmax_batch_size: ") || !strings.Contains(lines, got.Lines) || got.Written != (got.Lines != "") || got.File != file {
		t.Errorf("chosen: %+v\n%s\nwritten %v:\n%s", got.Chosen, got.Lines, got.Written, now)
	}
	if got.Chosen == nil || got.Chosen.Rows <= 0 || got.Why == "" || len(got.Measured) == 0 || got.Version != 2 || got.Interrupted {
		t.Errorf("got %s", out)
	}
	out, text, code = output(t, "check", "--onnxruntime-library="+library(t), filepath.Dir(filepath.Dir(file)))
	if !regexp.MustCompile(`(?m)^m/2 +ok`).MatchString(out) {
		t.Errorf("check: %d: %s%s", code, out, text)
	}
}

func TestTuneThatIsInterrupted(t *testing.T) {
	_, args := tuning(t, "max_batch_size: 2\n", "--time=10s")
	cmd := galatea(t, args...)
	var out strings.Builder
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "round 1 of 2, 2 of ") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // how it ended is in the state
	if cmd.ProcessState.ExitCode() != 1 || !strings.HasSuffix(text.String(), "galatea: interrupted: nothing was chosen, and nothing was written\n") {
		t.Errorf("ended with %v: %s", cmd.ProcessState, text.String())
	}
	if !regexp.MustCompile(`(?m)^1 .* 1\.00 +present$`).MatchString(out.String()) || !strings.Contains(out.String(), "There was no time for ") || strings.Contains(out.String(), "Chosen") {
		t.Errorf("got %s", out.String())
	}
}

func TestMistakesInTuning(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config string
		args   []string
		code   int
		says   string
	}{
		{"no such model", "", []string{"other"}, 2, "unexpected argument other"},
		{"no time", "", []string{"--time=0s"}, 2, "--time=0s: expected more than 0"},
		{"a ratio below 1", "", []string{"--lone-ratio=0.5"}, 2, "--lone-ratio=0.5: expected 1 or more"},
		{"a shape that is none", "", []string{"--shape=x"}, 2, "--shape=x: expected the input's name"},
		{"golden requests and a shape", "", []string{"--golden", "--shape=x:4"}, 2, "expected one of the two"},
		{"a config that is wrong", "max_batchsize: 2\n", []string{"--write"}, 1, `config.yaml:1: unknown key "max_batchsize"`},
		{"a p99 that nothing keeps", "max_batch_size: 1\n", []string{"--time=100ms", "--p99=0.000001", "--quiet"}, 1, "none keeps a p99 of 1ns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, args := tuning(t, tt.config, tt.args...)
			_, text, code := output(t, args...)
			if code != tt.code || !strings.HasPrefix(text, "galatea: ") || !strings.Contains(text, tt.says) || strings.Count(text, "\n") != 1 {
				t.Errorf("got %d: %s", code, text)
			}
		})
	}
	_, args := tuning(t, "")
	args[1] = "other"
	if _, text, code := output(t, args...); code != 1 || !strings.Contains(text, `no model "other" in `) || !strings.Contains(text, "expected one of m\n") {
		t.Errorf("got %d: %s", code, text)
	}
}

func TestAReadOnlyConfigIsLeftAlone(t *testing.T) {
	file, args := tuning(t, "max_batch_size: 2\n", "--write")
	if err := os.Chmod(file, 0o444); err != nil {
		t.Fatal(err)
	}
	_, text, code := output(t, args...)
	if code != 1 || !strings.HasSuffix(text, "config.yaml is read-only: make it writable, or leave --write out\n") {
		t.Errorf("got %d: %s", code, text)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 3 {
		t.Errorf("there is now %v, %v", entries, err)
	}
}

func TestAFileIsReplacedBehindItsLink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "shared.yaml"), filepath.Join(dir, "config.yaml")
	onnxtest.Write(t, file, []byte("old"))
	if err := errors.Join(os.Chmod(file, 0o640), os.Symlink("shared.yaml", link)); err != nil {
		t.Fatal(err)
	}
	to, err := behindLinks(link)
	if err := errors.Join(err, writable(link), writeWhole(to, []byte("new"))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	info, statErr := os.Lstat(file)
	if err := errors.Join(err, statErr); err != nil || string(data) != "new" || info.Mode() != 0o640 {
		t.Errorf("got %s, %v, %v", data, info, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info, err)
	}
	if err := writable(filepath.Join(dir, "new.yaml")); err != nil {
		t.Errorf("a file that is not there yet: %v", err)
	}
	if err := writable(filepath.Join(dir, "none", "config.yaml")); err == nil {
		t.Error("a folder that is not there can be written to")
	}
}

func TestTheTableOfATuning(t *testing.T) {
	all := []tune.Measured{
		{Setting: tune.Setting{Instances: 2, Threads: 1, Batch: 8}, Rows: 200, P50: time.Millisecond, P99: 3 * time.Millisecond, Lone: 123456},
		{Setting: tune.Setting{Instances: 1, Threads: 0, Batch: 8}, Present: true, Rows: 100, P50: time.Second, P99: time.Second, Lone: time.Second},
		{Setting: tune.Setting{Instances: 1, Threads: 1, Batch: 4}, Err: errors.New("broken")},
	}
	want := [][]string{
		{"2", "1", "8", "200", "1ms", "3ms", "123µs", "2.00", "chosen"},
		{"1", "", "8", "100", "1s", "1s", "1s", "1.00", "present"},
	}
	rows := tuneRows(all, &tune.Choice{Measured: all[0]})[1:]
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got %q", rows)
	}
	for i := range 2 * tableRows {
		all = slices.Insert(all, 0, tune.Measured{Setting: tune.Setting{Instances: 3 + i}, Rows: 300})
	}
	if rows := tuneRows(all, &tune.Choice{Measured: all[2*tableRows]}); len(rows) != 1+tableRows+2 {
		t.Errorf("got %d rows", len(rows))
	}
}

func TestTheBarFitsALine(t *testing.T) {
	step := tune.Step{Setting: tune.Setting{Instances: 2, Threads: 1, Batch: 8}, Round: 1, At: 3, Of: 28, Gone: 15 * time.Second, Time: time.Minute, Best: 71814.4}
	if got, want := barLine(step), "[#####...............]  25 %  round 1/2, 3/28: 2 x 1 x 8; best 71814 rows/s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	step.Gone, step.Best = time.Hour, 0
	if got := barLine(step); !strings.HasPrefix(got, "[####################] 100 %") {
		t.Errorf("got %q", got)
	}
	if got := stepLine(step); got != "round 1 of 2, 3 of 28: 2 instances, 1 thread, batches of up to 8" {
		t.Errorf("got %q", got)
	}
}
