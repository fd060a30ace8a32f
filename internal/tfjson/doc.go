// Package tfjson is the JSON of TensorFlow Serving's REST API: the bodies of predict,
// classify and regress, and their answers. What is wrong with a body is said in
// TensorFlow Serving's words where it has them.
//
//	predict   {"instances": [row, ...]} or {"inputs": tensor or {name: tensor, ...}}
//	          {"predictions": [row, ...]} or {"outputs": tensor or {name: tensor, ...}}
//	classify  {"examples": [{feature: value, ...}, ...], "context": {feature: value, ...}}
//	          {"results": [[[label, score], ...], ...]}
//	regress   the same, {"results": [value, ...]}
//
// Where this differs from TensorFlow Serving, it does so on purpose: a key that comes
// twice is refused, since it would be unclear which one counts; integers are also
// checked against the range of 8 and 16 bits, where TensorFlow Serving cuts them off;
// an integer too large for a float to hold it exactly is rounded; strings have to be
// UTF-8; UINT16 and inputs that a graph can do without are known; values in errors are
// cut to some length; and JSON is written without white space.
//
// The package starts no goroutine and keeps nothing that it is given. All functions may
// be called from anywhere, on input that is not trusted: time and memory are bounded by
// the size of the input, arrays and objects may nest to jsontensor.DefaultDepth.
package tfjson
