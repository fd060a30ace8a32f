// Package value makes tensors of what people write for a model's input: a number, a text, a
// list in JSON, or a file of one of several kinds. It has no state and starts no goroutine;
// it may be called from any.
package value
