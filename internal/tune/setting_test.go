package tune

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

// sorted lists a grid as instances/threads/batch.
func sorted(s Space) string {
	all := s.Grid()
	slices.SortFunc(all, func(a, b Setting) int {
		return cmp.Or(cmp.Compare(a.Instances, b.Instances), cmp.Compare(a.Threads, b.Threads), cmp.Compare(a.Batch, b.Batch))
	})
	text := ""
	for _, at := range all {
		text += fmt.Sprintf("%d/%d/%d ", at.Instances, at.Threads, at.Batch)
	}
	return text
}

func TestTheGrid(t *testing.T) {
	for _, tt := range []struct {
		name  string
		space Space
		want  string
	}{
		{"a model that does not batch, on one processor, is there already", Space{Present: Setting{1, 1, 0}, Procs: 1}, ""},
		{"two processors", Space{Present: Setting{1, 2, 0}, Procs: 2}, "1/1/0 2/1/0 2/2/0 "},
		{"batches", Space{Present: Setting{1, 1, 6}, Procs: 1, SmallestBatch: 1, LargestBatch: 6}, "1/1/1 1/1/2 1/1/4 "},
		{"batches from what the config has", Space{Present: Setting{1, 1, 6}, Procs: 1, SmallestBatch: 3, LargestBatch: 16}, "1/1/3 1/1/4 1/1/8 1/1/16 "},
		{"a limit that is no power of two", Space{Present: Setting{9, 9, 0}, Procs: 3, Fixed: true}, "9/1/0 "},
		{"more threads than twice the processors are left out", Space{Present: Setting{1, 3, 0}, Procs: 3, Devices: 2}, "1/1/0 1/2/0 2/1/0 2/2/0 2/3/0 3/1/0 "},
		{"instances that stay", Space{Present: Setting{2, 0, 0}, Procs: 2, Fixed: true}, "2/1/0 2/2/0 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sorted(tt.space); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTheBeginningOfAGridIsOfAllParts(t *testing.T) {
	all := Space{Present: Setting{1, 1, 64}, Procs: 16, SmallestBatch: 1, LargestBatch: 64}.Grid()
	seen := map[string]bool{}
	for _, at := range all[:len(all)/8] {
		seen[fmt.Sprint("instances ", at.Instances)] = true
		seen[fmt.Sprint("threads ", at.Threads)] = true
		seen[fmt.Sprint("batch ", at.Batch)] = true
	}
	if len(all) != 5*5*7-1 || len(seen) != 5+5+7 {
		t.Errorf("of %d, an eighth has only %v", len(all), seen)
	}
	for n := range 40 {
		list := make([]Setting, n)
		for i := range list {
			list[i].Batch = i
		}
		got := apart(list)
		slices.SortFunc(got, func(a, b Setting) int { return cmp.Compare(a.Batch, b.Batch) })
		if !slices.Equal(got, list) {
			t.Errorf("%d: something is lost: %v", n, got)
		}
	}
}

func TestASettingInWords(t *testing.T) {
	for at, want := range map[Setting]string{
		{1, 1, 8}: "1 instance, 1 thread, batches of up to 8",
		{2, 0, 0}: "2 instances",
	} {
		if at.String() != want {
			t.Errorf("got %v, want %s", at, want)
		}
	}
}
