package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"galatea/backend"
	"galatea/config"
	"galatea/gateway"
	"galatea/gateway/rpc"
	"galatea/gateway/wire"
	"galatea/internal/http1"
	"galatea/repository"
	"galatea/repository/dir"
	"galatea/rollout"
	"galatea/scheduler"
)

// Options are what a server is started with; they do not change while it runs.
type Options struct {
	Repositories     []string
	DefaultModelName string
	ModelConfigName  string          // of a configuration in a model's folder configs; "": its own
	Control          repository.Mode // "" is poll
	LoadModels       []string
	LoadThreads      int
	NoWatch          bool // scan by the clock alone
	Settle           time.Duration
	GraphCache       string // keeps optimised graphs; "": nothing does
	StateDir         string // keeps what is decided at run time; "": nothing does

	HTTPAddress    string // host to listen on
	HTTPPort       int    // 0: any
	GRPCPort       int    // 0: any; -1: no gRPC; HTTPPort's, if that is not 0: both on one port
	GRPCKeepalive  rpc.Keepalive
	MetricsAddress string // "": HTTPAddress
	MetricsPort    int    // 0: any; -1: no metrics
	Pprof          bool

	HTTPRestricted wire.Restrictions // what callers by HTTP must send
	GRPCRestricted wire.Restrictions // and those by gRPC
	Origins        []string          // of web pages that may ask

	Lenient            bool // answer sanely where Triton is odd
	ClientSharedMemory bool // let clients name shared memory

	ConfigFile      string               // "": none
	Override        func(*config.Server) // what the flags say over the file; nil: nothing
	ExitTimeout     time.Duration        // for requests in flight
	ShutdownDelay   time.Duration        // from unready to not listening
	ExitOnError     bool                 // end when a model fails in the first pass
	StrictReadiness bool

	Version string
	Backend backend.Backend
	Log     *slog.Logger
	Logs    *Logs              // what of Log is written; nil: all of it, for good
	Tracer  trace.Tracer       // nil: no traces
	Notify  func(state string) // tells the service manager, from Wait's goroutine; nil: nobody
}

// ErrFirstPass says that a model failed in the first pass, with ExitOnError.
var ErrFirstPass = errors.New("a model failed to load")

// App is a running server.
type App struct {
	o        Options
	live     atomic.Pointer[config.Server]
	configOK atomic.Bool
	source   *dir.Source
	router   *repository.Router
	control  *repository.Reconciler
	over     *overrides
	limiter  scheduler.Limiter // of what the runs of all models share
	director *rollout.Director
	gateway  *gateway.Gateway
	rpc      *rpc.Server   // nil: no gRPC
	regions  *wire.Regions // nil: clients may not use shared memory
	leaving  atomic.Bool

	http, metrics net.Listener
	grpc          net.Listener // nil: no gRPC, or on http
	servers       []*http1.Server
	failed        chan error
	wg            sync.WaitGroup
	stop          context.CancelFunc // ends the background work, after the front
}

// Start listens and begins to load. It returns when both ports answer; the models
// load behind them. The caller must call Wait, and ends the server by ending ctx.
func Start(ctx context.Context, o Options) (*App, error) {
	if o.Control == "" {
		o.Control = repository.ModePoll
	}
	a := &App{o: o, failed: make(chan error, 1), router: repository.NewRouter()}
	if err := a.Reload(); err != nil {
		return nil, err
	}
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	store, settings, err := openState(o.StateDir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--state-dir: %w", err), a.closeListeners())
	}
	if a.over, err = newOverrides(o.Repositories, o.StateDir); err != nil {
		return nil, errors.Join(err, a.closeListeners())
	}
	a.source, err = dir.New(o.Repositories, dir.Options{
		Overlays:         a.over.overlays(),
		DefaultModelName: o.DefaultModelName, ConfigName: o.ModelConfigName, Poll: a.live.Load().Repository.Poll, NoWatch: o.NoWatch || o.Control != repository.ModePoll,
		Settle: o.Settle, Log: o.Log,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--model-repository: %w", err), a.closeListeners(), a.over.close())
	}
	loader := &Loader{Backend: o.Backend, Defaults: func() config.Defaults { return a.live.Load().Defaults() }, Verify: a.source.Verify, Log: o.Log, Tracer: o.Tracer, Limiter: &a.limiter, GraphCache: o.GraphCache}
	a.control = repository.New(a.source, loader.Load, a.router, repository.Options{
		Mode: o.Control, LoadModels: o.LoadModels, LoadThreads: o.LoadThreads, DrainTimeout: o.ExitTimeout, Settings: settings, Store: store, Log: o.Log,
	})
	a.director = newDirector(a.router, a.control, o.Log)
	service := a.service()
	a.gateway = gateway.New(gateway.Options{
		Service: service, Decisions: a.control, Rollouts: a.router, Events: a.control.Events(),
		Counts: func(t repository.TrialInfo) any { return a.director.Counts(trialOf(t)) },
		Limits: limits(a.live.Load()), Lenient: o.Lenient, Restricted: o.HTTPRestricted, Origins: o.Origins, Log: o.Log,
	})
	if o.GRPCPort >= 0 {
		a.rpc = rpc.New(rpc.Options{Service: service, MaxMessageSize: int(a.live.Load().HTTP.MaxInputSize), Keepalive: o.GRPCKeepalive, Restricted: o.GRPCRestricted, Log: o.Log})
	}
	a.run(ctx)
	return a, nil
}

// service is what all fronts answer.
func (a *App) service() *wire.Service {
	if a.o.ClientSharedMemory {
		a.regions = &wire.Regions{}
	}
	var logs wire.Logs
	if a.o.Logs != nil {
		logs = a.o.Logs
	}
	return wire.New(wire.Options{
		Handler: a.director, Models: a.router, Control: control{a.control, a.over}, Admit: a.router.Admit, Sticky: a.director.Sticky,
		Ready: a.ready, Exiting: a.leaving.Load, Loaded: func() bool { return a.router.Ready(false) }, Version: a.o.Version,
		Memory: &wire.Budget{}, Regions: a.regions, Traces: wire.NewTraces(a.o.Tracer), Logs: logs,
	})
}

func limits(s *config.Server) gateway.Limits {
	return gateway.Limits{MaxInputSize: int64(s.HTTP.MaxInputSize), MaxInflightBytes: int64(s.HTTP.MaxInflightBytes)}
}

// ready is the answer to /v2/health/ready.
func (a *App) ready() bool { return !a.leaving.Load() && a.router.Ready(a.o.StrictReadiness) }

// Reload reads the configuration file again and applies all of it, or nothing when
// anything in it is wrong. Models loaded before keep the defaults they were loaded with.
func (a *App) Reload() error {
	next := config.DefaultServer()
	if a.o.ConfigFile != "" {
		data, err := os.ReadFile(a.o.ConfigFile)
		if err == nil {
			next, err = config.ParseServer(a.o.ConfigFile, data)
		}
		if err != nil {
			a.configOK.Store(false)
			return fmt.Errorf("configuration: %w", err)
		}
	}
	if a.o.Override != nil {
		a.o.Override(next)
	}
	if err := next.Validate(); err != nil {
		a.configOK.Store(false)
		return fmt.Errorf("configuration: %w", err)
	}
	a.live.Store(next)
	a.limiter.SetLimits(next.RateLimit.Resources)
	if a.gateway != nil {
		a.gateway.SetLimits(limits(next))
		a.source.SetPoll(next.Repository.Poll)
	}
	if a.o.Logs != nil {
		a.o.Logs.SetVerbose(next.Log.Verbose)
	}
	a.configOK.Store(true)
	return nil
}

// Router is the read side of the repository.
func (a *App) Router() *repository.Router { return a.router }

// FirstPass is closed when everything that was there at the start is ready or has failed.
func (a *App) FirstPass() <-chan struct{} { return a.control.FirstPass() }

func (a *App) run(ctx context.Context) {
	// The background outlives ctx: requests are served while it ends.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.wg.Go(func() { a.source.Run(background) })
	a.wg.Go(func() { a.control.Run(background) })
	a.wg.Go(func() { a.director.Run(background) })
	a.wg.Go(func() { watchdog(background, a.router, a.o.Log) })
	front := http.Handler(a.gateway)
	if a.rpc != nil && a.o.onePort() {
		front = shared{a.rpc, a.gateway}
	}
	a.serve(background, a.http, front)
	if a.grpc != nil {
		a.wg.Go(func() {
			if err := a.rpc.Serve(a.grpc); err != nil {
				a.fail(fmt.Errorf("serve on %v: %w", a.grpc.Addr(), err))
			}
		})
	}
	if a.metrics != nil {
		a.serve(background, a.metrics, a.metricsHandler())
	}
	if a.o.StateDir == "" {
		a.o.Log.Info("no --state-dir: what is decided while the server runs (labels, rollbacks, rollouts) is forgotten when it ends")
	}
	a.o.Log.Info("listening", slog.String("http", a.HTTPAddr()), slog.String("grpc", a.GRPCAddr()), slog.String("metrics", a.MetricsAddr()), slog.String("version", a.o.Version))
}

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// announce says that the first pass has ended.
func (a *App) announce() error {
	ready := 0
	for _, s := range a.router.Index() {
		switch s.State {
		case repository.StateReady:
			ready++
		case repository.StateUnavailable:
			if a.o.ExitOnError {
				return fmt.Errorf("%w: %s/%d: %s", ErrFirstPass, s.Name, s.Version, s.Reason)
			}
		}
	}
	a.o.Log.Info("ready", slog.Int("versions", ready))
	a.notify("READY=1")
	return nil
}

func (a *App) notify(state string) {
	if a.o.Notify != nil {
		a.o.Notify(state)
	}
}

// Wait serves until ctx ends or something fails, then shuts down: unready at once,
// not listening after ShutdownDelay, ended when the requests in flight are, or after
// ExitTimeout. It returns the failure, if that is why.
func (a *App) Wait(ctx context.Context) error {
	err := a.serveUntil(ctx)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.o.ExitTimeout)
	defer cancel()
	a.gateway.EndStreams()
	answered := make(chan struct{})
	calls := a.endCalls(drain, answered) // beside the requests over HTTP: all have the same time
	for _, s := range a.servers {
		if closeErr := s.Shutdown(drain); closeErr != nil {
			a.o.Log.Warn("requests were still running at the end of --exit-timeout-secs", slog.Any("err", closeErr))
			closeErr = s.Close()
			err = errors.Join(err, closeErr)
		}
	}
	close(answered)
	<-calls
	a.stop()
	a.wg.Wait()
	err = errors.Join(err, a.over.close(), a.regions.Close())
	a.o.Log.Info("stopped")
	return err
}

// endCalls ends gRPC, in a goroutine of its own: calls in progress may go on until drain
// ends. On one port with HTTP they are among its requests, which answered says have ended.
// The channel is closed when all calls have ended.
func (a *App) endCalls(drain context.Context, answered <-chan struct{}) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if a.rpc == nil {
			return
		}
		a.rpc.EndStreams()
		if a.o.onePort() {
			<-answered
		}
		if err := a.rpc.Shutdown(drain); err != nil {
			a.o.Log.Warn("gRPC calls were still running at the end of --exit-timeout-secs", slog.Any("err", err))
			a.rpc.Close()
		}
	}()
	return ended
}

// serveUntil returns when the listeners are to be closed, with the failure that is why.
func (a *App) serveUntil(ctx context.Context) error {
	first := a.FirstPass()
	for {
		select {
		case <-first:
			first = nil
			if err := a.announce(); err != nil {
				a.leave()
				return err
			}
		case err := <-a.failed:
			a.leave()
			return err
		case <-ctx.Done():
			return a.linger()
		}
	}
}

// linger serves on, unready, for ShutdownDelay.
func (a *App) linger() error {
	a.o.Log.Info("shutting down; still serving while balancers notice", slog.Duration("delay", a.o.ShutdownDelay))
	a.leave()
	timer := time.NewTimer(a.o.ShutdownDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-a.failed:
		return err
	}
}

// leave turns ready false.
func (a *App) leave() {
	a.leaving.Store(true)
	a.notify("STOPPING=1")
}
