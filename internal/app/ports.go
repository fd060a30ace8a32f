package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"galatea/gateway"
	"galatea/gateway/rpc"
	"galatea/infer"
	"galatea/internal/http1"
	"galatea/internal/telemetry"
)

// Timeouts of the servers. A body has time by its size, see package gateway.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	answerTimeout = 10 * time.Minute
	maxHeader     = 64 << 10
)

// onePort reports whether gRPC is answered on the port for HTTP.
func (o *Options) onePort() bool { return o.GRPCPort > 0 && o.GRPCPort == o.HTTPPort }

func (a *App) listen(ctx context.Context) error {
	type port struct {
		flag    string
		address string
		number  int
		to      *net.Listener
	}
	ports := []port{{"--http-port", a.o.HTTPAddress, a.o.HTTPPort, &a.http}}
	if a.o.GRPCPort >= 0 && !a.o.onePort() {
		ports = append(ports, port{"--grpc-port", a.o.HTTPAddress, a.o.GRPCPort, &a.grpc})
	}
	if a.o.MetricsPort >= 0 {
		ports = append(ports, port{"--metrics-port", cmp.Or(a.o.MetricsAddress, a.o.HTTPAddress), a.o.MetricsPort, &a.metrics})
	}
	var lc net.ListenConfig
	for _, p := range ports {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(p.address, strconv.Itoa(p.number)))
		if err != nil {
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("port %d of %s is in use: end what listens there, or name another port with %s", p.number, p.address, p.flag)
			}
			return errors.Join(fmt.Errorf("%s: %w", p.flag, err), a.closeListeners())
		}
		*p.to = l
	}
	return nil
}

func (a *App) closeListeners() error {
	var err error
	for _, l := range []net.Listener{a.http, a.grpc, a.metrics} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// HTTPAddr is where the front listens.
func (a *App) HTTPAddr() string { return a.http.Addr().String() }

// GRPCAddr is where gRPC is answered, "" without.
func (a *App) GRPCAddr() string {
	switch {
	case a.grpc != nil:
		return a.grpc.Addr().String()
	case a.rpc != nil:
		return a.HTTPAddr()
	default:
		return ""
	}
}

// MetricsAddr is where metrics are, "" without.
func (a *App) MetricsAddr() string {
	if a.metrics == nil {
		return ""
	}
	return a.metrics.Addr().String()
}

// serve answers on a listener. Errors of single connections are for debugging only.
func (a *App) serve(ctx context.Context, l net.Listener, h http.Handler) {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: answerTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(a.o.Log.Handler(), slog.LevelDebug),
	}
	if _, both := h.(shared); both {
		s.Protocols = &http.Protocols{}
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	front := http1.New(ctx, s)
	a.servers = append(a.servers, front)
	a.wg.Go(func() {
		if err := front.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve on %v: %w", l.Addr(), err))
		}
	})
}

func (a *App) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", telemetry.Handler(telemetry.Sources{Models: a.router, Rollouts: a.router, Front: a.gateway, Calls: a.calls, ConfigOK: a.configOK.Load}))
	if a.o.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// shared answers HTTP and gRPC on one port: what comes by HTTP/2 with gRPC's content type
// is gRPC.
type shared struct {
	rpc  *rpc.Server
	http *gateway.Gateway
}

// ServeHTTP answers one request. A call of gRPC's has its own deadline, and none of the
// server's.
func (s shared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		s.http.ServeHTTP(w, r)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a stream without deadlines has nothing to lift
	_ = control.SetWriteDeadline(time.Time{})
	s.rpc.ServeHTTP(w, r)
}

// calls is how long gRPC calls took.
func (a *App) calls() map[rpc.MethodCode]infer.Histogram {
	if a.rpc == nil {
		return nil
	}
	return a.rpc.Calls()
}
