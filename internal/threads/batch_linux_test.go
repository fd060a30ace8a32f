package threads_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"galatea/internal/threads"
)

func TestThreadsThatThereAreAndLaterOnesDoNotInterrupt(t *testing.T) {
	idle, nice := make(chan int), make(chan int)
	hold := make(chan struct{})
	defer close(hold)
	go locked(t, idle, hold, unix.SchedAttr{Policy: unix.SCHED_IDLE})
	go locked(t, nice, hold, unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: 7})
	chosen, slow := <-idle, <-nice

	if err := threads.Batch(); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		later := make(chan int)
		go locked(t, later, hold, unix.SchedAttr{})
		if a := policy(t, <-later); a.Policy != unix.SCHED_BATCH {
			t.Errorf("a thread that started later has policy %d", a.Policy)
		}
	}
	if a := policy(t, chosen); a.Policy != unix.SCHED_IDLE {
		t.Errorf("a policy that was chosen became %d", a.Policy)
	}
	if a := policy(t, slow); a.Policy != unix.SCHED_BATCH || a.Nice != 7 {
		t.Errorf("a nice thread became %+v", a)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		if a, err := unix.SchedGetAttr(id, 0); err == nil && id != chosen && a.Policy != unix.SCHED_BATCH {
			t.Errorf("thread %d has policy %d", id, a.Policy)
		}
	}
}

// locked keeps a thread of its own until hold is closed, and first sends its number, after
// it got want unless that is nothing.
func locked(t *testing.T, number chan<- int, hold <-chan struct{}, want unix.SchedAttr) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	if want != (unix.SchedAttr{}) {
		want.Size = unix.SizeofSchedAttr
		if err := unix.SchedSetAttr(0, &want, 0); err != nil {
			t.Error(err)
		}
	}
	number <- unix.Gettid()
	<-hold
}

func policy(t *testing.T, thread int) *unix.SchedAttr {
	t.Helper()
	a, err := unix.SchedGetAttr(thread, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
