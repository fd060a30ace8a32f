package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/infer"
)

// infer answers POST /v2/models/{model}[/versions/{version}]/infer.
func (g *Gateway) infer(c *gin.Context) {
	received := time.Now()
	ref, err := refOf(c)
	if err == nil {
		err = g.known(g.o.Models.Find(ref)) // before the body costs anything
	}
	if err != nil {
		fail(c, err, ref, "")
		return
	}
	p, err := g.decode(c, ref)
	if err != nil {
		fail(c, err, ref, "")
		return
	}
	p.req.Received = received
	id := p.req.ID
	resp, err := g.ask(c.Request.Context(), p.req)
	if err != nil {
		fail(c, g.known(err), ref, id)
		return
	}
	defer resp.Release()
	if err := sendResponse(c, resp, id, p.wanted); err != nil {
		fail(c, err, ref, id)
	}
}

// ask gets the answer and lets go of the request, whose memory nobody needs while the
// answer is sent.
func (g *Gateway) ask(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	defer req.Release()
	return g.o.Handler.Infer(ctx, req)
}

// known passes on an error, except that before the first pass over the repository has
// ended nobody can say that a model is not there.
func (g *Gateway) known(err error) error {
	missing := errors.Is(err, infer.ErrUnknownModel) || errors.Is(err, infer.ErrUnknownVersion) || errors.Is(err, infer.ErrNoVersion)
	if missing && !g.o.Loaded() {
		return &wireError{http.StatusServiceUnavailable, "Server not ready"}
	}
	return err
}

func (g *Gateway) decode(c *gin.Context, ref infer.Ref) (parsed, error) {
	header, err := headerSize(c.Request.Header)
	if err != nil {
		return parsed{}, err
	}
	b, err := g.readBody(c, header)
	if err != nil {
		return parsed{}, err
	}
	p, err := parseRequest(b, header, ref)
	if err != nil {
		b.Release()
	}
	return p, err
}

// refOf reads which model a path names.
func refOf(c *gin.Context) (infer.Ref, error) {
	ref := infer.Ref{Name: c.Param("model")}
	text := c.Param("version")
	if text == "" {
		return ref, nil
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return ref, &wireError{http.StatusNotFound, "Not Found"}
		}
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version == 0 {
		return ref, badRequest("failed to get model version from specified version string '%s' (details: stol), version should be an integral value > 0", text)
	}
	ref.Version = version
	return ref, nil
}
