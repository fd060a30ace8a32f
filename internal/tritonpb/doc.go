// Package tritonpb is Triton's gRPC service and model configuration, generated from the
// .proto files beside it. It starts no goroutine; a message may be read from several,
// and changed by one.
package tritonpb

//go:generate go -C ../../tools run ./protogen -out=../internal/tritonpb ../internal/tritonpb
