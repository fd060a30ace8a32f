package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubbleOf serves one connection in virtual time, as s says.
func bubbleOf(t *testing.T, s *http.Server, f func(t *testing.T, server *Server, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := New(t.Context(), s)
		l := newRest(&net.UnixAddr{Name: "pipe"})
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		client, conn := net.Pipe()
		defer func() {
			_ = client.Close()
			if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		}()
		l.give(conn)
		f(t, server, client)
	})
}

// bubble does so with the timeouts of these tests.
func bubble(t *testing.T, h http.HandlerFunc, f func(t *testing.T, conn net.Conn)) {
	t.Helper()
	bubbleOf(t, quiet(h), func(t *testing.T, _ *Server, conn net.Conn) { f(t, conn) })
}

// untilClosed says how long the server keeps the connection, from began on.
func untilClosed(conn net.Conn, began time.Time) (time.Duration, string) {
	all, err := io.ReadAll(conn)
	if err != nil {
		return 0, err.Error()
	}
	return time.Since(began), string(all)
}

func TestAConnectionOnWhichNothingComesIsClosed(t *testing.T) {
	const request = "GET /ignore HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tt := range map[string]struct {
		silence     time.Duration // before what is said
		said        string
		pause       time.Duration // before what is said then
		then        string
		least, most time.Duration // from the beginning on
		answerHolds string
	}{
		"nothing":                {least: 10 * time.Second, most: 10 * time.Second},
		"half a head":            {said: "GET / HTTP/1.1\r\n", least: 10 * time.Second, most: 10 * time.Second},
		"half a head, late":      {silence: 7 * time.Second, said: "GET / HTTP/1.1\r\n", least: 10 * time.Second, most: 10 * time.Second},
		"a request":              {said: request, least: time.Minute, most: time.Minute, answerHolds: "not read"},
		"a request, late":        {silence: 9 * time.Second, said: request, least: 69 * time.Second, most: 69 * time.Second, answerHolds: "not read"},
		"another, soon":          {said: request, pause: 2 * time.Second, then: request, least: time.Minute, most: 62 * time.Second, answerHolds: "not read"},
		"another, late":          {said: request, pause: 50 * time.Second, then: request, least: 110 * time.Second, most: 110 * time.Second, answerHolds: "not read"},
		"half of another, late":  {said: request, pause: 50 * time.Second, then: "GET /", least: time.Minute, most: time.Minute, answerHolds: "not read"},
		"two, the second a half": {silence: time.Second, said: request + "GET /", least: 10 * time.Second, most: 11 * time.Second, answerHolds: "not read"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, odd, func(t *testing.T, conn net.Conn) {
				began := time.Now()
				go func() {
					time.Sleep(tt.silence)
					fmt.Fprint(conn, tt.said)
					time.Sleep(tt.pause)
					fmt.Fprint(conn, tt.then)
				}()
				after, text := untilClosed(conn, began)
				if after < tt.least || after > tt.most || !strings.Contains(text, tt.answerHolds) {
					t.Errorf("closed after %v, want %v to %v: %q", after, tt.least, tt.most, text)
				}
			})
		})
	}
}

func TestAReaderWhoStallsIsGivenUp(t *testing.T) {
	began := time.Now()
	bubble(t, odd, func(t *testing.T, conn net.Conn) {
		began = time.Now()
		fmt.Fprint(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
		if after := time.Since(began); after > 3*time.Minute {
			t.Errorf("given up after %v", after)
		}
	})
}

func TestTheHandlersDeadlineForABodyHolds(t *testing.T) {
	var failed error
	h := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(3 * time.Second))
		_, failed = io.ReadAll(r.Body)
	}
	bubble(t, h, func(t *testing.T, conn net.Conn) {
		began := time.Now()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
		after, text := untilClosed(conn, began)
		if after != 3*time.Second || !strings.Contains(text, "200 OK") || !strings.Contains(text, "Connection: close") {
			t.Errorf("after %v: %q", after, text)
		}
		var timeout net.Error
		if !errors.As(failed, &timeout) || !timeout.Timeout() {
			t.Errorf("the handler saw %v", failed)
		}
	})
}

func TestTheFirstRequestMayTakeItsTimeWhenTheServerEnds(t *testing.T) {
	bubbleOf(t, &http.Server{Handler: http.HandlerFunc(odd)}, func(t *testing.T, server *Server, conn net.Conn) {
		synctest.Wait()
		go func() { _ = server.Shutdown(context.WithoutCancel(t.Context())) }()
		time.Sleep(firstRequest / 2)
		fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
		time.Sleep(firstRequest)
		go func() { fmt.Fprint(conn, "lf") }()
		if all, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(all), `"half" <nil>`) {
			t.Errorf("%q, %v", all, err)
		}
	})
}

func TestAHandlersDeadlineForItsAnswerIsItsOwn(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hurry" {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second))
		}
		fmt.Fprint(w, r.URL.Path)
	}
	for _, limit := range []time.Duration{0, time.Minute} {
		bubbleOf(t, &http.Server{Handler: http.HandlerFunc(h), WriteTimeout: limit}, func(t *testing.T, _ *Server, conn net.Conn) {
			answers := bufio.NewReader(conn)
			for _, path := range []string{"/hurry", "/next"} {
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatalf("limit %v, %s: %v", limit, path, err)
				}
				_ = resp.Body.Close() // reads it
				time.Sleep(2 * time.Second)
			}
		})
	}
}
