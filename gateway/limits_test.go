package gateway_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"galatea/config"
	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

func packed(encoding string, data []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := w.Write(data); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func encoded(encoding string) map[string]string {
	return map[string]string{"Content-Encoding": encoding}
}

func tooLarge(n int) string {
	return fmt.Sprintf("request JSON size of %d bytes exceeds the maximum allowed input size of %d bytes. Use --http-max-input-size to increase the limit.", n, maxInput)
}

// atLimit is a request of the largest size that is taken.
func atLimit() string { return inputs(good) + strings.Repeat(" ", maxInput-len(inputs(good))) }

func TestABodyOfJustTheLimitIsTaken(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	if reply := s.Post("/v2/models/scale/infer", atLimit()); reply.Status != http.StatusOK {
		t.Errorf("got %v", reply)
	}
}

// Without a Content-Length nothing but reading shows how large a body is.
func TestChunkedBodies(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	send := func(r io.Reader, encoding string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL("/v2/models/scale/infer"), io.MultiReader(r)) // hides the length
		if err != nil {
			t.Fatal(err)
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for _, n := range []int{0, 65_536, 65_537, 500_000, maxInput - len(inputs(good))} {
		if status, text := send(strings.NewReader(inputs(good)+strings.Repeat(" ", n)), ""); status != http.StatusOK {
			t.Errorf("%d bytes of white space: %d %s", n, status, text)
		}
	}
	if status, text := send(strings.NewReader(inputs(good)+strings.Repeat(" ", 2*maxInput)), ""); status != http.StatusBadRequest || !strings.Contains(text, "exceeds the maximum allowed input size") {
		t.Errorf("too large: %d %s", status, text)
	}
	for _, encoding := range []string{"gzip", "deflate", "GZIP"} {
		if status, text := send(bytes.NewReader(packed(strings.ToLower(encoding), []byte(inputs(good)))), encoding); status != http.StatusOK {
			t.Errorf("%s: %d %s", encoding, status, text)
		}
	}
	// A compressed body that goes on for ever without giving anything.
	empty := packed("gzip", nil)
	if status, text := send(bytes.NewReader(bytes.Repeat(empty, 2*maxInput/len(empty))), "gzip"); status != http.StatusBadRequest || !strings.Contains(text, "exceeds the maximum allowed input size") {
		t.Errorf("endless nothing: %d %s", status, text)
	}
	goesOn(t, s)
}

func TestAnswersAreCompressedOnDemand(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	body := inputs(x("[64,4]", "FP32", "["+strings.Repeat("0.123456,", 255)+"1]"))
	plain := s.Post("/v2/models/scale/infer", body)
	for _, tt := range []struct{ accept, encoding string }{
		{"gzip", "gzip"},
		{"deflate", "deflate"},
		{"deflate;q=0.5, gzip;q=0.8", "gzip"},
		{"gzip;q=0.1,deflate;q=0.2", "deflate"},
		{"gzip;q=0", ""},
		{"br", ""},
		{"identity, gzip;q=0.5", ""},
		{"", ""},
		{"gzip;q=much", ""},
		{" GZIP ", "gzip"},
	} {
		reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/scale/infer", Body: []byte(body), Header: map[string]string{"Accept-Encoding": tt.accept}})
		if err != nil {
			t.Fatal(err)
		}
		if got := reply.Header.Get("Content-Encoding"); got != tt.encoding {
			t.Errorf("Accept-Encoding %q: got %q, want %q", tt.accept, got, tt.encoding)
		}
		var from io.Reader = bytes.NewReader(reply.Body)
		switch tt.encoding {
		case "gzip":
			from, err = gzip.NewReader(from)
		case "deflate":
			from, err = zlib.NewReader(from)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(from); err != nil || !bytes.Equal(got, plain.Body) {
			t.Errorf("Accept-Encoding %q: %v, got %.100q", tt.accept, err, got)
		}
	}
	small, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/scale/infer", Body: []byte(inputs(good)), Header: map[string]string{"Accept-Encoding": "gzip"}})
	if err != nil || small.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small answer is compressed: %v, %v", small.Header, err)
	}
}

// What all bodies may hold together is bounded, and what one holds comes back when it
// ends, however it does.
func TestAllBodiesInFlightAreBounded(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 1, onnxtest.Scale(2))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}, Override: func(c *config.Server) {
		c.HTTP.MaxInputSize, c.HTTP.MaxInflightBytes = maxInput, maxInput
	}})
	s.Ready()
	// One body of the largest size always fits, with its length or without.
	whole := inputs(good) + strings.Repeat(" ", maxInput-len(inputs(good)))
	if reply := s.Post("/v2/models/scale/infer", whole); reply.Status != http.StatusOK {
		t.Errorf("a body of the largest size: %v", reply)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL("/v2/models/scale/infer"), io.MultiReader(strings.NewReader(whole)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("a chunked body of the largest size: %d %s %v", resp.StatusCode, text, err)
	}
	s.Eventually("nothing is held", func() error { return held(s, 0) })

	// A caller who announces a body and does not send it takes its room.
	var d net.Dialer
	stalled, err := d.DialContext(t.Context(), "tcp", s.App.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if _, err := fmt.Fprintf(stalled, "POST /v2/models/scale/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", maxInput-10); err != nil {
		t.Fatal(err)
	}
	s.Eventually("the body is held", func() error { return held(s, maxInput-10) })
	refused := s.Post("/v2/models/scale/infer", inputs(good))
	if refused.Status != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") != "1" ||
		refused.ErrorText() != "the server holds as many bytes of requests as it may (http.max_inflight_bytes): try again in a moment" {
		t.Errorf("got %v, %v", refused, refused.Header)
	}
	if err := held(s, maxInput-10); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	if err := stalled.Close(); err != nil {
		t.Fatal(err)
	}
	s.Eventually("its room is free", func() error { return held(s, 0) })
	goesOn(t, s)
}

func held(s *servetest.Server, want float64) error {
	if n, _ := s.Metric("galatea_http_inflight_bytes"); n != want {
		return fmt.Errorf("%v bytes are held, want %v", n, want)
	}
	return nil
}
