package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves connections of one listener.
type Server struct {
	http   *http.Server
	base   context.Context //nolint:containedctx // the parent of every connection's
	cancel context.CancelFunc
	rest   *rest

	ending atomic.Bool
	dated  atomic.Pointer[dated]
	done   chan struct{} // closed when no more connections are accepted
	once   sync.Once
	work   sync.WaitGroup // the connections' goroutines

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]time.Time // and when they came
}

// New returns a server that treats its connections as s does, to which it hands over those
// that it does not serve itself: s's handler, timeouts and log count for both. s must not
// be used otherwise. Without an ErrorLog nothing is logged. Its ReadTimeout, BaseContext, ConnContext and ConnState are not for
// connections of the plain part.
func New(ctx context.Context, s *http.Server) *Server {
	base, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), http.ServerContextKey, s))
	return &Server{http: s, base: base, cancel: cancel, done: make(chan struct{}), conns: map[*conn]time.Time{}}
}

// Serve accepts connections until Shutdown or Close is called, and returns
// http.ErrServerClosed then. It is called once, and closes the listener.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener, s.rest = l, newRest(l.Addr())
	closed := s.ending.Load()
	s.mu.Unlock()
	if closed {
		return errors.Join(http.ErrServerClosed, l.Close())
	}
	others := make(chan error, 1)
	go func() { others <- s.http.Serve(s.rest) }()
	err := s.accept(l)
	if !s.ending.Load() {
		return errors.Join(err, s.Close(), ignoreClosed(<-others))
	}
	if err := ignoreClosed(<-others); err != nil {
		return err
	}
	return http.ErrServerClosed
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// The waits before a connection is accepted again, when there were too many.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
)

// accept serves each connection in a goroutine of its own.
func (s *Server) accept(l net.Listener) error {
	var wait time.Duration
	for {
		nc, err := l.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if s.ending.Load() || !errors.As(err, &temporary) || !temporary.Temporary() {
				return err
			}
			wait = min(max(2*wait, firstRetry), lastRetry)
			s.logf("http1: accept: %v; trying again in %v", err, wait)
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-s.done:
				timer.Stop()
			}
			continue
		}
		wait = 0
		if c := newConn(s, nc); s.add(c) {
			go func() {
				defer s.work.Done()
				c.serve()
				s.remove(c)
			}()
		} else {
			_ = nc.Close()
		}
	}
}

// add counts a connection, unless the server ends.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending.Load() {
		return false
	}
	s.conns[c] = time.Now()
	s.work.Add(1)
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// firstRequest is how long a new connection's first request is waited for by a server
// that ends. It is net/http's.
const firstRequest = 5 * time.Second

// end stops accepting, and ends the connections on which nothing happens. Those that are
// new are given a moment, since a request may be on its way.
func (s *Server) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	s.once.Do(func() { close(s.done) })
	s.http.SetKeepAlivesEnabled(false)
	for c, came := range s.conns {
		switch {
		case c.place.CompareAndSwap(idle, ended):
			_ = c.net.Close()
		case c.place.Load() == fresh:
			_ = c.net.SetReadDeadline(came.Add(firstRequest))
		}
	}
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting and waits until the requests under way have been answered, or
// ctx ends, whose error it returns then.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.work.Wait()
	}()
	select {
	case <-ended:
		s.cancel()
		return errors.Join(err, s.http.Shutdown(ctx))
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// Close ends all connections at once, and the contexts of the requests under way. It does
// not wait for their handlers.
func (s *Server) Close() error {
	err := s.end()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.net.Close()
	}
	s.mu.Unlock()
	s.cancel()
	return errors.Join(err, s.http.Close())
}

func (s *Server) logf(format string, args ...any) {
	if s.http.ErrorLog != nil {
		s.http.ErrorLog.Printf(format, args...)
	}
}

// dated is a second as a header has it.
type dated struct {
	second int64
	text   string
}

// date is the time now as a Date header has it.
func (s *Server) date() string {
	now := time.Now()
	if d := s.dated.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
	s.dated.Store(d)
	return d.text
}
