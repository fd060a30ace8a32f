package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"galatea/infer"
)

func (g *Gateway) serverMetadata(c *gin.Context) { replyJSON(c, g.o.Service.ServerMetadata()) }

func (g *Gateway) live(c *gin.Context) { g.replyHealth(c, "live", true) }

func (g *Gateway) ready(c *gin.Context) { g.replyHealth(c, "ready", g.o.Service.Ready()) }

// replyHealth answers a question for health: with no body, and an error once the server
// ends, as Triton does; or with the body that the protocol has.
func (g *Gateway) replyHealth(c *gin.Context, name string, is bool) {
	if err := g.o.Service.Exiting(); err != nil && !g.o.Lenient {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	status := http.StatusOK
	if !is {
		status = http.StatusBadRequest
	}
	if !g.o.Lenient {
		c.Status(status)
		return
	}
	body := `{"` + name + `":false}`
	if is {
		body = `{"` + name + `":true}`
	}
	reply(c, status, []byte(body))
}

func (g *Gateway) modelReady(c *gin.Context) {
	ref, err := refOf(c)
	if err == nil {
		err = g.o.Service.ModelReady(ref)
	}
	switch {
	case err != nil:
		g.fail(c, err, ref, "")
	case !g.o.Lenient:
		c.Status(http.StatusOK)
	default:
		replyJSON(c, struct {
			Name  string `json:"name"`
			Ready bool   `json:"ready"`
		}{ref.Name, true})
	}
}

func (g *Gateway) modelMetadata(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	m, err := g.o.Service.ModelMetadata(ref)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	replyJSON(c, m)
}

func (g *Gateway) modelConfig(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	text, err := g.o.Service.ModelConfig(ref)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	reply(c, http.StatusOK, text)
}
