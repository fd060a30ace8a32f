package gauge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Footprint is what a process and all that it started use together.
type Footprint struct {
	Processes int
	CPU       time.Duration // since they were started, those that have ended and were waited for included
	Resident  int64         // bytes in RAM; what processes share is counted for each of them
	Shared    int64         // bytes in RAM, what processes share divided among them; 0: not readable
}

// Tree returns the footprint of a process, its descendants, and the processes of the
// group that it leads. It reads Linux's /proc; elsewhere it is an error. A process that
// ends meanwhile is left out; that the first one is not there is an error.
func Tree(pid int) (Footprint, error) { return tree("/proc", pid) }

func tree(root string, pid int) (Footprint, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return Footprint{}, fmt.Errorf("read the processes: %w", err)
	}
	all := map[int]processStat{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(filepath.Join(root, e.Name(), "stat")); err == nil {
			all[n] = s
		}
	}
	if _, ok := all[pid]; !ok {
		return Footprint{}, fmt.Errorf("process %d is not running", pid)
	}
	var f Footprint
	for n, s := range all {
		if !belongs(all, n, pid) {
			continue
		}
		f.Processes++
		f.CPU += s.cpu
		f.Resident += kilobytes(filepath.Join(root, strconv.Itoa(n), "status"), "VmRSS:")
		f.Shared += kilobytes(filepath.Join(root, strconv.Itoa(n), "smaps_rollup"), "Pss:")
	}
	return f, nil
}

// belongs follows n's parents up to pid. The number of processes bounds the way, should
// they change while they are read.
func belongs(all map[int]processStat, n, pid int) bool {
	if all[n].group == pid {
		return true
	}
	for range all {
		if n == pid {
			return true
		}
		s, ok := all[n]
		if !ok {
			return false
		}
		n = s.parent
	}
	return false
}

// processStat is what is used of a process's stat file.
type processStat struct {
	parent, group int
	cpu           time.Duration
}

var errStat = errors.New("not a stat file")

func readStat(name string) (s processStat, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	// The name is in parentheses, and may hold any character.
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return s, fmt.Errorf("%s: %w", name, errStat)
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 15 {
		return s, fmt.Errorf("%s: %w", name, errStat)
	}
	numbers := make([]int64, 0, 6)
	for _, i := range []int{1, 2, 11, 12, 13, 14} { // parent, group, user, system, and those of children
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, errStat)
		}
		numbers = append(numbers, n)
	}
	return processStat{int(numbers[0]), int(numbers[1]), ticks(numbers[2] + numbers[3] + numbers[4] + numbers[5])}, nil
}

// kilobytes reads a line "key 123 kB" of a file, as bytes; it is 0 where there is none.
func kilobytes(name, key string) int64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(line, []byte(key))
		if !ok {
			continue
		}
		if fields := strings.Fields(string(value)); len(fields) > 0 {
			n, _ := strconv.ParseInt(fields[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
