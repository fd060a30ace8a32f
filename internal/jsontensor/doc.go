// Package jsontensor is the JSON side of the v2 inference protocol: requests, and
// the numbers and strings under `data`, in both directions. AppendNested, Members and
// Elements are what other forms of JSON around tensors are read with.
//
// Request.Parse walks a body once, checks that it is JSON, and takes it apart; the
// text of each `data` stays as it is. Append turns such a text into a tensor's bytes,
// AppendArray turns a tensor's bytes into a JSON array.
//
// What is taken is RFC 8259 and, under `data` only, the bare words NaN, Infinity
// and -Infinity, which Triton and its clients use as numbers. Floats are exact in
// both directions: what is read is what strconv reads, and what is written is the
// shortest text that reads back as the same value.
//
// From a body with 150,528 floats (3x224x224) to an FP32 tensor's bytes, against
// encoding/json (BenchmarkDecode, best of 25 runs in turn, milliseconds, one core of a
// Zen 5 EPYC):
//
//	form of the floats      jsontensor   encoding/json
//	shortest float32               2.9            19.2   6.6x
//	Python, 17 digits              3.2            26.4   8.2x
//	4 decimals                     2.0            15.3   7.5x
//	integers                       1.8            12.1   6.9x
//
// The package starts no goroutine and keeps nothing that it is given. All
// functions may be called from anywhere, on input that is not trusted: time and
// memory are bounded by the size of the input, whatever shape it claims.
package jsontensor
