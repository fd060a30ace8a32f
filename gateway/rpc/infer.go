package rpc

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
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
		a, err := s.infer(ctx, c, methodInfer, received)
		if err == nil {
			out = a
		}
		return s.status(ctx, err, c)
	})
	return out, err
}

// infer answers one inference, in the form of one of the two methods. A panic in it is an
// error.
func (s *Server) infer(ctx context.Context, c *call, method string, received time.Time) (a *answer, err error) {
	var span trace.Span
	defer func() {
		if span != nil {
			endSpan(span, method, codeOf(err))
		}
	}()
	defer s.recovered(method, &err)
	if err := c.decode(ctx, received); err != nil {
		return nil, err
	}
	ctx, span = s.startSpan(ctx, method, c.req.Model.Name, received)
	resp, err := s.service.Infer(ctx, &c.req)
	c.req.Release()
	if err != nil {
		return nil, err
	}
	if err := s.service.Deliver(resp, c.outputs); err != nil {
		resp.Release()
		return nil, err
	}
	return encode(resp, c.req.ID, method == methodStream, s.service.Memory()), nil
}
