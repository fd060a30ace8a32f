package rpc

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/tritonpb"
)

// oneRequest is a stream of one request, after which the client has closed its side.
type oneRequest struct {
	grpc.ServerStream
	ctx      context.Context
	request  []byte
	received bool
	sent     int
}

func (s *oneRequest) Context() context.Context { return s.ctx }

func (s *oneRequest) RecvMsg(m any) error {
	if s.received {
		return io.EOF
	}
	s.received = true
	m.(*message).receive(mem.BufferSlice{mem.SliceBuffer(s.request)})
	return nil
}

func (s *oneRequest) SendMsg(m any) error {
	s.sent++
	m.(*answer).free()
	return nil
}

func TestAStreamWhoseDeadlineHasPassedDoesNotEndWell(t *testing.T) {
	request, err := proto.Marshal(&tritonpb.ModelInferRequest{ModelName: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for takes, want := range map[time.Duration]struct {
		code codes.Code
		sent int
	}{time.Second: {codes.OK, 1}, time.Minute: {codes.DeadlineExceeded, 0}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			at, _ := ctx.Deadline()
			// The scheduler answers at the deadline, by a clock of its own.
			handler := infer.HandlerFunc(func(context.Context, *infer.Request) (*infer.Response, error) {
				time.Sleep(min(takes, time.Until(at)))
				return nil, infer.ErrDeadline
			})
			s := &Server{service: wire.New(wire.Options{Models: anyModel{}, Handler: handler, Memory: &wire.Budget{}}), stopping: make(chan struct{})}
			stream := &oneRequest{ctx: ctx, request: request}
			if err := modelStreamInfer(&methods{Server: s}, stream); status.Code(err) != want.code || stream.sent != want.sent {
				t.Errorf("an answer after %v: %d messages, %v", takes, stream.sent, err)
			}
		})
	}
}
