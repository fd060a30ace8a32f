package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// How long an answer may take.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 30 * time.Second // of what the server knows at once
	inferTimeout  = 5 * time.Minute
	loadTimeout   = 30 * time.Minute // of what waits for models to load
)

// maxAnswer bounds the answers that are read.
const maxAnswer = 256 << 20

// Options tune a Client. The zero value of each field is sensible.
type Options struct {
	Retry  time.Duration // between two connections of Follow; 0 is 1 s
	GiveUp time.Duration // how long Follow looks for a server that it has lost; 0 is 1 min
	Stall  time.Duration // how long a stream may be silent; 0 is 45 s, the server's heartbeat three times
	Header http.Header   // sent with each request
}

// Client is a server as its operators see it.
type Client struct {
	server string // without a slash at its end
	http   *http.Client
	o      Options
}

// New returns a client of the server at an address such as http://127.0.0.1:8000, which
// may have a path, and may leave http:// out. Nothing is sent yet.
func New(server string, o Options) (*Client, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	at, err := url.Parse(server)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.RawQuery != "" || at.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of a server: expected one such as http://127.0.0.1:8000", server)
	}
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	if o.GiveUp <= 0 {
		o.GiveUp = time.Minute
	}
	if o.Stall <= 0 {
		o.Stall = 45 * time.Second
	}
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
		DisableKeepAlives: true, // so that nothing is left behind
	}
	return &Client{server: strings.TrimRight(at.String(), "/"), http: &http.Client{Transport: transport}, o: o}, nil
}

// ServerError is an answer that is no success.
type ServerError struct {
	Status int
	Text   string // the server's
}

func (e *ServerError) Error() string { return e.Text }

// request is one call.
type request struct {
	method string
	path   string
	body   []byte // JSON, or nil
	within time.Duration
}

// call sends a request and returns the body of its answer.
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.within, fmt.Errorf("%s has not answered within %v", c.server, r.within))
	defer cancel()
	resp, err := c.send(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := c.read(ctx, resp)
	if err != nil {
		return nil, err
	}
	if resp.Header.Get("Inference-Header-Content-Length") != "" {
		return nil, errors.New(`the answer has binary data: leave "binary_data" and "binary_data_output" out of the request`)
	}
	return body, nil
}

// send returns the answer to a request, whose body the caller closes. An answer that is no
// success is an error.
func (c *Client) send(ctx context.Context, r request, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.server+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, values := range c.o.Header {
		req.Header[name] = slices.Clone(values)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := c.read(ctx, resp)
	if err != nil {
		return nil, err
	}
	return nil, c.refusal(resp, body)
}

// lost words why there is no answer.
func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, is := errors.AsType[*url.Error](err); is { // it repeats the address
		err = wrapped.Err
	}
	return &UnreachableError{Server: c.server, Err: err}
}

// UnreachableError says that no answer has come, and why.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v: start a server there with galatea serve, or name another with --server", e.Server, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

func (c *Client) read(ctx context.Context, resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.lost(ctx, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%s: an answer of more than %d bytes", c.server, maxAnswer)
	}
	return body, nil
}

// restricted is what the server says of a restricted call.
var restricted = regexp.MustCompile(`^This API is restricted, expecting header '([^']+)'$`)

// refusal is the error that an answer tells, in the server's words.
func (c *Client) refusal(resp *http.Response, body []byte) error {
	var told struct{ Error string }
	if json.Unmarshal(body, &told) != nil || told.Error == "" {
		told.Error = fmt.Sprintf("%s answered %s to %s %s: is it a Galatea server?", c.server, resp.Status, resp.Request.Method, resp.Request.URL.Path)
	} else if told.Error == "Not Found" || told.Error == "Method Not Allowed" {
		told.Error = fmt.Sprintf("%s has no %s %s: it may be an older release", c.server, resp.Request.Method, resp.Request.URL.Path)
	}
	if key := restricted.FindStringSubmatch(told.Error); key != nil {
		told.Error += fmt.Sprintf(": --header=%s:VALUE sends it", key[1])
	}
	return &ServerError{Status: resp.StatusCode, Text: strings.TrimRight(told.Error, ";\n")}
}

// decode reads an answer's JSON.
func decode[T any](body []byte, err error) (value T, _ error) {
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return value, fmt.Errorf("the server's answer: %w", err)
	}
	return value, nil
}
