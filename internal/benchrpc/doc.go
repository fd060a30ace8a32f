// Command benchrpc compares gRPC with HTTP: the requests/s that the same server answers of
// the same rows, sent raw by gRPC and as binary tensors by HTTP, with the usual client of
// each in Go (google.golang.org/grpc, net/http), in turn.
//
// The command is a program for developers: it starts the built server, writes its
// generated models to a temporary folder, and uses loopback only. Its goroutines end with
// the measurement that started them; nothing of it is called from elsewhere.
package main
