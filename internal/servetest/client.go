package servetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Request is an HTTP request to the front.
type Request struct {
	Method string // "": POST
	Path   string
	Header map[string]string
	Body   []byte
}

// Reply is an HTTP answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrorText returns the text of an error's body, "" for any other body.
func (r Reply) ErrorText() string {
	var body struct{ Error string }
	_ = json.Unmarshal(r.Body, &body) // not an error's body
	return body.Error
}

func (r Reply) String() string { return fmt.Sprintf("%d %s", r.Status, clip(r.Body)) }

// clip is a body for people.
func clip(b []byte) string {
	const most = 1000
	if len(b) > most {
		return fmt.Sprintf("%q and %d bytes more", b[:most], len(b)-most)
	}
	return fmt.Sprintf("%q", b)
}

// URL is where the front answers.
func (s *Server) URL(path string) string { return "http://" + s.App.HTTPAddr() + path }

// Client is the client that Do uses; its idle connections are closed with the server.
func (s *Server) Client() *http.Client { return s.client }

// Do sends a request. It asks for no compression unless the request does.
func (s *Server) Do(ctx context.Context, r Request) (Reply, error) {
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, s.URL(r.Path), bytes.NewReader(r.Body))
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	return send(s.client, req)
}

func send(client *http.Client, req *http.Request) (Reply, error) {
	resp, err := client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return Reply{resp.StatusCode, resp.Header, body}, err
}

// Post sends a body and returns the answer; a test without one ends.
func (s *Server) Post(path, body string) Reply {
	s.t.Helper()
	return s.must(Request{Path: path, Body: []byte(body)})
}

// Get returns the answer to a GET request; a test without one ends.
func (s *Server) Get(path string) Reply {
	s.t.Helper()
	return s.must(Request{Method: http.MethodGet, Path: path})
}

func (s *Server) must(r Request) Reply {
	s.t.Helper()
	reply, err := s.Do(s.ctx(), r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return reply
}

// Metric returns the sum of the metrics with a name and labels, each given as
// name="value", and whether there is any.
func (s *Server) Metric(name string, labels ...string) (sum float64, found bool) {
	s.t.Helper()
	text, err := s.Metrics()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at := strings.LastIndexByte(line, '}'); at >= 0 {
			series, value = line[:at+1], strings.TrimSpace(line[at+1:])
		}
		of, _, _ := strings.Cut(series, "{")
		if of != name || !containsAll(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatalf("metric %q: %v", line, err)
		}
		sum, found = sum+n, true
	}
	return sum, found
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// Metrics returns what the metrics port says.
func (s *Server) Metrics() (string, error) {
	req, err := http.NewRequestWithContext(s.ctx(), http.MethodGet, "http://"+s.App.MetricsAddr()+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	reply, err := send(s.client, req)
	if err == nil && reply.Status != http.StatusOK {
		err = fmt.Errorf("metrics: %v", reply)
	}
	return string(reply.Body), err
}

// IndexRow is a row of the repository's index.
type IndexRow struct{ Name, Version, State, Reason string }

// Index returns the repository's index.
func (s *Server) Index() ([]IndexRow, error) {
	reply, err := s.Do(s.ctx(), Request{Path: "/v2/repository/index"})
	if err != nil {
		return nil, err
	}
	var rows []IndexRow
	if err := json.Unmarshal(reply.Body, &rows); err != nil || reply.Status != http.StatusOK {
		return nil, fmt.Errorf("index: %v", reply)
	}
	return rows, nil
}
