package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"galatea/internal/gauge"
)

// usage is what a process has used since it was started.
type usage struct {
	CPU     time.Duration
	Mallocs uint64
	Bytes   uint64 // allocated by Go in all
	GCs     uint32
}

func processUsage() (usage, error) {
	cpu, err := gauge.ProcessCPU()
	if err != nil {
		return usage{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{CPU: cpu, Mallocs: m.Mallocs, Bytes: m.TotalAlloc, GCs: m.NumGC}, nil
}

func (u usage) since(before usage) usage {
	return usage{u.CPU - before.CPU, u.Mallocs - before.Mallocs, u.Bytes - before.Bytes, u.GCs - before.GCs}
}

// resident is the memory of this process that is in RAM, in bytes: as Linux's
// status file says, elsewhere as ps does.
func resident(ctx context.Context) (int64, error) {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(status) {
			if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
				kb, err := strconv.ParseInt(strings.Fields(string(value))[0], 10, 64)
				return kb << 10, err
			}
		}
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		return 0, fmt.Errorf("ask ps for the resident size: %w", err)
	}
	kb, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kb << 10, err
}
