package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"galatea/gateway/wire"
	"galatea/infer"
)

// panicked answers a request whose handler panicked. http.ErrAbortHandler is passed
// on: it is the way to drop a connection.
func (g *Gateway) panicked(c *gin.Context, p any) {
	if err, is := p.(error); is && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	g.o.Log.Error("panic in a handler", slog.String("path", c.Request.URL.Path), slog.String("err", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // the caller must not take half an answer for a whole one
	}
	replyError(c, http.StatusInternalServerError, "internal error: see the server's log")
}

// spanName is made of what there are few of: callers choose paths and methods freely.
func spanName(c *gin.Context) string {
	pattern := route(c)
	if pattern == "" {
		return "HTTP"
	}
	return c.Request.Method + " " + pattern
}

// startSpan starts a request's span and puts it into the request's context; nil where the
// request is not traced.
func (g *Gateway) startSpan(c *gin.Context, began time.Time) trace.Span {
	traces := g.o.Service.Traces()
	if traces.Tracer() == nil {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
	if !traces.Sample(modelOf(c), trace.SpanContextFromContext(ctx).IsSampled()) {
		return nil
	}
	ctx, span := traces.Tracer().Start(ctx, spanName(c), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began)) //nolint:spancheck // endSpan ends it
	c.Request = c.Request.WithContext(ctx)
	return span //nolint:spancheck // endSpan ends it
}

func endSpan(span trace.Span, c *gin.Context) {
	status := c.Writer.Status()
	span.SetAttributes(
		attribute.String("http.request.method", c.Request.Method),
		attribute.String("http.route", route(c)),
		attribute.String("url.path", c.Request.URL.Path),
		attribute.Int("http.response.status_code", status),
	)
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
	span.End()
}

// requestCounts keeps how long answers took, by route and status.
type requestCounts struct {
	mu    sync.Mutex
	times map[RouteStatus]*infer.Histogram
}

// RouteStatus is a route, as its pattern, and an HTTP status that it answered.
type RouteStatus struct {
	Route  string
	Status int
}

func (r *requestCounts) add(route string, status int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times == nil {
		r.times = map[RouteStatus]*infer.Histogram{}
	}
	h := r.times[RouteStatus{route, status}]
	if h == nil {
		h = &infer.Histogram{}
		r.times[RouteStatus{route, status}] = h
	}
	h.Observe(wire.RequestBounds, took.Seconds())
}

// Requests returns how long requests took, from their headers to the end of their
// answer, in seconds, by route and status.
func (g *Gateway) Requests() map[RouteStatus]infer.Histogram {
	g.requests.mu.Lock()
	defer g.requests.mu.Unlock()
	all := make(map[RouteStatus]infer.Histogram, len(g.requests.times))
	for k, h := range g.requests.times {
		all[k] = *h
	}
	return all
}

// InflightBytes returns the bytes of request bodies that are held at the moment.
func (g *Gateway) InflightBytes() int64 { return g.o.Service.Memory().Held() }
