package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"galatea/gateway/wire"
	"galatea/infer"
)

// Full names of the methods of inferences.
const (
	methodInfer  = "/inference.GRPCInferenceService/ModelInfer"
	methodStream = "/inference.GRPCInferenceService/ModelStreamInfer"
)

// unary is around all calls with one answer but inferences, which call observed themselves.
func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
	err = s.observed(ctx, info.FullMethod, func(ctx context.Context, _ time.Time) (err error) {
		answer, err = handle(ctx, request)
		return err
	})
	return answer, err
}

// stream is around all streams.
func (s *Server) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return s.observed(stream.Context(), info.FullMethod, func(context.Context, time.Time) error { return handle(server, stream) })
}

// observed handles a call: whether it may be made, what is logged and counted of it, its
// span, and a panic in it. handle returns a status.
func (s *Server) observed(ctx context.Context, method string, handle func(ctx context.Context, received time.Time) error) (err error) {
	began := time.Now()
	var span trace.Span
	if method != methodInfer && method != methodStream { // those have one for each inference
		ctx, span = s.startSpan(ctx, method, "", began)
	}
	defer func() {
		code := status.Code(err)
		took := time.Since(began)
		s.calls.add(method, code, took)
		if span != nil {
			endSpan(span, method, code)
		}
		if s.o.Log.Enabled(ctx, slog.LevelDebug) {
			s.o.Log.DebugContext(ctx, "call", slog.String("path", method), slog.String("status", code.String()), slog.Duration("took", took))
		}
	}()
	defer s.recovered(method, &err)
	if s.o.Restricted != nil {
		if missing := s.o.Restricted.Missing(categoryOf(method), func(key string) string { return first(ctx, key) }); missing != "" {
			return s.status(ctx, wire.Unavailable("This protocol is restricted, expecting header '%s'", missing), nil)
		}
	}
	return handle(ctx, began)
}

// recovered makes an error of a panic; it is to be deferred.
func (s *Server) recovered(method string, err *error) {
	if p := recover(); p != nil {
		s.o.Log.Error("panic in a handler", slog.String("path", method), slog.String("err", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		*err = status.Error(codes.Internal, "internal error: see the server's log")
	}
}

// first returns the first value of a key in the call's metadata.
func first(ctx context.Context, key string) string {
	if all := metadata.ValueFromIncomingContext(ctx, key); len(all) > 0 {
		return all[0]
	}
	return ""
}

// status makes a status of an error, nil of nil. c is the inference, nil for other calls.
func (s *Server) status(ctx context.Context, err error, c *call) error {
	if err == nil {
		return nil
	}
	if _, already := status.FromError(err); already {
		return err
	}
	var ref infer.Ref
	id := ""
	if c != nil {
		ref, id = c.req.Model, c.req.ID
	}
	return s.statusOf(ctx, err, ref, id)
}

// headerPushback is the trailer by which gRPC's clients know when to try again, in
// milliseconds (gRFC A6).
const headerPushback = "grpc-retry-pushback-ms"

func (s *Server) statusOf(ctx context.Context, err error, ref infer.Ref, id string) error {
	if ms := wire.RetryAfter(err); ms > 0 {
		// Without a connection there is nobody to tell.
		_ = grpc.SetTrailer(ctx, metadata.Pairs(headerPushback, strconv.FormatInt(ms, 10)))
	}
	return status.Error(wire.Code(err), wire.Text(err, ref, id))
}

// carrier reads the context of a trace from a call's metadata.
type carrier struct{ ctx context.Context } //nolint:containedctx // it lives for one Extract

func (c carrier) Get(key string) string { return first(c.ctx, key) }
func (carrier) Set(string, string)      {}
func (carrier) Keys() []string          { return nil }

// startSpan starts the span of an inference for a model, or of another call; nil where it
// is not traced.
func (s *Server) startSpan(ctx context.Context, method, model string, began time.Time) (context.Context, trace.Span) {
	traces := s.service.Traces()
	if traces.Tracer() == nil {
		return ctx, nil
	}
	remote := propagation.TraceContext{}.Extract(ctx, carrier{ctx})
	if !traces.Sample(model, trace.SpanContextFromContext(remote).IsSampled()) {
		return ctx, nil
	}
	return traces.Tracer().Start(remote, method[1:], trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began)) //nolint:spancheck // endSpan ends it
}

func endSpan(span trace.Span, method string, code codes.Code) {
	span.SetAttributes(
		attribute.String("rpc.system", "grpc"),
		attribute.String("rpc.service", path.Dir(method)[1:]),
		attribute.String("rpc.method", path.Base(method)),
		attribute.Int("rpc.grpc.status_code", int(code)),
	)
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		span.SetStatus(otelcodes.Error, code.String())
	default:
	}
	span.End()
}

// MethodCode is a method, by its full name, and a code that it answered.
type MethodCode struct {
	Method string
	Code   string
}

// callCounts keeps how long calls took, by method and code.
type callCounts struct {
	mu    sync.Mutex
	times map[MethodCode]*infer.Histogram
}

func (c *callCounts) add(method string, code codes.Code, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[MethodCode]*infer.Histogram{}
	}
	key := MethodCode{method, code.String()}
	h := c.times[key]
	if h == nil {
		h = &infer.Histogram{}
		c.times[key] = h
	}
	h.Observe(wire.RequestBounds, took.Seconds())
}

// Calls returns how long calls took, in seconds, by method and code.
func (s *Server) Calls() map[MethodCode]infer.Histogram {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	all := make(map[MethodCode]infer.Histogram, len(s.calls.times))
	for k, h := range s.calls.times {
		all[k] = *h
	}
	return all
}

// errShutdown ends streams when the server stops.
var errShutdown = wire.Unavailable("GRPC server is shutting down and has stopped accepting new requests.")

// codeOf is the code of an error, which may be a status.
func codeOf(err error) codes.Code {
	if s, is := status.FromError(err); is {
		return s.Code()
	}
	return wire.Code(err)
}

// messageOf is the text of a status.
func messageOf(err error) string { return status.Convert(err).Message() }
