// Command benchserve measures a whole server against what the machine can do, as
// ratios of rates that were measured side by side in one run:
//
//	E        requests/s of a bare Gin handler that reads the same body and answers the same bytes
//	R        rows/s of the best plain ONNX Runtime loop, over batch sizes, threads, loops and spinning
//	ceiling  1/(1/E + 1/R): client, front and model share the cores, so their costs add up
//	G        rows/s of the gateway, one row in each request, by binary tensors over HTTP
//
// Each part runs in a process of its own, with the same settings of Go's runtime:
// the gateway, the bare handler, the plain loop and the client (package loadclient),
// so that no part's garbage, profile or memory is counted as another's. Only one of
// them works at a time, but for the client and the server that it loads. The parent
// starts them, asks them to work in turn (E, R, G, E, R, G, ...), and prints.
//
// The command is a program for developers: it starts with `go run`, writes its
// generated models to a temporary folder, and listens on loopback only.
package main
