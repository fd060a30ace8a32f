package onnx_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"galatea/backend"
	"galatea/internal/onnxtest"
)

// places counts this process's threads by the processors that they may run on.
func places(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	all := map[string]int{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		if found := regexp.MustCompile(`Cpus_allowed_list:\s*(\S+)`).FindSubmatch(data); found != nil {
			all[string(found[1])]++
		}
	}
	return all
}

// lastProcessor is one that this process may use.
func lastProcessor(t *testing.T) string {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	last := -1
	for n := range 1024 {
		if set.IsSet(n) {
			last = n
		}
	}
	if set.Count() < 2 {
		t.Fatal("this test needs two processors")
	}
	return fmt.Sprint(last)
}

func TestThreadsRunOnTheProcessorsOfTheirDevice(t *testing.T) {
	const threads = 4
	only := lastProcessor(t)
	before := places(t)
	d := backend.Device{CPUs: only, Threads: threads}
	a := artifact(t, onnxtest.Scale(2))
	a.Devices = []backend.Device{d}
	m, err := runtime.Load(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.NewInstance(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if got := places(t)[only] - before[only]; got != threads-1 {
		t.Errorf("%d threads on processor %s, want the pool's %d", got, only, threads-1)
	}
	for range 10 {
		if _, err := run(t.Context(), t, in, ones(t, a.Signature)...); err != nil {
			t.Fatal(err)
		}
	}
	if got := places(t)[only] - before[only]; got != threads-1 {
		t.Errorf("after runs %d threads on processor %s: those that ran should be back where they were", got, only)
	}
	if err := errors.Join(in.Close(), m.Close()); err != nil {
		t.Error(err)
	}
}

func TestProcessorsThatAreNotThereAreRefused(t *testing.T) {
	for cpus, want := range map[string]string{"1022,1023": "none of the host policy's processors may be used", "4096": "no such processor"} {
		a := artifact(t, onnxtest.Scale(2))
		a.Devices = []backend.Device{{CPUs: cpus}}
		if _, err := runtime.Load(t.Context(), a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("processors %s: got %v", cpus, err)
		}
	}
}
