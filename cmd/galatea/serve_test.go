package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWhatTheFlagsSayOfTheFrontsIsSo(t *testing.T) {
	s := serve(t, nil, "--shutdown-delay=0s", "--no-strict-triton", "--allow-client-shm", "--cors-origin=https://a.example",
		"--http-restricted-api=trace,logging,inference:key=secret", "--grpc-restricted-protocol=inference:key=secret")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, tt := range []struct {
		path, key, origin string
		status            int
		body, allowed     string
	}{
		{"/v2/health/live", "", "", 200, `{"live":true}`, ""},
		{"/v2/systemsharedmemory/status", "", "", 200, "[]", ""},
		{"/v2/trace/setting", "", "", 403, `{"error":"This API is restricted, expecting header 'key'"}`, ""},
		{"/v2/logging", "wrong", "", 403, `{"error":"This API is restricted, expecting header 'key'"}`, ""},
		{"/v2/logging", "secret", "", 200, `{"log_error":true`, ""},
		{"/v2", "", "https://a.example", 200, `{"name":"galatea"`, "https://a.example"},
		{"/v2", "", "https://b.example", 200, `{"name":"galatea"`, ""},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+tt.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Key", tt.key)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || !strings.HasPrefix(string(body), tt.body) || resp.Header.Get("Access-Control-Allow-Origin") != tt.allowed {
			t.Errorf("%s with %q from %q: %d %.200s, %v, %v", tt.path, tt.key, tt.origin, resp.StatusCode, body, resp.Header, err)
		}
	}

	for _, c := range []command{
		{"infer slow --input 1", 1, `expecting header 'key': --header=key:VALUE sends it$`},
		{"infer slow --input 1 --header=key:secret", 0, `^y +`},
		{"infer slow --input 1 --header=key:wrong", 1, `expecting header 'key'`},
		{"infer slow --input 1 --header=key", 2, `"key" is no header: expected NAME:VALUE`},
		{"infer slow --input 1 -H", 2, `header`},
		{"infer slow --input 1 --header=a\u00e4:x", 2, `is no header`},
		{"bench slow --protocol=grpc --input 1 --duration=100ms --warmup=0s --concurrency=1 --quiet --header=key:secret --header=triton-grpc-protocol-key:secret --grpc-server=" + s.grpc, 0, `^CALLERS`},
	} {
		c.try(t, s)
	}
	command{"bench slow --protocol=grpc --header=key:secret --input 1 --quiet --grpc-server=" + s.grpc, 1, `Unavailable This protocol is restricted, expecting header 'triton-grpc-protocol-key'$`}.try(t, s)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.end()
}
