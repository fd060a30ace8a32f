// Package onnxfile reads what a serving system needs to know from a .onnx file:
// its inputs and outputs, its operators and metadata, and which other files it
// needs. No runtime is asked, and weights are stepped over, not read: a file of
// gigabytes takes as long as its graph alone.
//
// Files are taken for hostile. Every length is checked against what holds it,
// nesting is as deep as protobuf allows and no deeper, and what is kept of a file
// is bounded, so that a broken or forged one ends in an error of one of three
// kinds: ErrNotModel, ErrTruncated or ErrInvalid. That a file is read without
// error does not mean that a runtime accepts it: shapes and types between nodes,
// attributes and the weights themselves are not looked at.
//
// The package starts no goroutine. A File is never changed after it was returned,
// so it may be shared.
package onnxfile
