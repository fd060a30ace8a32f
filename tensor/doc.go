// Package tensor holds the values that every other package talks about: element
// types, shapes, named raw bytes, and the signature of a model.
//
// A tensor's bytes are little-endian and row-major, as Triton's binary tensor
// extension has them on the wire, so that a request's bytes need no conversion
// on their way to the runtime. BYTES elements are each a little-endian uint32
// length followed by that many bytes.
//
// The package depends on the standard library only, starts no goroutine, and
// its functions may be called from anywhere; none of them keeps what it is given.
package tensor
