package servetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"galatea/backend"
	"galatea/backend/onnx"
	"galatea/internal/app"
)

// What tests set small and wait long for.
const (
	settle      = 100 * time.Millisecond // how long files stay as they are before they are loaded
	exitTimeout = 20 * time.Second       // a server that needs it has lost something
	deadline    = 30 * time.Second       // of Eventually
	look        = 10 * time.Millisecond  // how often Eventually looks
)

// Runtime opens the ONNX Runtime that `make onnxruntime` brought. The error names the
// command when it did not.
func Runtime() (backend.Backend, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	path, err := onnx.FindLibrary("", root)
	if err != nil {
		return nil, err
	}
	return onnx.Open(path, slog.New(slog.DiscardHandler))
}

// ModuleRoot is the folder of go.mod, above the package that is tested.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod above the working folder")
}

// Server is a running server.
type Server struct {
	App     *app.App
	Backend *Backend

	t       testing.TB
	client  *http.Client
	log     *record
	cancel  context.CancelFunc
	ended   chan struct{} // closed when Wait has returned
	waitErr error
	stopped bool
}

// Options are the application's.
type Options = app.Options

// Start starts a server and ends it with the test. Ports, times and the backend may be
// left out of o.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := TryStart(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TryStart is Start for a server that may refuse to.
func TryStart(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	s := &Server{t: t, log: &record{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}, ended: make(chan struct{})}
	s.Backend, _ = o.Backend.(*Backend)
	if s.Backend == nil {
		var err error
		if s.Backend, err = NewBackend(o.Backend); err != nil {
			return nil, err
		}
		o.Backend = s.Backend
	}
	o.HTTPAddress = "127.0.0.1"
	if o.Settle == 0 {
		o.Settle = settle
	}
	if o.ExitTimeout == 0 {
		o.ExitTimeout = exitTimeout
	}
	o.Logs = &app.Logs{}
	o.Log = slog.New(o.Logs.Handler(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: app.LowestLevel})))
	o.Version = "test"
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	a, err := app.Start(ctx, o)
	if err != nil {
		cancel()
		return nil, err
	}
	s.App, s.cancel = a, cancel
	go func() {
		defer close(s.ended)
		s.waitErr = a.Wait(ctx)
	}()
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("the server ended with: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	return s, nil
}

// Shutdown tells the server to end, as SIGTERM does, and returns at once.
func (s *Server) Shutdown() { s.cancel() }

// Ended returns what the server ended with; it waits for that.
func (s *Server) Ended() error {
	timer := time.NewTimer(deadline + exitTimeout)
	defer timer.Stop()
	select {
	case <-s.ended:
		return s.waitErr
	case <-timer.C:
		return fmt.Errorf("the server has not ended: its log:\n%s", s.log)
	}
}

// Stop ends the server, if it runs, and makes sure that nothing is left of it. It
// returns what Wait did; a second call does nothing.
func (s *Server) Stop() error {
	s.t.Helper()
	if s.stopped {
		return nil
	}
	s.stopped = true
	select {
	case <-s.ended:
	default:
		if s.App.MetricsAddr() != "" {
			s.checkBodies()
		}
	}
	s.client.CloseIdleConnections()
	s.cancel()
	began := time.Now()
	err := s.Ended()
	if took := time.Since(began); took > exitTimeout/2 {
		s.t.Errorf("the server took %v to end: a lease or a request is lost", took)
	}
	if models, instances := s.Backend.Open(); models != 0 || instances != 0 {
		s.t.Errorf("%d models and %d instances are left open", models, instances)
	}
	return err
}

// ctx is for requests; they go on while a test ends.
func (s *Server) ctx() context.Context { return context.WithoutCancel(s.t.Context()) }

// checkBodies waits until no request's body is held.
func (s *Server) checkBodies() {
	s.t.Helper()
	s.Eventually("no body of a request is held", func() error {
		if n, _ := s.Metric("galatea_http_inflight_bytes"); n != 0 {
			return fmt.Errorf("%v bytes of requests are held", n)
		}
		return nil
	})
}

// Log returns what the server has logged.
func (s *Server) Log() string { return s.log.String() }

// Eventually waits until check returns nil.
func (s *Server) Eventually(what string, check func() error) {
	s.t.Helper()
	if err := eventually(s.ctx(), check); err != nil {
		s.t.Fatalf("%s: not after %v: %v\nthe server's log:\n%s", what, deadline, err, s.log)
	}
}

// Ready waits until the server is ready.
func (s *Server) Ready() {
	s.t.Helper()
	s.Eventually("the server is ready", func() error {
		reply, err := s.Do(s.ctx(), Request{Method: http.MethodGet, Path: "/v2/health/ready"})
		if err == nil && reply.Status != http.StatusOK {
			err = fmt.Errorf("status %d", reply.Status)
		}
		return err
	})
}

// eventually looks until check returns nil, and returns its last error when it never does.
func eventually(ctx context.Context, check func() error) error {
	end := time.NewTimer(deadline)
	defer end.Stop()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-end.C:
			return err
		case <-ticker.C:
		}
	}
}

// record keeps what is logged.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
