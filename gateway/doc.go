// Package gateway is the HTTP front: routes, wire formats, the administration API
// and the table of errors, all as Triton has them (KServe's v2 protocol with
// Triton's extensions). Beside them, in the files tfserving*.go, are the routes of
// TensorFlow Serving's REST API, with a table of errors of their own. Gin's types stop
// here.
//
// A Gateway makes an http.Handler and starts no goroutine; the caller serves it.
// SetLimits may be called while it serves.
package gateway
