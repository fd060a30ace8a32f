// Package golden is golden files: a request to a model in JSON, as a client sends it,
// with the answer that the model has to give, and by how much it may differ.
//
//	{
//	  "description": "a seven, as a child writes it",
//	  "request": {"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 4], "data": [0, 1, 1, 0]}]},
//	  "response": {"outputs": [{"name": "scores", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]}]},
//	  "tolerance": {"scores": 0.01},
//	  "labels": {"scores": 1},
//	  "max_latency_milliseconds": 50
//	}
//
// request and response are those of the v2 protocol, so that both can be pasted. All
// data is in them, which leaves out FP16 and BF16: JSON carries neither. Parameters
// are not looked at, nor what an answer has besides its outputs. An output that is not
// in response is not asked for.
//
// tolerance is the largest absolute difference from the expected numbers, or an object
// of "absolute" and "relative", whose sum with the relative part taken of the larger
// number is allowed; one for all outputs, or an object of them by output. Without one
// it is tensor.DefaultTolerance. labels is the least share of rows, by output, whose
// label, as tensor.Labels has it, is the expected one; an output with labels is
// compared by value only where it has a tolerance too. What else a file has is an error.
//
// The package starts no goroutine. A Case is never changed after it was parsed, so it
// may be shared.
package golden
