package infer

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Handler answers an inference. The queue of a loaded version is one, the router
// over all versions is one, and so is every Middleware around them.
//
// Infer borrows req: the caller keeps its reference and drops it when Infer has
// returned; whoever needs req longer retains it. The response belongs to the
// caller, who releases it. When ctx ends, Infer returns early with ctx's error.
type Handler interface {
	Infer(ctx context.Context, req *Request) (*Response, error)
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, req *Request) (*Response, error)

// Infer calls f.
func (f HandlerFunc) Infer(ctx context.Context, req *Request) (*Response, error) { return f(ctx, req) }

// Middleware wraps a Handler in another.
type Middleware func(next Handler) Handler

// Chain wraps h in the middlewares; the first one sees a request first.
func Chain(h Handler, ms ...Middleware) Handler {
	for _, m := range slices.Backward(ms) {
		h = m(h)
	}
	return h
}

// Admitter is a Handler that can say beforehand that it would refuse.
type Admitter interface {
	// Admit returns the error that a request would get that was received then and is
	// to be answered by deadline; the zero time is none of its own. It costs next to
	// nothing. That it returns nil promises nothing.
	Admit(received, deadline time.Time) error
}

// Ref names the model that a caller wants.
type Ref struct {
	Namespace string
	Name      string
	Label     string // "" for none
	Version   int64  // 0: the version that the model serves by default
}

// ID names one generation of a model version: new bytes are a new ID.
type ID struct {
	Namespace string
	Name      string
	Version   int64
	Digest    string
}

// String returns name/version, for logs and errors.
func (id ID) String() string { return id.Name + "/" + strconv.FormatInt(id.Version, 10) }

// Lease is the right to use one version until Release; the version is not closed before.
type Lease interface {
	Handler
	ID() ID
	Release()
}

// Acquirer hands out leases. The error is one of the sentinels of this package.
type Acquirer interface {
	Acquire(ref Ref) (Lease, error)
}
