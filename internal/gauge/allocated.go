package gauge

import "runtime"

// Allocated is how many bytes of memory the process takes while do runs, those that were
// freed in between as well.
func Allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
