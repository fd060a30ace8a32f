package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
)

// categoryOf returns the category of a route, by its pattern.
func categoryOf(pattern string) wire.Category {
	path, repository := strings.CutPrefix(pattern, "/v2/repository/")
	switch last := pattern[strings.LastIndexByte(pattern, '/')+1:]; {
	case repository, path == "/v2/events":
		return wire.CategoryModelRepository
	case strings.HasPrefix(path, "/v2/systemsharedmemory"), strings.HasPrefix(path, "/v2/cudasharedmemory"):
		return wire.CategorySharedMemory
	case strings.HasPrefix(path, "/v2/health/"), last == "ready":
		return wire.CategoryHealth
	case last == "infer", last == "generate", last == "generate_stream",
		strings.HasSuffix(last, ":predict"), strings.HasSuffix(last, ":classify"), strings.HasSuffix(last, ":regress"):
		return wire.CategoryInference
	case last == "config":
		return wire.CategoryModelConfig
	case last == "stats":
		return wire.CategoryStatistics
	case last == "setting":
		return wire.CategoryTrace
	case last == "logging":
		return wire.CategoryLogging
	default:
		return wire.CategoryMetadata
	}
}

// restrict refuses calls whose category asks for a header that they do not have.
func (g *Gateway) restrict(c *gin.Context) {
	if missing := g.o.Restricted.Missing(categoryOf(route(c)), c.GetHeader); missing != "" {
		replyError(c, http.StatusForbidden, "This API is restricted, expecting header '"+missing+"'")
	}
}

// noMethod answers a request with a method that its path does not have: what it may be
// asked with, for OPTIONS, and else that it may not.
func noMethod(c *gin.Context) {
	h := c.Writer.Header()
	allowed := strings.Split(h.Get("Allow"), ", ")
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	h.Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	if c.Request.Method == http.MethodOptions {
		c.Status(http.StatusNoContent)
		c.Abort()
		return
	}
	replyError(c, http.StatusMethodNotAllowed, "Method Not Allowed")
}

// asGet returns a request for the same without its answer's body. A stream of events,
// which would have no end, is not asked for.
func asGet(r *http.Request) *http.Request {
	get := *r
	get.Method = http.MethodGet
	get.Header = r.Header.Clone()
	get.Header.Del("Accept")
	return &get
}

// headerRequestID is the header that callers name their requests by; it comes back.
const headerRequestID = "X-Request-Id"

// maxRequestID is the most bytes of a name that comes back.
const maxRequestID = 256

func echoRequestID(c *gin.Context) {
	if all := c.Request.Header[headerRequestID]; len(all) > 0 && len(all[0]) <= maxRequestID {
		c.Writer.Header()[headerRequestID] = []string{strings.Clone(all[0])} // the request's memory may be used again
	}
}
