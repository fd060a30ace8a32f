package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// modelInfer handles ModelInfer.
//
//nolint:revive // the order of the parameters is gRPC's
func modelInfer(server any, ctx context.Context, receive func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	s := server.(*methods).Server
	var out any
	err := s.observed(ctx, methodInfer, func(ctx context.Context, received time.Time) error {
		c := s.newCall()
		if err := receive(&c.message); err != nil {
			return err
		}
		a, err := s.infer(ctx, c, received, false)
		if err == nil {
			out = a
		}
		return s.status(ctx, err, c)
	})
	return out, err
}

// infer answers one inference. A panic in it is an error.
func (s *Server) infer(ctx context.Context, c *call, received time.Time, inStream bool) (a *answer, err error) {
	defer s.recovered(methodInfer, &err)
	if err := c.decode(ctx, received); err != nil {
		return nil, err
	}
	resp, err := s.service.Infer(ctx, &c.req)
	c.req.Release()
	if err != nil {
		return nil, err
	}
	if err := s.service.Deliver(resp, c.outputs); err != nil {
		resp.Release()
		return nil, err
	}
	return encode(resp, c.req.ID, inStream), nil
}
