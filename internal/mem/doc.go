// Package mem lends buffers of bytes and takes them back.
//
// A Buffer is counted: Get hands it out with one reference, Retain adds one, and
// the last Release returns the bytes to a pool, after which nobody may touch
// them. The counts are atomic, so references may be held by different
// goroutines; the bytes themselves are not guarded.
package mem
