package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Which is a model, or one version of it.
type Which struct {
	Name    string
	Version int64  // 0: the one that the model serves by default
	Label   string // or the one that it stands for
}

func (w Which) path() string {
	p := "/v2/models/" + url.PathEscape(w.Name)
	switch {
	case w.Version != 0:
		return p + "/versions/" + strconv.FormatInt(w.Version, 10)
	case w.Label != "":
		return p + "/labels/" + url.PathEscape(w.Label)
	default:
		return p
	}
}

// URL is where a model is, by the v2 protocol.
func (c *Client) URL(w Which) string { return c.server + w.path() }

// Signature is what a model takes and gives.
type Signature struct {
	Inputs  []Tensor `json:"inputs"`
	Outputs []Tensor `json:"outputs"`
	MaxRows int      `json:"-"` // of a batch, which the first dimensions are then; 0: it does not batch
}

// Tensor is an input or output of a model, or of an answer. A dimension of -1 is the
// request's to choose.
type Tensor struct {
	Name     string  `json:"name"`
	DataType string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	Data     []byte  `json:"-"` // of an answer: the bytes, little-endian and row-major
}

// Signature describes a model.
func (c *Client) Signature(ctx context.Context, w Which) (Signature, error) {
	s, err := decode[Signature](c.call(ctx, request{http.MethodGet, w.path(), nil, answerTimeout}))
	if err != nil {
		return s, err
	}
	config, err := decode[struct {
		Rows int `json:"max_batch_size"`
	}](c.call(ctx, request{http.MethodGet, w.path() + "/config", nil, answerTimeout}))
	s.MaxRows = config.Rows
	return s, err
}

// Answer is the answer to an inference.
type Answer struct {
	Model   string
	Version string
	Outputs []Tensor
}

const headerLength = "Inference-Header-Content-Length"

// Infer sends a request in JSON, and returns the answer, which is JSON too.
func (c *Client) Infer(ctx context.Context, w Which, body []byte) ([]byte, error) {
	return c.call(ctx, request{http.MethodPost, w.path() + "/infer", body, inferTimeout})
}

// InferBinary asks for an inference. The body is a request with binary tensors, whose first
// header bytes are JSON; all outputs have to be asked for as bytes.
func (c *Client) InferBinary(ctx context.Context, w Which, body []byte, header int) (*Answer, error) {
	text, length, err := c.infer(ctx, w, body, header)
	if err != nil {
		return nil, err
	}
	return parseAnswer(text, length)
}

// InferJSON is InferBinary for outputs that are asked for as JSON, and returns that.
func (c *Client) InferJSON(ctx context.Context, w Which, body []byte, header int) ([]byte, error) {
	text, _, err := c.infer(ctx, w, body, header)
	return text, err
}

// infer returns an answer, and how much of it is said to be JSON.
func (c *Client) infer(ctx context.Context, w Which, body []byte, header int) (text []byte, length string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, inferTimeout, fmt.Errorf("%s has not answered within %v", c.server, inferTimeout))
	defer cancel()
	resp, err := c.send(ctx, request{http.MethodPost, w.path() + "/infer", body, inferTimeout}, map[string]string{
		headerLength: strconv.Itoa(header), "Content-Type": "application/octet-stream",
	})
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err = c.read(ctx, resp)
	return text, resp.Header.Get(headerLength), err
}

// parseAnswer takes an answer with binary tensors apart.
func parseAnswer(text []byte, length string) (*Answer, error) {
	header := len(text)
	if length != "" { // without it no output has a byte
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(text) {
			return nil, fmt.Errorf("the server's answer: %s is %q", headerLength, length)
		}
		header = n
	}
	var told struct {
		Model   string `json:"model_name"`
		Version string `json:"model_version"`
		Outputs []struct {
			Tensor
			Parameters struct {
				Size int `json:"binary_data_size"`
			} `json:"parameters"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal(text[:header], &told); err != nil {
		return nil, fmt.Errorf("the server's answer: %w", err)
	}
	a, rest := &Answer{Model: told.Model, Version: told.Version}, text[header:]
	for _, o := range told.Outputs {
		if o.Parameters.Size < 0 || o.Parameters.Size > len(rest) {
			return nil, fmt.Errorf("the server's answer: output %q: %w", o.Name, io.ErrUnexpectedEOF)
		}
		o.Data, rest = rest[:o.Parameters.Size], rest[o.Parameters.Size:]
		a.Outputs = append(a.Outputs, o.Tensor)
	}
	if len(rest) > 0 {
		return nil, errors.New("the server's answer: there is more behind its outputs")
	}
	return a, nil
}
