package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
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
	if c.FullPath() == "" {
		return "HTTP"
	}
	return c.Request.Method + " " + c.FullPath()
}

func endSpan(span trace.Span, c *gin.Context) {
	status := c.Writer.Status()
	span.SetAttributes(
		attribute.String("http.request.method", c.Request.Method),
		attribute.String("http.route", c.FullPath()),
		attribute.String("url.path", c.Request.URL.Path),
		attribute.Int("http.response.status_code", status),
	)
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
	span.End()
}

// requestCounts counts answers by route and status.
type requestCounts struct {
	mu     sync.Mutex
	counts map[RouteStatus]uint64
}

// RouteStatus is a route, as its pattern, and an HTTP status that it answered.
type RouteStatus struct {
	Route  string
	Status int
}

func (r *requestCounts) add(route string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[RouteStatus]uint64{}
	}
	r.counts[RouteStatus{route, status}]++
}

// Requests returns how many requests were answered, by route and status.
func (g *Gateway) Requests() map[RouteStatus]uint64 {
	g.requests.mu.Lock()
	defer g.requests.mu.Unlock()
	return maps.Clone(g.requests.counts)
}

// InflightBytes returns the bytes of request bodies that are held at the moment.
func (g *Gateway) InflightBytes() int64 { return g.inflight.Load() }
