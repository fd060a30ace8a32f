package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/internal/workload"
)

// canned is an answer of the gateway's.
type canned struct {
	Type   string // Content-Type
	Header string // Inference-Header-Content-Length
	Body   []byte
}

// echoSetup has the answer for each model.
type echoSetup map[string]canned

// echoPart is the least that a Gin server can do with the same requests: it reads
// the body into memory that it uses again, and answers bytes that it knows.
type echoPart struct {
	watched
	server *http.Server
	ended  chan error
}

func startEcho(ctx context.Context, setup json.RawMessage) (part, any, error) {
	var answers echoSetup
	if err := json.Unmarshal(setup, &answers); err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	var bodies sync.Pool
	engine.POST("/v2/models/:model/infer", func(c *gin.Context) {
		size := int(c.Request.ContentLength)
		body, _ := bodies.Get().(*[]byte)
		if body == nil || cap(*body) < size {
			fresh := make([]byte, size)
			body = &fresh
		}
		defer bodies.Put(body)
		answer, ok := answers[c.Param("model")]
		if _, err := io.ReadFull(c.Request.Body, (*body)[:size]); err != nil || !ok {
			c.Status(http.StatusBadRequest)
			return
		}
		c.Header(workload.HeaderLength, answer.Header)
		c.Data(http.StatusOK, answer.Type, answer.Body)
	})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	p := &echoPart{server: &http.Server{Handler: engine, ReadHeaderTimeout: 10 * time.Second}, ended: make(chan error, 1)}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, l.Addr().String(), nil
}

func (p *echoPart) answer(_ context.Context, what string, args json.RawMessage) (any, error) {
	return p.measured(what, args)
}

func (p *echoPart) close() error {
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
