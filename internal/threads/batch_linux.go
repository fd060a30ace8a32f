package threads

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Batch makes the threads of this process wait for each other: one that has got something
// to do while others run, of this process or of other ones, no longer interrupts them, but
// gets its turn when they pause or when theirs is over, after a few milliseconds at most.
// It runs at once on a processor that is free, and gets the same share of busy ones as
// before. This is SCHED_BATCH, see sched(7).
//
// A thread of the runtime that multiplies matrices has its data in the caches of its
// processor; to interrupt it for every request that arrives costs both of them more than
// the request does.
//
// It holds for all threads that there are, and for those that they will start. Threads
// whose policy is another than the system's default keep it, since somebody chose it. An
// error says that the system does not permit it; then some threads may have changed.
func Batch() error {
	for range passes {
		changed, err := batchAll()
		if err != nil || changed == 0 {
			return err
		}
	}
	return errors.New("the system says that it changes the policy of threads, and they keep it")
}

// passes over the threads are more than enough to see those that were started during one.
const passes = 32

// batchAll changes the threads that there are and says how many. Those that one of them
// starts meanwhile may be missed.
func batchAll() (changed int, err error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return changed, err
		}
		did, err := batch(id)
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return changed, err
		}
		if did {
			changed++
		}
	}
	return changed, nil
}

// batch changes a thread's policy, unless it is not the default, and leaves its niceness.
func batch(id int) (changed bool, err error) {
	a, err := unix.SchedGetAttr(id, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL {
		return false, err
	}
	a.Policy = unix.SCHED_BATCH
	a.Runtime = 0 // the length of a turn: the system's
	return true, unix.SchedSetAttr(id, a, 0)
}
