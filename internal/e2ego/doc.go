// Command e2ego asks the server of `make e2e` over gRPC as a Go client does, with the stub
// that is generated from the .proto: every call of the service, every data type raw and
// typed, streams, compression, deadlines, shared memory, and errors. The server's address
// is in E2E_GRPC. It prints what it has seen, a line each, and ends with 1 at the first
// answer that is another; or where a call of the service was left out.
package main
