package servetest_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"galatea/internal/app"
	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

// residentOf makes the test binary a process of its own, which serves the repository
// that the variable names and says how much memory that takes.
const residentOf = "GALATEA_TEST_RESIDENT_OF"

func resident(root string) error {
	runtime, err := servetest.Runtime()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.Start(ctx, app.Options{
		Repositories: []string{root}, HTTPAddress: "127.0.0.1", Settle: time.Millisecond, ExitTimeout: time.Minute,
		Backend: runtime, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		cancel()
		return err
	}
	<-a.FirstPass()
	for _, s := range a.Router().Index() {
		if s.State != "READY" {
			err = fmt.Errorf("%+v", s)
		}
	}
	debug.FreeOSMemory()
	bytes, readErr := residentBytes()
	fmt.Println(bytes)
	cancel()
	for _, e := range []error{err, readErr, a.Wait(ctx)} {
		if e != nil {
			return e
		}
	}
	return nil
}

// residentBytes is what the system counts as resident of this process.
func residentBytes() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "VmRSS:"); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %s", f.Name())
}

// Weights are in memory once, however many instances run a model.
func TestFourInstancesTakeTheMemoryOfOne(t *testing.T) {
	const weights = 128 << 20
	root := t.TempDir()
	folder := filepath.Join(root, "large", "1")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := onnxtest.Sized(weights).WriteFile(filepath.Join(folder, "model.onnx")); err != nil {
		t.Fatal(err)
	}
	measure := func(instances int) int64 {
		onnxtest.Write(t, filepath.Join(root, "large", "config.yaml"), fmt.Appendf(nil, "instance_group: [{count: %d, kind: KIND_CPU}]\n", instances))
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), residentOf+"="+root)
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		bytes, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	one, four := measure(1), measure(4)
	ratio := float64(four) / float64(one)
	t.Logf("one instance: %d MiB, four: %d MiB, ratio %.3f", one>>20, four>>20, ratio)
	if one < weights || ratio >= 1.1 {
		t.Errorf("one instance takes %d bytes, four take %d: %.3f times as much", one, four, ratio)
	}
}
