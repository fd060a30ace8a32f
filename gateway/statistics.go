package gateway

import (
	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
)

func (g *Gateway) allStats(c *gin.Context) { replyStats(c, g.o.Service.AllStatistics()) }

func (g *Gateway) modelStats(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	all, err := g.o.Service.Statistics(ref)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	replyStats(c, all)
}

func replyStats(c *gin.Context, all []wire.ModelStatistics) {
	replyJSON(c, struct {
		Stats []wire.ModelStatistics `json:"model_stats"`
	}{all})
}
