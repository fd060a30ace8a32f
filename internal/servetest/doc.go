// Package servetest runs whole servers in tests: the real application on real ports
// with the real ONNX Runtime, in this process.
//
// Start gives a test a server, Run plays a script: a txtar file whose comment holds
// the steps and whose files are bodies and configurations that the steps name.
// script.go lists the steps. A server that ends leaves nothing behind: no model, no
// instance, no byte of a request; whether a goroutine is left is for the test to ask.
//
// A Server starts one goroutine, which serves and ends with Stop; a script that calls
// in the background starts more, which end with it. All methods may be called from
// any goroutine, except that Stop is for the one that called Start.
package servetest
