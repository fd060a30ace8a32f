package gauge

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 4}, 4}, {[]float64{8, 1, 2, 4}, 3}} {
		if got := MedianOf(c.values, func(v float64) float64 { return v }); got != c.want {
			t.Errorf("of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

// process writes what Linux shows of a process.
func process(t *testing.T, root string, pid, parent, group, ticks int, name, memory string) {
	t.Helper()
	dir := filepath.Join(root, fmt.Sprint(pid))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"stat":         fmt.Sprintf("%d (%s) S %d %d 1 0 -1 4194304 1 2 3 4 %d 1 0 2 20 0 1", pid, name, parent, group, ticks),
		"status":       "Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t   " + memory + " kB\n",
		"smaps_rollup": "Rss:   8 kB\nPss:   3 kB\nPss_Dirty:  1 kB\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATreeIsDescendantsAndTheGroup(t *testing.T) {
	root := t.TempDir()
	process(t, root, 10, 1, 10, 100, "server", "100")
	process(t, root, 11, 10, 10, 10, "a (worker) 1", "20")
	process(t, root, 12, 11, 12, 5, "session of its own", "3")
	process(t, root, 13, 1, 10, 0, "orphan of the group", "1")
	process(t, root, 14, 1, 14, 1000, "another program", "1000")
	process(t, root, 15, 99, 15, 1000, "of a parent that is gone", "1000")
	if err := os.WriteFile(filepath.Join(root, "uptime"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := tree(root, 10)
	if want := (Footprint{4, (115 + 4*3) * time.Second / 100, 124 << 10, 12 << 10}); err != nil || got != want {
		t.Errorf("%+v, want %+v, %v", got, want, err)
	}
	if _, err := tree(root, 16); err == nil || err.Error() != "process 16 is not running" {
		t.Error(err)
	}
	if _, err := tree(filepath.Join(root, "none"), 10); err == nil {
		t.Error("no error without a /proc")
	}
}
