package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// odd does what a path asks for.
func odd(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo":
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %q %v", r.Method, r.RequestURI, r.Host, body, err)
	case "/ignore":
		_, _ = io.WriteString(w, "not read")
	case "/large", "/large/measured":
		if strings.HasSuffix(r.URL.Path, "measured") {
			w.Header().Set("Content-Length", "100010")
		}
		_, _ = w.Write([]byte("0123456789"))
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
	case "/stream":
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		}
	case "/flush":
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	case "/none":
		w.WriteHeader(http.StatusNoContent)
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	case "/same":
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
	case "/teapot":
		w.Header()["X-Twice"] = []string{"a", "b"}
		w.Header().Set("X-Injected", "a\r\nSet-Cookie: b")
		w.Header().Set("Bad Name", "a")
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
	case "/unknown":
		w.WriteHeader(799)
	case "/close":
		w.Header().Set("Connection", "close")
	case "/short":
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("short"))
	case "/long":
		w.Header().Set("Content-Length", "3")
		_, _ = w.Write([]byte("lon"))
		if _, err := w.Write([]byte("g")); !errors.Is(err, http.ErrContentLength) {
			panic(err)
		}
	case "/panic":
		panic("on purpose")
	case "/abort":
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	case "/headers":
		_ = r.Header.Write(w)
	}
}

// quiet is a server of net/http that this package's may use.
func quiet(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, WriteTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// start serves on a port until the test ends, with this package or with net/http.
func start(t *testing.T, s *http.Server, plain bool) (address string, server *Server) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve, end := s.Serve, s.Close
	if plain {
		server = New(t.Context(), s)
		serve, end = server.Serve, server.Close
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String(), server
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// conversation sends pieces one after the other, and returns all that is answered until
// the server closes the connection, with the lines of heads in order and without dates.
func conversation(t *testing.T, address string, pieces ...string) string {
	t.Helper()
	conn := dial(t, address)
	go func() {
		for _, p := range pieces {
			if _, err := io.WriteString(conn, p); err != nil {
				return // refused, which the answer tells
			}
		}
	}()
	all, err := io.ReadAll(conn)
	if err != nil {
		return string(all) + "\n" + err.Error()
	}
	var b strings.Builder
	for part := range strings.SplitAfterSeq(string(all), "\r\n\r\n") {
		lines := strings.Split(part, "\r\n")
		if len(lines) > 3 {
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Date: ") })
			slices.Sort(lines)
		}
		b.WriteString(strings.Join(lines, "\n"))
	}
	return b.String()
}

// last makes a request the last one of its connection.
const last = "GET /teapot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// conversations are what callers say; the server's answers must be those of net/http.
var conversations = map[string]string{
	"a request":                "GET /echo?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
	"a body":                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
	"two at once":              "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nyou",
	"the same twice":           strings.Repeat("POST /echo HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 5\r\n\r\nhello", 2),
	"headers":                  "GET /headers HTTP/1.1\r\nHost: x\r\nb: 1\r\nA: 2\r\nB: 3\r\nEmpty:\r\n\r\n",
	"chunks":                   "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"line ends after a body":   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\r\n",
	"a line feed after a body": "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\n",
	"more line ends than four": "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n\r\n",
	"line ends after no POST":  "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n\r\n",
	"chunks after a body":      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"both lengths":             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"an expectation":           "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
	"a head of 20 KiB":         "GET /echo HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 20<<10) + "\r\n\r\n",
	"a head of 100 lines":      "GET /headers HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 100) + "\r\n",
	"a body of 100 KB":         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("b", 100_000),
	"a body that nobody reads": "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789",
	"an answer without a body": "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
	"an answer not modified":   "GET /same HTTP/1.1\r\nHost: x\r\n\r\n",
	"an answer of nothing":     "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n",
	"a head of an answer":      "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n",
	"a head of a large answer": "HEAD /large/measured HTTP/1.1\r\nHost: x\r\n\r\n",
	"a head of pieces":         "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n",
	"a head of nothing":        "HEAD /empty HTTP/1.1\r\nHost: x\r\n\r\n",
	"a large measured answer":  "GET /large/measured HTTP/1.1\r\nHost: x\r\n\r\n",
	"an answer in pieces":      "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
	"an answer of a flush":     "GET /flush HTTP/1.1\r\nHost: x\r\n\r\n",
	"odd headers":              "GET /teapot HTTP/1.1\r\nHost: x\r\n\r\n",
	"an unknown status":        "GET /unknown HTTP/1.1\r\nHost: x\r\n\r\n",
	"the handler closes":       "GET /close HTTP/1.1\r\nHost: x\r\n\r\n",
	"more than its length":     "GET /long HTTP/1.1\r\nHost: x\r\n\r\n",
	"less than its length":     "GET /short HTTP/1.1\r\nHost: x\r\n\r\n",
	"a panic":                  "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n",
	"a panic half way":         "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n",
	"no host":                  "GET /echo HTTP/1.1\r\n\r\n",
	"two hosts":                "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	"an old protocol":          "GET /echo HTTP/1.0\r\n\r\n",
	"no HTTP at all":           "hello\r\n\r\n",
	"a wrong length of a body": "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	"two lengths of a body":    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"a wrong header":           "GET /echo HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
	"a folded header":          "GET /headers HTTP/1.1\r\nHost: x\r\nA: b\r\n  c\r\n\r\n",
}

func TestTheAnswersAreThoseOfNetHTTP(t *testing.T) {
	theirs, _ := start(t, quiet(http.HandlerFunc(odd)), false)
	ours, _ := start(t, quiet(http.HandlerFunc(odd)), true)
	for name, said := range conversations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said += last
			want := conversation(t, theirs, said)
			bytewise := strings.SplitAfter(said, "")
			if len(bytewise) > 1000 {
				bytewise = []string{said[:500], said[500:]}
			}
			inPieces := [][]string{{said}, {said[:len(said)/2], said[len(said)/2:]}, bytewise}
			if strings.Contains(want, "400 Bad Request") || strings.Contains(want, "HTTP/1.0") { // net/http closes at once, so that more resets the connection
				inPieces = inPieces[:1]
			}
			for _, pieces := range inPieces {
				if got := conversation(t, ours, pieces...); got != want {
					t.Errorf("in %d pieces, got\n%s\nwant\n%s", len(pieces), got, want)
				}
			}
		})
	}
}

func TestALargeAnswerOfNoLengthIsChunked(t *testing.T) {
	address, _ := start(t, quiet(http.HandlerFunc(odd)), true)
	conn := dial(t, address)
	fmt.Fprint(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != 100_010 || !slices.Equal(resp.TransferEncoding, []string{"chunked"}) || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d bytes, %v, %v", len(body), resp.Header, err)
	}
}

// slow waits for release, and counts those who leave.
type slow struct {
	entered, left chan struct{}
	release       chan struct{}
}

func newSlow() *slow {
	return &slow{entered: make(chan struct{}, 8), left: make(chan struct{}, 8), release: make(chan struct{})}
}

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/quick" {
		_, _ = io.WriteString(w, "quick")
		return
	}
	if r.URL.Path != "/unread" {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	s.entered <- struct{}{}
	select {
	case <-s.release:
		_, _ = io.WriteString(w, "done")
	case <-r.Context().Done():
		s.left <- struct{}{}
	}
}

func TestACallerWhoLeavesEndsTheRequest(t *testing.T) {
	h := newSlow()
	address, _ := start(t, quiet(h), true)
	for _, path := range []string{"/", "/unread"} {
		conn := dial(t, address)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", path)
		<-h.entered
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		<-h.left
	}
}

func TestWhatIsSentWhileARequestRunsIsNotLost(t *testing.T) {
	h := newSlow()
	address, server := start(t, quiet(h), true)
	for name, tt := range map[string]struct {
		path string
		wait time.Duration
	}{
		"before anybody looks":            {"/", 0},
		"after somebody has looked":       {"/", 2 * noticeAfter},
		"behind a body that nobody reads": {"/unread", 2 * noticeAfter},
	} {
		t.Run(name, func(t *testing.T) {
			h.release = make(chan struct{})
			conn := dial(t, address)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", tt.path)
			<-h.entered
			<-time.After(tt.wait)
			fmt.Fprint(conn, "GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			<-time.After(tt.wait)
			close(h.release)
			all, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(all), "done") || !strings.HasSuffix(string(all), "quick") {
				t.Errorf("%q, %v", all, err)
			}
		})
	}
	if server.ending.Load() {
		t.Error("the server ends")
	}
}

func TestShutdownLosesNothing(t *testing.T) {
	h := newSlow()
	address, server := start(t, quiet(h), true)
	running, waiting, other := dial(t, address), dial(t, address), dial(t, address)
	fmt.Fprint(running, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	fmt.Fprint(waiting, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
	fmt.Fprint(other, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	<-h.entered
	<-h.entered
	idle := bufio.NewReader(waiting)
	resp, err := http.ReadResponse(idle, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	untilItHas(t, server, 2)  // the other one has been handed over
	fresh := dial(t, address) // its request is on its way
	untilItHas(t, server, 3)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-server.done
	fmt.Fprint(fresh, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
	for name, conn := range map[string]net.Conn{"idle": waiting, "new": fresh} {
		rest, err := io.ReadAll(conn)
		if err != nil || name == "new" && !strings.Contains(string(rest), "Connection: close\r\n\r\nquick") {
			t.Errorf("%s: %q, %v", name, rest, err)
		}
	}
	close(h.release)
	for name, conn := range map[string]net.Conn{"running": running, "handed over": other} {
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasSuffix(string(all), "done") || !strings.Contains(string(all), "Connection: close\r\n") {
			t.Errorf("%s: %q, %v", name, all, err)
		}
	}
	wg.Wait()
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
		t.Error("it still listens")
	}
}

// untilItHas waits until the server has so many connections of its own.
func untilItHas(t *testing.T, s *Server, n int) {
	t.Helper()
	for range 1000 {
		s.mu.Lock()
		have := len(s.conns)
		s.mu.Unlock()
		if have == n {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("the server does not come to %d connections", n)
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	h := newSlow()
	address, server := start(t, quiet(h), true)
	conn := dial(t, address)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-h.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	<-h.left
	server.work.Wait()
}
