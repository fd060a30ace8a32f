package wire

import (
	"context"
	"errors"
	"time"

	"galatea/infer"
	"galatea/repository"
)

// Models is what the fronts read of the repository; *repository.Router is one.
//
//nolint:interfacebloat // it is the read side of one type, and each call needs another part of it
type Models interface {
	Find(ref infer.Ref) error
	Info(ref infer.Ref) (repository.Info, error)
	Versions(name string) []int64
	Index() []repository.Status
}

// Options are what a Service is made of.
type Options struct {
	Handler infer.Handler // answers inferences
	Models  Models
	Control Control
	// Admit says, before a request costs anything, that it would be refused: one that was
	// received then and has to be answered by deadline, if that is not zero. nil: only what
	// Models does not find is.
	Admit  func(ref infer.Ref, received, deadline time.Time) error
	Sticky func(infer.Ref) (header string) // the header that places a caller in a rollout, "": none; nil: none ever

	Ready   func() bool // whether the server is ready; nil: always
	Exiting func() bool // whether the server has begun to end, and so is not ready; nil: never
	Loaded  func() bool // whether all models there were at the start have been looked at; nil: always
	Version string      // the server's
	Memory  *Budget     // of all requests in flight; nil: without limit
	Regions *Regions    // shared memory of clients; nil: they may not use any
	Traces  *Traces     // nil: nothing is traced, nor can be
	Logs    Logs        // nil: cannot be changed
}

// Service answers what all fronts can be asked. Its errors are for Status, Code and Text.
type Service struct{ o Options }

// New returns a service.
func New(o Options) *Service {
	yes := func() bool { return true }
	if o.Ready == nil {
		o.Ready = yes
	}
	if o.Exiting == nil {
		o.Exiting = func() bool { return false }
	}
	if o.Loaded == nil {
		o.Loaded = yes
	}
	if o.Admit == nil {
		o.Admit = func(ref infer.Ref, _, _ time.Time) error { return o.Models.Find(ref) }
	}
	if o.Memory == nil {
		o.Memory = &Budget{}
	}
	if o.Traces == nil {
		o.Traces = NewTraces(nil)
	}
	return &Service{o}
}

// Memory is what requests in flight may hold.
func (s *Service) Memory() *Budget { return s.o.Memory }

// Regions is the shared memory of clients; nil where they may not use any.
func (s *Service) Regions() *Regions { return s.o.Regions }

// Traces says which requests are traced.
func (s *Service) Traces() *Traces { return s.o.Traces }

// Ready reports whether the server is ready for inferences.
func (s *Service) Ready() bool { return s.o.Ready() }

// Exiting returns the error by which questions for the server's health are answered from
// the moment on that it begins to end; nil before.
func (s *Service) Exiting() error {
	if s.o.Exiting() {
		return errExiting
	}
	return nil
}

var errExiting = Unavailable("Server exiting")

// Admit returns the error that a request would get that was received then and is to be
// answered by deadline; the zero time is none.
func (s *Service) Admit(ref infer.Ref, received, deadline time.Time) error {
	return s.known(s.o.Admit(ref, received, deadline))
}

// Sticky is the header, or the key of gRPC's metadata, by which a rollout of the model
// keeps requests of one caller together; "": none.
func (s *Service) Sticky(ref infer.Ref) string {
	if s.o.Sticky == nil {
		return ""
	}
	return s.o.Sticky(ref)
}

// Infer answers a request; ownership is as in infer.Handler.
func (s *Service) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	resp, err := s.o.Handler.Infer(ctx, req)
	if err != nil {
		return nil, s.known(err)
	}
	return resp, nil
}

// Info describes a version that serves.
func (s *Service) Info(ref infer.Ref) (repository.Info, error) {
	info, err := s.o.Models.Info(ref)
	return info, s.known(err)
}

// Index lists the states of all versions.
func (s *Service) Index() []repository.Status { return s.o.Models.Index() }

// known passes on an error, except that before the first pass over the repository has
// ended nobody can say that a model is not there.
func (s *Service) known(err error) error {
	missing := errors.Is(err, infer.ErrUnknownModel) || errors.Is(err, infer.ErrUnknownLabel) || errors.Is(err, infer.ErrUnknownVersion) || errors.Is(err, infer.ErrNoVersion)
	if missing && !s.o.Loaded() {
		return Unavailable("Server not ready")
	}
	return err
}
