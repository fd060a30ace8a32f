package loadclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/internal/loadclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func post(body string) []byte {
	return loadclient.Request(http.MethodPost, "localhost", "/x", []loadclient.Header{{Name: "X-Test", Value: "1"}}, []byte(body))
}

func TestEveryConnectionGetsItsOwnAnswers(t *testing.T) {
	long := strings.Repeat("long ", 100_000) // larger than every buffer
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Test") != "1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", "500002")
		if len(body) < len(long) {
			w.Header().Del("Content-Length")
		}
		_, _ = w.Write(append([]byte("re"), body...))
	})
	bodies := []string{"a", "", long, "bb"}
	var requests [][]byte
	for _, b := range bodies {
		requests = append(requests, post(b))
	}
	var checked atomic.Int64
	for _, threads := range []int{1, 3} {
		checked.Store(0)
		r, err := loadclient.Run(t.Context(), loadclient.Options{
			Address: address, Requests: requests, Connections: 10, Threads: threads, Duration: time.Minute, MaxRequests: 501,
			Check: func(request, _ int, body []byte) error {
				checked.Add(1)
				if !bytes.Equal(body, []byte("re"+bodies[request])) {
					return errors.New("another's answer")
				}
				return nil
			},
		})
		if err != nil || r.Errors != 0 {
			t.Fatalf("%d errors, first %v, %v", r.Errors, r.First, err)
		}
		if r.Answers != 501 || r.Total != 501 || r.Latency.Count() != 501 || checked.Load() != 10 {
			t.Errorf("%d answers, %d in all, %d timed, %d checked", r.Answers, r.Total, r.Latency.Count(), checked.Load())
		}
		if r.Elapsed <= 0 || r.Elapsed > 30*time.Second || r.Rate() <= 0 {
			t.Errorf("took %v, %v a second", r.Elapsed, r.Rate())
		}
	}
}

func TestTheTimeIsBoundedAndTheWarmUpIsNotMeasured(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: address, Requests: [][]byte{post("")}, Connections: 2, WarmUp: 50 * time.Millisecond, Duration: 50 * time.Millisecond,
	})
	if err != nil || r.Errors != 0 {
		t.Fatal(r.First, err)
	}
	if r.Elapsed != 50*time.Millisecond || r.Answers == 0 || r.Total <= r.Answers {
		t.Errorf("%d of %d answers measured in %v", r.Answers, r.Total, r.Elapsed)
	}
}

func TestWhatTheServerDoesWrongIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   string
	}{
		"refusal":        {"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy", "status 503: busy"},
		"chunks":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "no Content-Length"},
		"another":        {"SSH-2.0-OpenSSH\r\n\r\n", "it starts with"},
		"half a status":  {"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "status"},
		"negative":       {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"},
		"too much":       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "1 bytes too many"},
		"half an answer": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "connection lost"},
		"nothing":        {"", "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := loadclient.Run(t.Context(), loadclient.Options{
				Address: raw(t, c.answer), Requests: [][]byte{post("x")}, MaxRequests: 1, Duration: 5 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"refusal": 1}[name]; len(r.Refusals) != want || want == 1 && r.Refusals[503].Count() != 1 {
				t.Errorf("refusals %v", r.Refusals)
			}
			if r.Errors != 1 || r.Answers != 0 || !strings.Contains(r.First.Error(), c.want) {
				t.Errorf("%d errors, %d answers, first %v", r.Errors, r.Answers, r.First)
			}
		})
	}
}

// raw serves one connection: it reads a little, answers, and closes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write([]byte(answer))
		_ = c.Close()
	}()
	return l.Addr().String()
}

func TestAFailedCheckIsAnError(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("wrong")) })
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: address, Requests: [][]byte{post("")}, MaxRequests: 3, Duration: 5 * time.Second,
		Check: func(int, int, []byte) error { return errors.New("not that") },
	})
	if err != nil || r.Errors != 1 || r.First.Error() != "not that" {
		t.Errorf("%d errors, %v, %v", r.Errors, r.First, err)
	}
}

func TestTheEndOfTheContextEndsTheLoad(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(20*time.Millisecond, cancel)
	defer stop.Stop()
	began := time.Now()
	r, err := loadclient.Run(ctx, loadclient.Options{Address: address, Requests: [][]byte{post("")}, Connections: 4, Duration: time.Minute})
	if err != nil || r.Errors != 0 || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v, %v", r.First, time.Since(began), err)
	}
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := loadclient.Run(t.Context(), loadclient.Options{
		Address: l.Addr().String(), Requests: [][]byte{post("")}, Duration: 10 * time.Millisecond, Patience: 10 * time.Millisecond,
	})
	if err != nil || r.Errors != 1 || !strings.Contains(r.First.Error(), "1 requests are still without an answer") {
		t.Errorf("%d errors, %v, %v", r.Errors, r.First, err)
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for _, address := range []string{"192.0.2.1:80", "0.0.0.0:80", "localhost:80", "127.0.0.1", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:80", ""} {
		_, err := loadclient.Run(t.Context(), loadclient.Options{Address: address, Requests: [][]byte{post("")}})
		if !errors.Is(err, loadclient.ErrAddress) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := loadclient.Run(t.Context(), loadclient.Options{Address: "127.0.0.1:1", Requests: [][]byte{post("")}}); err == nil {
		t.Error("connected to nobody")
	}
}

func BenchmarkRun(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	defer func() { _ = s.Close(); <-done }()
	b.ReportAllocs()
	r, err := loadclient.Run(b.Context(), loadclient.Options{
		Address: l.Addr().String(), Requests: [][]byte{post("")}, Connections: 32, Duration: time.Hour, MaxRequests: uint64(b.N),
	})
	if err != nil || r.Errors != 0 {
		b.Fatal(r.First, err)
	}
	b.ReportMetric(r.Rate(), "requests/s")
}
