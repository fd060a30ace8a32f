// Package wire is what the server says, whichever front carries it: the table of errors
// with HTTP's and gRPC's numbers, metadata, statistics, the index, loads and unloads,
// shared memory, classification, and the settings of traces and logs. The texts are
// Triton's where it has any.
//
// It starts no goroutine; all of it may be called from any.
package wire
