package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/backend"
	"galatea/internal/workload"
	"galatea/tensor"
)

// canned is an answer of the gateway's.
type canned struct {
	Type   string // Content-Type
	Header string // Inference-Header-Content-Length
	Body   []byte
}

// echoSetup has the answer for each model.
type echoSetup struct {
	Answers map[string]canned
	Runs    *gatewaySetup // where the models are that each request runs first; nil: none does
}

// echoPart is the least that a Gin server can do with the same requests: it reads
// the body into memory that it uses again, and answers bytes that it knows. Told to, it
// runs the request's row in between, one request after the other.
type echoPart struct {
	watched
	server *http.Server
	ended  chan error
	plain  *plainPart // nil: nothing is run
	mu     sync.Mutex
	lanes  map[string]backend.Instance
}

func startEcho(ctx context.Context, setup json.RawMessage) (part, any, error) {
	var s echoSetup
	if err := json.Unmarshal(setup, &s); err != nil {
		return nil, nil, err
	}
	p := &echoPart{ended: make(chan error, 1)}
	if err := p.open(ctx, s); err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	var bodies sync.Pool
	engine.POST("/v2/models/:model/infer", func(c *gin.Context) { //nolint:contextcheck // the request's is inside gin's
		size := int(c.Request.ContentLength)
		body, _ := bodies.Get().(*[]byte)
		if body == nil || cap(*body) < size {
			fresh := make([]byte, size)
			body = &fresh
		}
		defer bodies.Put(body)
		answer, ok := s.Answers[c.Param("model")]
		_, err := io.ReadFull(c.Request.Body, (*body)[:size])
		if err == nil && p.plain != nil {
			err = p.run(c.Request.Context(), c.Param("model"), (*body)[:size])
		}
		if err != nil || !ok {
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
	p.server = &http.Server{Handler: engine, ReadHeaderTimeout: 10 * time.Second}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, l.Addr().String(), nil
}

// open makes an instance of each model that is to be run, with the threads that it is
// served with by default.
func (p *echoPart) open(ctx context.Context, s echoSetup) error {
	if s.Runs == nil {
		return nil
	}
	var err error
	if p.plain, err = openPlain(*s.Runs); err != nil {
		return err
	}
	p.lanes = map[string]backend.Instance{}
	for name := range s.Answers {
		m, err := workload.Named(name)
		if err != nil {
			return err
		}
		loaded, err := p.plain.model(ctx, m, runtime.GOMAXPROCS(0), false)
		if err != nil {
			return err
		}
		if p.lanes[name], err = loaded.NewInstance(ctx, backend.Device{}); err != nil {
			return err
		}
	}
	return nil
}

// run runs the row that a body ends with.
func (p *echoPart) run(ctx context.Context, model string, body []byte) error {
	m, err := workload.Named(model)
	if err != nil {
		return err
	}
	x := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{1}, m.Row...)}
	size, err := x.Shape.Bytes(x.DType)
	if err != nil || int(size) > len(body) {
		return errors.Join(err, errors.New("a body without a row"))
	}
	x.Data = body[len(body)-int(size):]
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = workload.Run(context.WithoutCancel(ctx), p.lanes[model], x)
	return err
}

func (p *echoPart) answer(_ context.Context, what string, args json.RawMessage) (any, error) {
	return p.measured(what, args)
}

func (p *echoPart) close() error {
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	for _, lane := range p.lanes {
		err = errors.Join(err, lane.Close())
	}
	if p.plain != nil {
		err = errors.Join(err, p.plain.close())
	}
	return err
}
