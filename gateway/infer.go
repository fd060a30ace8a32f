package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
)

// infer answers POST /v2/models/{model}[/versions/{version}]/infer.
func (g *Gateway) infer(c *gin.Context) { g.inference(c, (*exchange).parseInfer, (*exchange).send) }

// inference answers a request for an inference, in the form that parse reads of the body,
// with header the length of its JSON part, and that send writes.
func (g *Gateway) inference(c *gin.Context, parse func(x *exchange, header int) error, send func(x *exchange, c *gin.Context, resp *infer.Response, id string) error) {
	received := time.Now()
	ref, err := refOf(c)
	var deadline time.Time
	if err == nil {
		deadline, err = deadlineOf(c.Request.Header, received)
	}
	if err == nil {
		err = g.o.Service.Admit(ref, received, deadline) // before the body costs anything
	}
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	x := g.newExchange(ref)
	defer x.done()
	if err := x.decode(c, parse); err != nil {
		g.fail(c, err, ref, "")
		return
	}
	x.received(c, received, deadline)
	id := x.req.ID
	resp, err := x.ask(c.Request.Context())
	if err != nil {
		g.fail(c, err, ref, id)
		return
	}
	defer resp.Release()
	if err := send(x, c, resp, id); err != nil {
		g.fail(c, err, ref, id)
	}
}

// received notes when the request came and has to be answered, and whose it is.
func (x *exchange) received(c *gin.Context, at, deadline time.Time) {
	x.req.Received, x.req.Deadline = at, deadline
	if header := x.gateway.o.Service.Sticky(x.req.Model); header != "" {
		x.req.Affinity = c.GetHeader(header)
	}
}

// refOf reads which model a path names.
func refOf(c *gin.Context) (infer.Ref, error) {
	ref := infer.Ref{Name: c.Param("model"), Label: c.Param("label")}
	text := c.Param("version")
	if text == "" {
		return ref, nil
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return ref, &wire.Error{Status: http.StatusNotFound, Text: "Not Found"}
		}
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version == 0 {
		return ref, wire.VersionError(text)
	}
	ref.Version = version
	return ref, nil
}
