// Package fake is a backend for tests: it answers y = 2x for FP32 inputs after a
// chosen time, and fails, panics, loses its instance or returns a wrong number of
// rows when told to. It keeps count of what is open, so that tests can demand that
// nothing is left.
//
// A Backend may be used from several goroutines; its hooks are called from the
// goroutine that runs the instance.
package fake
