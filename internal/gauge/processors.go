package gauge

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the processor time that this process has used.
func ProcessCPU() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// ticksPerSecond is the unit of the times in Linux's /proc, the same on all its machines.
const ticksPerSecond = 100

func ticks(n int64) time.Duration { return time.Duration(n) * time.Second / ticksPerSecond }

// MachineBusy is the time that all processors of the machine have worked since it was
// started, other machines' included where this one is virtual. It reports false where
// that is not known.
func MachineBusy() (time.Duration, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, false
	}
	var sum int64
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, false
		}
		if i != 3 && i != 4 { // idle, waiting for a disk
			sum += n
		}
	}
	return ticks(sum), true
}

// Others is the share of the processors that was used since began by programs that are
// not ours: busyBefore is what MachineBusy said then, ours is what we have used since.
func Others(began time.Time, busyBefore, ours time.Duration) float64 {
	busy, known := MachineBusy()
	if !known {
		return 0
	}
	return max(0, float64(busy-busyBefore-ours)/float64(time.Since(began))/float64(runtime.NumCPU()))
}
