package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThreadsOfTheServerWaitForEachOtherUnlessToldOtherwise(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want uint32
	}{
		{nil, unix.SCHED_BATCH},
		{[]string{"--cpu-scheduling-policy=other"}, unix.SCHED_NORMAL},
	} {
		s := serve(t, nil, append(tt.args, "--shutdown-delay=0s")...)
		tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.Process.Pid), "task"))
		if err != nil || len(tasks) == 0 {
			t.Fatalf("%d threads: %v", len(tasks), err)
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				t.Fatal(err)
			}
			if a, err := unix.SchedGetAttr(id, 0); err == nil && a.Policy != tt.want {
				t.Errorf("%v: thread %d has policy %d, expected %d", tt.args, id, a.Policy, tt.want)
			}
		}
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.end()
	}
}
