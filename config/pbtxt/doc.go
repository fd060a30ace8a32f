// Package pbtxt reads model configurations that were written for Triton: a config.pbtxt,
// which is a ModelConfig in protobuf's text format, and the same message in JSON. Parse
// and ParseSent make a config.Model of them, as if a config.yaml had said it.
//
// Reading is strict: a field that Triton does not have is an error. A field that Triton
// has is honoured, ignored with a note in the model's Origin, because answers do not
// depend on it, or refused; the table of fates says which.
//
// Every function is pure, starts no goroutine, and may be called from anywhere.
package pbtxt
