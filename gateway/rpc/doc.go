// Package rpc answers gRPC: Triton's inference.GRPCInferenceService, health, and
// reflection. It reads requests from the bytes that they arrived in, and sends the bytes of
// outputs from where they are.
//
// Each call runs on a goroutine of gRPC's; a stream of inferences has one for each
// inference that it has not answered, and waits for all of them. A Server may be used from
// any goroutine.
package rpc
