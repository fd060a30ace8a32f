// Package gauge is what benchmarks and tests read and compute: the processor time and the memory
// of processes, how busy the machine is with other programs, and medians.
//
// It keeps no state and starts no goroutine; everything may be called from anywhere.
package gauge
