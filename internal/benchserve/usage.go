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

	"golang.org/x/sys/unix"
)

// usage is what a process has used since it was started.
type usage struct {
	CPU     time.Duration
	Mallocs uint64
	Bytes   uint64 // allocated by Go in all
	GCs     uint32
}

func processUsage() (usage, error) {
	cpu, err := processCPU()
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

func processCPU() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
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

// ticksPerSecond is the unit of Linux's /proc/stat, the same on all its machines.
const ticksPerSecond = 100

// machineBusy is the time that all processors of the machine have worked since it
// was started, other machines' included where this one is virtual. It reports
// false where that is not known.
func machineBusy() (time.Duration, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, false
	}
	var ticks int64
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, false
		}
		if i != 3 && i != 4 { // idle, waiting for a disk
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, true
}
