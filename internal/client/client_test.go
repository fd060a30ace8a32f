package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// of returns a client of a server that answers so.
func of(t *testing.T, o Options, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := New(s.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAddresses(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://127.0.0.1:8000": true, "localhost:8000": true, "https://models.example/galatea/": true,
		"": false, "ftp://x": false, "http://": false, "http://x?y": false,
	} {
		if _, err := New(text, Options{}); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsAreTheServersWords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		says   string
	}{
		{"its own text", 409, `{"error":"not possible now"}`, "not possible now"},
		{"another server", 502, `<html>`, "is it a Galatea server?"},
		{"a server without the path", 404, `{"error":"Not Found"}`, "it may be an older release"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := of(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprint(w, tt.body)
			})
			_, err := c.Rollback(t.Context(), "m", "")
			told, is := errors.AsType[*ServerError](err)
			if !is || told.Status != tt.status || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	c, err := New("http://127.0.0.1:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Models(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer from http://127.0.0.1:1") || !strings.Contains(err.Error(), "--server") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Models(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A stream that breaks goes on where it was.
func TestFollowGoesOn(t *testing.T) {
	var streams atomic.Int32
	event := func(n int) string {
		return fmt.Sprintf("id: %d\nevent: ready\ndata: {\"seq\":%d,\"kind\":\"ready\",\"time\":\"2026-01-01T00:00:00Z\"}\n\n", n, n)
	}
	c := of(t, Options{Retry: time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			_, _ = fmt.Fprint(w, `{"events":[{"seq":1,"time":"2026-01-01T00:00:00Z"},{"seq":2,"time":"2026-01-01T00:00:00Z"}]}`)
			return
		}
		switch streams.Add(1) {
		case 1:
			_, _ = fmt.Fprint(w, event(1)+event(2))
		default:
			if got := r.Header.Get("Last-Event-ID"); got != "2" {
				t.Errorf("goes on after %q", got)
			}
			_, _ = fmt.Fprint(w, event(3))
		}
	})
	var seen []uint64
	enough := errors.New("enough")
	err := c.Follow(t.Context(), 0, func(e Event) error {
		if seen = append(seen, e.Seq); e.Seq == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || fmt.Sprint(seen) != "[1 2 3]" {
		t.Errorf("saw %v, then %v", seen, err)
	}
}
