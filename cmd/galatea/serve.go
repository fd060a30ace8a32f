package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/trace"

	"galatea/backend/onnx"
	"galatea/config"
	"galatea/gateway/rpc"
	"galatea/gateway/wire"
	"galatea/internal/app"
	"galatea/internal/telemetry"
	"galatea/internal/threads"
	"galatea/repository"
)

type serveCmd struct {
	ModelRepository  []string `name:"model-repository" required:"" sep:"none" placeholder:"DIR" help:"Folder of models: DIR/MODEL/VERSION/model.onnx, or one model's VERSION/model.onnx, or a bare model.onnx. May be given several times."`
	DefaultModelName string   `placeholder:"NAME" help:"Name of the model in a repository that is one model itself; else its folder's."`
	ModelConfigName  string   `placeholder:"NAME" help:"Configuration to serve models with that have it in their folder: configs/NAME.pbtxt, or configs/NAME.yaml. (default: config.yaml, or config.pbtxt)"`

	ModelControlMode     string   `enum:"none,poll,explicit" default:"poll" help:"none: load all models at start. poll: watch the repositories, too. explicit: load what --load-model and requests name. (${enum})"`
	LoadModel            []string `sep:"none" placeholder:"NAME" help:"Model to load at start, in mode explicit; * is all. May be given several times."`
	ModelLoadThreadCount int      `default:"4" help:"How many models are loaded at a time."`
	StateDir             string   `placeholder:"DIR" help:"Folder that keeps what is decided while the server runs over a restart: labels, default versions, rollbacks, rollouts, what was loaded by request. (default: none; a restart forgets)"`
	GraphCache           string   `placeholder:"DIR" help:"Folder that keeps the graphs of models as they were optimised, so that a later load of the same file is quicker. (default: none)"`
	RepositoryPollSecs   int      `default:"-1" hidden-default:"" help:"Seconds between scans of the repositories for changes that the file system did not report. (default: the config file's, else 15)"`

	HTTPAddress            string   `name:"http-address" default:"127.0.0.1" help:"Address to listen on; 0.0.0.0 is all."`
	HTTPPort               int      `name:"http-port" default:"8000" help:"Port for requests."`
	GRPCPort               int      `name:"grpc-port" default:"8001" help:"Port for gRPC; -1 is none. With --http-port's number, both are answered on that port."`
	MetricsAddress         string   `placeholder:"ADDR" help:"Address for metrics, if not --http-address."`
	MetricsPort            int      `default:"8002" help:"Port for metrics; -1 is none."`
	HTTPRestrictedAPI      []string `name:"http-restricted-api" sep:"none" placeholder:"CATEGORIES:HEADER=VALUE" help:"HTTP calls that need a header of that value: some of health, metadata, inference, shared-memory, model-config, model-repository, statistics, trace, logging, separated by commas. May be given several times."`
	GRPCRestrictedProtocol []string `name:"grpc-restricted-protocol" sep:"none" placeholder:"CATEGORIES:KEY=VALUE" help:"The same for gRPC calls, with the metadata triton-grpc-protocol-KEY. May be given several times."`
	CORSOrigin             []string `name:"cors-origin" sep:"none" placeholder:"ORIGIN" help:"Origin of web pages that may ask this server, such as https://example.org; * is all. May be given several times. (default: none)"`

	AllowClientShm bool `help:"Let clients name POSIX shared memory of this machine that tensors are read from and written to. Whoever may send requests can then use whatever this process may."`
	StrictTriton   bool `default:"true" negatable:"" help:"Answer as Triton does also where that is odd: 500 for JSON that cannot be read, health without a body. Without it, 400 and the bodies that the KServe protocol has."`
	Pprof          bool `help:"Serve Go's profiles at /debug/pprof on the metrics port."`

	GRPCKeepaliveTime                       time.Duration `name:"grpc-keepalive-time" default:"2h" help:"Silence on a gRPC connection after which the server asks whether the client is there."`
	GRPCKeepaliveTimeout                    time.Duration `name:"grpc-keepalive-timeout" default:"20s" help:"How long the client may take to say so."`
	GRPCKeepalivePermitWithoutCalls         bool          `name:"grpc-keepalive-permit-without-calls" help:"Let gRPC clients ping without a call in progress."`
	GRPCHTTP2MinRecvPingIntervalWithoutData time.Duration `name:"grpc-http2-min-recv-ping-interval-without-data" default:"5m" help:"Least time between pings of a gRPC client; one that pings more often is sent away."`
	GRPCMaxConnectionAge                    time.Duration `name:"grpc-max-connection-age" help:"Age at which a gRPC connection is ended, so that clients look for other servers. (default: none)"`
	GRPCMaxConnectionAgeGrace               time.Duration `name:"grpc-max-connection-age-grace" help:"How long calls on such a connection may take. (default: as long as they do)"`

	HTTPMaxInputSize int64 `name:"http-max-input-size" placeholder:"BYTES" help:"Largest request body. (default: the config file's, else 64 MiB)"`

	ExitTimeoutSecs int           `default:"30" help:"Seconds that requests in flight may take when the server ends."`
	ShutdownDelay   time.Duration `default:"5s" help:"How long requests are still served, unready, after the first SIGTERM or Ctrl-C, while load balancers notice. A second signal ends the server at once."`
	ExitOnError     bool          `help:"End with an error when a model fails to load at start."`
	StrictReadiness bool          `help:"Be ready only while every model is; else from the end of the first pass over the repositories on."`

	Config     string `type:"existingfile" placeholder:"FILE" help:"galatea.yaml: settings that can change while the server runs; SIGHUP reads it again."`
	LogVerbose int    `default:"-1" help:"1 logs every request; 2 at the start, ONNX Runtime's details, too. (default: the config file's, else 0)"`
	LogFormat  string `enum:"text,json" default:"text" help:"Form of the log lines. (${enum})"`

	CPUSchedulingPolicy string `name:"cpu-scheduling-policy" enum:"batch,other" default:"batch" help:"How Linux schedules this server's threads. batch: they get their turns without interrupting what runs, which does more requests a second. other: the system's default. (${enum})"`

	OnnxruntimeLibrary string `name:"onnxruntime-library" placeholder:"FILE" help:"ONNX Runtime's shared library; else the one that make onnxruntime brought."`
}

// Validate refuses times that cannot be kept.
func (s *serveCmd) Validate() error {
	for _, one := range []struct {
		flag string
		time time.Duration
	}{
		{"--grpc-keepalive-time", s.GRPCKeepaliveTime},
		{"--grpc-keepalive-timeout", s.GRPCKeepaliveTimeout},
		{"--grpc-http2-min-recv-ping-interval-without-data", s.GRPCHTTP2MinRecvPingIntervalWithoutData},
		{"--grpc-max-connection-age", s.GRPCMaxConnectionAge},
		{"--grpc-max-connection-age-grace", s.GRPCMaxConnectionAgeGrace},
		{"--exit-timeout-secs", time.Duration(s.ExitTimeoutSecs) * time.Second},
		{"--shutdown-delay", s.ShutdownDelay},
	} {
		if one.time < 0 {
			return fmt.Errorf("%s: expected a time of 0 or more, got %v", one.flag, one.time)
		}
	}
	return nil
}

// Run serves until a signal.
func (s *serveCmd) Run(ctx context.Context) error {
	err := s.serve(ctx)
	if err != nil {
		terminationMessage(err)
	}
	return err
}

func (s *serveCmd) serve(ctx context.Context) error {
	logs := &app.Logs{}
	logs.SetVerbose(s.LogVerbose)
	log := slog.New(logs.Handler(s.lines()))
	if s.CPUSchedulingPolicy == "batch" {
		if err := threads.Batch(); err != nil {
			log.Warn("threads interrupt each other, which does fewer requests a second; --cpu-scheduling-policy=other leaves it so without a word", slog.Any("err", err))
		}
	}
	runtime, err := openRuntime(s.OnnxruntimeLibrary, log)
	if err != nil {
		return err
	}
	httpRestricted, err := wire.ParseRestrictions(s.HTTPRestrictedAPI, "")
	if err != nil {
		return fmt.Errorf("--http-restricted-api: %w", err)
	}
	grpcRestricted, err := wire.ParseRestrictions(s.GRPCRestrictedProtocol, rpc.HeaderPrefix)
	if err != nil {
		return fmt.Errorf("--grpc-restricted-protocol: %w", err)
	}
	tracer, stopTraces, err := traces(ctx, log)
	if err != nil {
		return err
	}
	defer stopTraces()
	a, err := app.Start(ctx, app.Options{
		Repositories: s.ModelRepository, DefaultModelName: s.DefaultModelName, ModelConfigName: s.ModelConfigName,
		Control: repository.Mode(s.ModelControlMode), LoadModels: s.LoadModel, LoadThreads: s.ModelLoadThreadCount, StateDir: s.StateDir, GraphCache: s.GraphCache,
		HTTPAddress: s.HTTPAddress, HTTPPort: s.HTTPPort, MetricsAddress: s.MetricsAddress, MetricsPort: s.MetricsPort, Pprof: s.Pprof,
		HTTPRestricted: httpRestricted, GRPCRestricted: grpcRestricted, Origins: s.CORSOrigin,
		GRPCPort: s.GRPCPort, GRPCKeepalive: s.keepalive(),
		ConfigFile: s.Config, Override: s.override,
		ExitTimeout: time.Duration(s.ExitTimeoutSecs) * time.Second, ShutdownDelay: s.ShutdownDelay,
		ExitOnError: s.ExitOnError, StrictReadiness: s.StrictReadiness, Lenient: !s.StrictTriton, ClientSharedMemory: s.AllowClientShm,
		Version: version, Backend: runtime, Log: log, Logs: logs, Tracer: tracer, Notify: notifier(log),
	})
	if err != nil {
		return err
	}
	stopReloads := onHangup(func() {
		if err := a.Reload(); err != nil {
			log.Error("the configuration stays as it was", slog.Any("err", err))
			return
		}
		log.Info("configuration applied", slog.String("file", s.Config))
	})
	defer stopReloads()
	return a.Wait(ctx)
}

// keepalive is what the flags say of gRPC's connections.
func (s *serveCmd) keepalive() rpc.Keepalive {
	return rpc.Keepalive{
		Time: s.GRPCKeepaliveTime, Timeout: s.GRPCKeepaliveTimeout,
		MinPing: s.GRPCHTTP2MinRecvPingIntervalWithoutData, PingWithoutCalls: s.GRPCKeepalivePermitWithoutCalls,
		MaxConnectionAge: s.GRPCMaxConnectionAge, MaxConnectionGrace: s.GRPCMaxConnectionAgeGrace,
	}
}

// override is what the flags say over the file.
func (s *serveCmd) override(c *config.Server) {
	if s.RepositoryPollSecs >= 0 {
		c.Repository.Poll = time.Duration(s.RepositoryPollSecs) * time.Second
	}
	if s.HTTPMaxInputSize > 0 {
		c.HTTP.MaxInputSize = config.Size(s.HTTPMaxInputSize)
		c.HTTP.MaxInflightBytes = max(c.HTTP.MaxInflightBytes, c.HTTP.MaxInputSize)
	}
	if s.LogVerbose >= 0 {
		c.Log.Verbose = s.LogVerbose
	}
}

// lines writes a log.
func (s *serveCmd) lines() slog.Handler {
	options := &slog.HandlerOptions{Level: app.LowestLevel}
	if s.LogFormat == "json" {
		return slog.NewJSONHandler(os.Stderr, options)
	}
	return slog.NewTextHandler(os.Stderr, options)
}

// openRuntime opens the named library, or the one beside the working folder or the binary.
func openRuntime(explicit string, log *slog.Logger) (*onnx.Runtime, error) {
	roots := []string{"."}
	if binary, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(binary); err == nil {
			binary = real
		}
		roots = append(roots, filepath.Dir(binary), filepath.Dir(filepath.Dir(binary)), filepath.Join(filepath.Dir(filepath.Dir(binary)), "lib"))
	}
	path, err := onnx.FindLibrary(explicit, roots...)
	if err != nil {
		return nil, err
	}
	return onnx.Open(path, log)
}

// traces starts exporting when a standard variable asks for it; without one it is off.
func traces(ctx context.Context, log *slog.Logger) (trace.Tracer, func(), error) {
	asked := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" || os.Getenv("OTEL_TRACES_EXPORTER") == "otlp"
	if !asked || os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, func() {}, nil
	}
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	t, err := telemetry.StartTraces(ctx, protocol, version, func(err error) { log.Warn("traces", slog.Any("err", err)) })
	if err != nil {
		return nil, nil, err
	}
	return t.Tracer(), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := t.Shutdown(ctx); err != nil {
			log.Warn("send the last traces", slog.Any("err", err))
		}
	}, nil
}

// onHangup calls f on each SIGHUP until the returned function is called.
func onHangup(f func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			f()
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}

// notifier tells systemd about the server's state where it asks to be told:
// NOTIFY_SOCKET, as sd_notify(3) has it.
func notifier(log *slog.Logger) func(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	if strings.HasPrefix(socket, "@") {
		socket = "\x00" + socket[1:]
	}
	return func(state string) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err == nil {
			_, err = conn.Write([]byte(state))
			_ = conn.Close()
		}
		if err != nil {
			log.Warn("tell systemd", slog.String("state", state), slog.Any("err", err))
		}
	}
}

// terminationMessage leaves why the server ended where Kubernetes shows it.
func terminationMessage(err error) {
	f, openErr := os.OpenFile("/dev/termination-log", os.O_WRONLY|os.O_TRUNC, 0)
	if openErr != nil {
		return // not in such a container
	}
	_, _ = fmt.Fprintf(f, "galatea: %v\n", err)
	_ = f.Close()
}
