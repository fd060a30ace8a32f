package onnx_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"galatea/backend"
	"galatea/internal/onnxtest"
)

const mebibyte = 1 << 20

// memoryVariable makes TestMemoryComesBack measure the process that it runs in.
const memoryVariable = "GALATEA_TEST_MEMORY"

// What a process holds after unloads is what it held before, however often. It is
// measured in a process of its own, without what other tests leave.
func TestMemoryComesBack(t *testing.T) {
	if os.Getenv(memoryVariable) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryComesBack$", "-test.v")
		cmd.Env = append(os.Environ(), memoryVariable+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	t.Run("100 loads -> as much as after 5", func(t *testing.T) {
		a := sized(t, 10*mebibyte)
		var early int
		for i := 1; i <= 100; i++ {
			loadAndClose(t, a)
			if i == 5 {
				early = resident(t)
			}
		}
		late := resident(t)
		t.Logf("%d KiB after 5 loads, %d KiB after 100", early>>10, late>>10)
		if late > early+early/10 {
			t.Errorf("%d KiB are held after 100 loads, %d KiB were after 5", late>>10, early>>10)
		}
	})
	t.Run("a large model is closed -> its weights go back", func(t *testing.T) {
		const weights = 200 * mebibyte
		a := sized(t, weights)
		before := resident(t)
		m, err := runtime.Load(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		open := resident(t)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		closed := resident(t)
		t.Logf("%d KiB before, %d KiB open, %d KiB closed", before>>10, open>>10, closed>>10)
		if open-before < weights || open-closed < weights/10*9 {
			t.Errorf("of %d KiB of weights, %d KiB came and %d KiB went", weights>>10, (open-before)>>10, (open-closed)>>10)
		}
	})
}

// sized writes a model with so many bytes of weights.
func sized(t *testing.T, weights int64) backend.Artifact {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnxtest.Sized(weights).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return artifactOf(t, path)
}

func loadAndClose(t *testing.T, a backend.Artifact) {
	t.Helper()
	m, err := runtime.Load(t.Context(), a)
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// resident is the process's memory in bytes, without what Go's collector has yet to free.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(text), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// A load takes only what processors have left over, and lets others run in between; what
// stays of it, the session's threads, has the same priority as the rest of the process.
func TestPriorityOfLoads(t *testing.T) {
	usual := threads(t)
	for _, tt := range []struct {
		name    string
		options backend.Options
		pool    int // threads that stay
	}{
		{"no pool", backend.Options{}, 0},
		{"a pool for operators", backend.Options{IntraOpThreads: 4}, 3},
		{"threads that are not for use side by side", backend.Options{IntraOpThreads: 2, InterOpThreads: 3}, 1},
		{"pools within operators and beside them", backend.Options{IntraOpThreads: 4, InterOpThreads: 3, Parallel: true}, 5},
		{"a pool beside operators", backend.Options{InterOpThreads: 3, Parallel: true}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := sized(t, 50*mebibyte)
			a.Options = tt.options
			loaded := make(chan backend.Model)
			go func() {
				m, err := runtime.Load(t.Context(), a)
				if err != nil {
					t.Error(err)
				}
				loaded <- m
			}()
			m, lowered, yielded := watch(t, loaded)
			if m == nil {
				return
			}
			defer m.Close()
			if !lowered {
				t.Error("no thread had a lower priority while the model was loaded")
			}
			if !yielded {
				t.Error("no timer let other threads run while the model was loaded")
			}
			if timers(t) {
				t.Error("a timer is left")
			}
			if left := settled(t); left[10] > 0 {
				t.Errorf("threads by nice value: %v", left)
			}
			// Go may have started threads of its own.
			if got := threads(t); got[0] < usual[0]+tt.pool {
				t.Errorf("%d threads of normal priority, expected %d more than %d", got[0], tt.pool, usual[0])
			}
		})
	}
}

// watch looks at the priorities, and at the timers, until the model is loaded.
func watch(t *testing.T, loaded <-chan backend.Model) (m backend.Model, lowered, yielded bool) {
	t.Helper()
	for {
		select {
		case m = <-loaded:
			return m, lowered, yielded
		default:
			lowered = lowered || threads(t)[10] > 0
			yielded = yielded || timers(t)
		}
	}
}

// timers reports whether the process has any.
func timers(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/timers")
	if err != nil {
		t.Fatal(err)
	}
	return len(text) > 0
}

// settled waits until the threads that were made for a load have gone.
func settled(t *testing.T) (byNice map[int]int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if byNice = threads(t); byNice[10] == 0 {
			break
		}
	}
	return byNice
}

// threads counts the process's threads by how much they differ in nice value from the first.
func threads(t *testing.T) map[int]int {
	t.Helper()
	first := niceOf(t, strconv.Itoa(os.Getpid()))
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	byNice := map[int]int{}
	for _, task := range tasks {
		if n := niceOf(t, task.Name()); n != gone {
			byNice[n-first]++
		}
	}
	return byNice
}

// gone is no nice value.
const gone = 100

func niceOf(t *testing.T, task string) int {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc/self/task", task, "stat"))
	if err != nil {
		return gone
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name may hold spaces
	n, err := strconv.Atoi(strings.Fields(string(after))[16])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
