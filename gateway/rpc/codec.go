package rpc

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"  // clients may compress with it
	_ "google.golang.org/grpc/encoding/proto" // what codec leaves to it
	"google.golang.org/grpc/mem"
)

// codec is gRPC's own for protobuf, but for the messages of inferences: a request is left
// as it came, and an answer is bytes already.
type codec struct{ messages encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Name returns the content type that clients send.
func (codec) Name() string { return "proto" }

// Marshal encodes an answer.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, own := v.(*answer); own {
		return a.message, nil
	}
	return c.messages.Marshal(v)
}

// Unmarshal decodes a request. That of an inference keeps the bytes.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, own := v.(*message); own {
		m.receive(data)
		return nil
	}
	return c.messages.Unmarshal(data, v)
}
