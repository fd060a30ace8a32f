package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"galatea/infer"
	"galatea/internal/shm"
)

// sharedMemoryRoutes are for regions of shared memory that clients name.
func (g *Gateway) sharedMemoryRoutes(v2 *gin.RouterGroup) {
	system, cuda := v2.Group("/systemsharedmemory"), v2.Group("/cudasharedmemory")
	for _, region := range []string{"", "/region/:region"} {
		system.GET(region+"/status", g.regionStatus)
		system.POST(region+"/unregister", g.unregisterRegion)
		cuda.GET(region+"/status", g.cudaStatus)
		cuda.POST(region+"/unregister", g.unregisterCUDA)
	}
	system.POST("/region/:region/register", g.registerRegion)
	cuda.POST("/region/:region/register", g.registerCUDA)
}

// regionRow is a region, as its status tells it.
type regionRow struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Offset   uint64 `json:"offset"`
	ByteSize uint64 `json:"byte_size"`
}

func (g *Gateway) regionStatus(c *gin.Context) {
	list, err := g.o.Service.Regions().List(c.Param("region"))
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	rows := make([]regionRow, len(list))
	for i, r := range list {
		rows[i] = regionRow{r.Name, r.Key, r.Offset, r.Size}
	}
	replyJSON(c, rows)
}

func (g *Gateway) registerRegion(c *gin.Context) {
	var request struct {
		Key      *string `json:"key"`
		Offset   uint64  `json:"offset"`
		ByteSize *uint64 `json:"byte_size"`
	}
	err := readControl(c, &request)
	switch {
	case err != nil:
	case request.Key == nil:
		err = missingField("key")
	case request.ByteSize == nil:
		err = missingField("byte_size")
	default:
		err = g.o.Service.Regions().Register(shm.Region{Name: c.Param("region"), Key: *request.Key, Offset: request.Offset, Size: *request.ByteSize})
	}
	g.replyDone(c, err)
}

func (g *Gateway) unregisterRegion(c *gin.Context) {
	g.replyDone(c, g.o.Service.Regions().Unregister(c.Param("region")))
}

// registerCUDA looks at the body no further: no region can be registered.
func (g *Gateway) registerCUDA(c *gin.Context) {
	g.replyDone(c, g.o.Service.Regions().RegisterCUDA(c.Param("region")))
}

func (g *Gateway) cudaStatus(c *gin.Context) {
	if err := g.o.Service.Regions().CUDAStatus(c.Param("region")); err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	replyJSON(c, []regionRow{})
}

// unregisterCUDA has nothing to forget.
func (g *Gateway) unregisterCUDA(c *gin.Context) {
	g.replyDone(c, g.o.Service.Regions().CUDAStatus(""))
}

// replyDone answers what has no answer but that it was done.
func (g *Gateway) replyDone(c *gin.Context, err error) {
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	c.Status(http.StatusOK)
}
