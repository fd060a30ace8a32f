package gateway

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
)

// What is below these is TensorFlow Serving's REST API, which does not look at the case
// of its own words.
var tfRoots = []string{"/v1", "/V1"}

// The paths of TensorFlow Serving, as its own server matches them: whole, and before
// they are unescaped. Gin has no routes of the form :name:predict.
var (
	tfPredictPath = regexp.MustCompile(`^(?i)/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)$`)
	tfStatusPath  = regexp.MustCompile(`^(?i)/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?$`)
)

// tfVerb is what is asked of a model.
type tfVerb string

const (
	tfPredict  tfVerb = "predict"
	tfClassify tfVerb = "classify"
	tfRegress  tfVerb = "regress"
	tfStatus   tfVerb = "status"
	tfMetadata tfVerb = "metadata"
)

// tfCall is a request to TensorFlow Serving's REST API.
type tfCall struct {
	verb    tfVerb
	ref     infer.Ref
	version string // as the path has it; "": none
}

// tfCallOf reads a call's method and path.
func tfCallOf(r *http.Request) (call tfCall, err error) {
	path := r.URL.EscapedPath()
	var parts []string
	switch r.Method {
	case http.MethodPost:
		parts = tfPredictPath.FindStringSubmatch(path)
	case http.MethodGet:
		parts = tfStatusPath.FindStringSubmatch(path)
	}
	if parts == nil {
		return call, wire.Invalid("Malformed request: %s %s", r.Method, path)
	}
	call.version = parts[2]
	if call.verb = tfVerb(strings.ToLower(parts[4])); call.verb == "" {
		call.verb = tfStatus
	}
	if call.ref.Name, err = url.PathUnescape(parts[1]); err != nil {
		return call, wire.Invalid("Failed to decode model name:%s", parts[1])
	}
	if call.ref.Label, err = url.PathUnescape(parts[3]); err != nil {
		return call, wire.Invalid("Failed to decode model version label:%s", parts[3])
	}
	if call.version != "" {
		if call.ref.Version, err = strconv.ParseInt(call.version, 10, 64); err != nil {
			return call, wire.Invalid("Failed to convert version: %s to numeric.", call.version)
		}
	}
	if call.ref.Name == "" {
		return call, wire.Invalid("Missing model name in request.")
	}
	return call, nil
}

// tfserving answers everything below tfRoots.
func (g *Gateway) tfserving(c *gin.Context) {
	call, err := tfCallOf(c.Request)
	if err == nil && call.version != "" && call.ref.Version == 0 && call.verb != tfStatus {
		err = infer.ErrUnknownVersion // which is no version here, and stands for all in a Ref
	}
	switch {
	case err != nil:
		tfFail(c, err, call.ref)
	case call.verb == tfStatus:
		g.tfStatus(c, call)
	case call.verb == tfMetadata:
		g.tfMetadata(c, call.ref)
	default:
		g.tfInfer(c, call)
	}
}

// route returns the pattern of the route that answers a request, "" for none: what there
// are few of, whatever callers ask.
func route(c *gin.Context) string {
	pattern := c.FullPath()
	if !isTF(pattern) {
		return pattern
	}
	call, err := tfCallOf(c.Request)
	if err != nil {
		return "/v1/*"
	}
	return call.pattern()
}

// pattern returns the path of calls of a form, with names in place of what differs.
func (call tfCall) pattern() string {
	pattern := "/v1/models/:model"
	switch {
	case call.version != "":
		pattern += "/versions/:version"
	case call.ref.Label != "":
		pattern += "/labels/:label"
	}
	switch call.verb {
	case tfStatus:
		return pattern
	case tfMetadata:
		return pattern + "/metadata"
	default:
		return pattern + ":" + string(call.verb)
	}
}

// isTF reports whether a route is TensorFlow Serving's.
func isTF(pattern string) bool {
	return strings.HasPrefix(pattern, tfRoots[0]) || strings.HasPrefix(pattern, tfRoots[1])
}

// modelOf returns the model that a request names, "" where its route has none.
func modelOf(c *gin.Context) string {
	if isTF(c.FullPath()) {
		call, _ := tfCallOf(c.Request)
		return call.ref.Name
	}
	return c.Param("model")
}
