package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/config"
	"galatea/internal/onnxtest"
	"galatea/repository"
)

// options are those of a server over a repository with one model.
func options(t *testing.T, b backend.Backend) Options {
	t.Helper()
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(2))
	return Options{
		Repositories: []string{root}, HTTPAddress: "127.0.0.1", Settle: time.Millisecond, ExitTimeout: 10 * time.Second,
		Backend: b, Log: slog.New(slog.DiscardHandler), Logs: &Logs{},
	}
}

// taken listens on a port for the rest of the test.
func taken(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// free returns a port that nobody listens on.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		break_ func(t *testing.T, o *Options)
		want   string
	}{
		{"the port is taken", func(t *testing.T, o *Options) { o.HTTPPort = taken(t) }, "--http-port: "},
		{"the metrics port is taken", func(t *testing.T, o *Options) { o.MetricsPort = taken(t) }, "--metrics-port: "},
		{"the address is none", func(_ *testing.T, o *Options) { o.HTTPAddress = "nowhere.invalid" }, "--http-port: "},
		{"the repository is not there", func(_ *testing.T, o *Options) { o.Repositories = []string{"/nowhere"} }, `model repository "/nowhere": no such file or directory`},
		{"the configuration is not there", func(_ *testing.T, o *Options) { o.ConfigFile = "/nowhere.yaml" }, "configuration: open /nowhere.yaml: no such file or directory"},
		{"the flags contradict the configuration", func(_ *testing.T, o *Options) {
			o.Override = func(c *config.Server) { c.HTTP.MaxInflightBytes = 1 }
		}, "configuration: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, &fake.Backend{})
			o.HTTPPort = free(t)
			port := o.HTTPPort
			tt.break_(t, &o)
			a, err := Start(t.Context(), o)
			if a != nil || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want one line with %q", err, tt.want)
			}
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err != nil {
				t.Fatalf("the port is still taken: %v", err)
			}
			_ = l.Close()
		})
	}
}

// stuck is a backend whose loads end only when they are told to.
type stuck struct{}

func (stuck) Load(ctx context.Context, _ backend.Artifact) (backend.Model, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestALostListenerEndsTheServerEvenWhileModelsLoad(t *testing.T) {
	a, err := Start(t.Context(), options(t, stuck{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.http.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Wait(t.Context()) }()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("it ended with %v", err)
		}
	case <-timer.C:
		t.Fatal("it has not ended")
	}
}

func TestTheEndCancelsLoads(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	o := options(t, stuck{})
	o.Notify = func(state string) { told = append(told, state) }
	a, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := a.Wait(ctx); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if len(told) != 1 || told[0] != "STOPPING=1" {
		t.Errorf("the service manager was told %q", told)
	}
}

func TestExitOnErrorSaysWhatFailed(t *testing.T) {
	o := options(t, &fake.Backend{LoadError: func(backend.Artifact) error { return repository.Terminal(errors.New("no luck")) }})
	o.ExitOnError = true
	o.ShutdownDelay = time.Hour // which only a signal brings
	a, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); !errors.Is(err, ErrFirstPass) || err.Error() != "a model failed to load: m/1: no luck" {
		t.Errorf("it ended with %v", err)
	}
}

// running starts a server and waits for its first pass; it ends with the test.
func running(t *testing.T, o Options) *App {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	a, err := Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Wait(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	<-a.FirstPass()
	return a
}

func get(t *testing.T, url string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestMetricsAndProfilesAreWhereTheyShouldBe(t *testing.T) {
	for _, tt := range []struct {
		name             string
		port             int
		pprof            bool
		metrics, profile int // statuses; 0: no port
	}{
		{"metrics", 0, false, 200, 404},
		{"metrics and profiles", 0, true, 200, 200},
		{"none", -1, true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, &fake.Backend{})
			o.MetricsPort, o.Pprof = tt.port, tt.pprof
			a := running(t, o)
			if status := get(t, "http://"+a.HTTPAddr()+"/metrics"); status != 404 {
				t.Errorf("metrics on the front: %d", status)
			}
			if tt.metrics == 0 {
				if addr := a.MetricsAddr(); addr != "" {
					t.Errorf("metrics at %s", addr)
				}
				return
			}
			if status := get(t, "http://"+a.MetricsAddr()+"/metrics"); status != tt.metrics {
				t.Errorf("metrics: %d", status)
			}
			for _, path := range []string{"", "cmdline", "symbol", "heap"} {
				if status := get(t, "http://"+a.MetricsAddr()+"/debug/pprof/"+path); status != tt.profile {
					t.Errorf("profile %q: %d", path, status)
				}
			}
		})
	}
}

func TestReloadAppliesAllOrNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "galatea.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	o := options(t, &fake.Backend{})
	o.ConfigFile = file
	o.Override = func(c *config.Server) { c.Models.DefaultMaxQueueSize = 7 } // a flag wins over the file
	a := running(t, o)
	write("models: {default_max_batch_size: 3, default_max_queue_size: 5}\nhttp: {max_input_size: 1KiB}\nlog: {verbose: 1}\n")
	if err := a.Reload(); err != nil {
		t.Fatal(err)
	}
	if d := a.live.Load().Defaults(); d.MaxBatchSize != 3 || d.MaxQueueSize != 7 || a.live.Load().HTTP.MaxInputSize != 1024 || o.Logs.LogSettings().Verbose != 1 || !a.configOK.Load() {
		t.Errorf("applied is %+v", a.live.Load())
	}
	for _, wrong := range []string{"models: {default_max_batch_size: 9}\nlog: {verbose: many}\n", "log: {verbose: 0}\nhttp: {max_input_size: 2MiB, max_inflight_bytes: 1MiB}\n", "models: ["} {
		write(wrong)
		if err := a.Reload(); err == nil || !strings.HasPrefix(err.Error(), "configuration: "+file+":") {
			t.Errorf("%q: %v", wrong, err)
		}
		if d := a.live.Load().Defaults(); d.MaxBatchSize != 3 || o.Logs.LogSettings().Verbose != 1 || a.configOK.Load() {
			t.Errorf("%q was applied in part: %+v", wrong, a.live.Load())
		}
	}
	write("")
	if err := a.Reload(); err != nil || o.Logs.LogSettings().Verbose != 0 || !a.configOK.Load() {
		t.Errorf("%v, logs %+v", err, o.Logs.LogSettings())
	}
}
