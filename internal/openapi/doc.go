// Package openapi describes the HTTP front in OpenAPI 3.1: one document for the server
// and one for each model, which has the model's own inputs and outputs, with their shapes
// and types, and a request that works when it is sent as it stands.
//
// The documents say what is taken and given, and are no gate: nothing is checked against
// them when a request arrives. What JSON Schema cannot say is left out of them: that all
// inputs of a request have the same rows, and that a flat list has as many elements as
// the shape beside it.
//
// The package starts no goroutine and keeps nothing that it is given. All functions may
// be called from anywhere.
package openapi
