package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"galatea/gateway/wire"
	"galatea/internal/tritonpb"
)

// Options are what a Server is made of.
type Options struct {
	Service        *wire.Service
	MaxMessageSize int // of a request, in bytes, before and after decompression; 0 is 64 MiB
	Keepalive      Keepalive
	Restricted     wire.Restrictions // what callers must send; nil: nothing
	Log            *slog.Logger      // nil: discard
}

// Keepalive says how connections are kept. Zero fields stand for the defaults, which are
// gRPC's own.
type Keepalive struct {
	Time               time.Duration // without activity before the server asks whether the client is there
	Timeout            time.Duration // for the client to say so
	MinPing            time.Duration // least time between pings of a client
	PingWithoutCalls   bool          // a client may ping without a call in progress
	MaxConnectionAge   time.Duration // after which a connection is ended
	MaxConnectionGrace time.Duration // for the calls on it
}

// Server answers gRPC.
type Server struct {
	service *wire.Service
	o       Options
	grpc    *grpc.Server
	calls   callCounts

	stopping chan struct{} // closed when streams are to end
	stop     sync.Once
}

// streamWorkers is how many goroutines wait for calls, so that most need not start one.
const streamWorkers = 8

// maxStreams is how many calls a connection may have in progress.
const maxStreams = 1000

// New returns a server, which must be served and shut down.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxMessageSize <= 0 {
		o.MaxMessageSize = 64 << 20
	}
	s := &Server{service: o.Service, o: o, stopping: make(chan struct{})}
	k := o.Keepalive
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(o.MaxMessageSize),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: k.Time, Timeout: k.Timeout, MaxConnectionAge: k.MaxConnectionAge, MaxConnectionAgeGrace: k.MaxConnectionGrace,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: k.MinPing, PermitWithoutStream: k.PingWithoutCalls}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	s.grpc.RegisterService(description(), &methods{Server: s})
	healthpb.RegisterHealthServer(s.grpc, &health{server: s})
	reflection.Register(s.grpc)
	return s
}

// description is the generated service with inferences handled here.
func description() *grpc.ServiceDesc {
	d := tritonpb.GRPCInferenceService_ServiceDesc
	d.Methods = append([]grpc.MethodDesc(nil), d.Methods...)
	for i := range d.Methods {
		if d.Methods[i].MethodName == "ModelInfer" {
			d.Methods[i].Handler = modelInfer
		}
	}
	d.Streams = append([]grpc.StreamDesc(nil), d.Streams...)
	for i := range d.Streams {
		d.Streams[i].Handler = modelStreamInfer
	}
	return &d
}

// Serve answers on a listener until Shutdown or Close.
func (s *Server) Serve(l net.Listener) error {
	err := s.grpc.Serve(l)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// ServeHTTP answers a call that came to an HTTP server, by HTTP/2. That server must have
// shut down before Shutdown is called, which would cut such calls off.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.grpc.ServeHTTP(w, r) }

// EndStreams ends streams between two inferences.
func (s *Server) EndStreams() { s.stop.Do(func() { close(s.stopping) }) }

// Shutdown stops listening, ends streams between two inferences, and waits for the calls in
// progress, until ctx ends: then it returns its error, and Close must be called.
func (s *Server) Shutdown(ctx context.Context) error {
	s.EndStreams()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends all calls.
func (s *Server) Close() { s.grpc.Stop() }
