// Package tritonpb is Triton's gRPC service and model configuration, generated from the
// .proto files beside it. It has no state and no code of its own.
package tritonpb

//go:generate go -C ../../tools run ./protogen -out=../internal/tritonpb ../internal/tritonpb
