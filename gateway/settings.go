package gateway

import (
	"encoding/json"
	"math"
	"net/http"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
)

// traceSettings answers GET and POST of /v2/trace/setting, and of a model's.
func (g *Gateway) traceSettings(c *gin.Context) {
	model := c.Param("model")
	change := map[string][]string{}
	var err error
	if c.Request.Method == http.MethodPost {
		change, err = readTraces(c)
	}
	var settings map[string][]string
	if err == nil {
		settings, err = g.o.Service.SetTraces(model, change)
	}
	if err != nil {
		g.fail(c, err, infer.Ref{Name: model}, "")
		return
	}
	answer := make(map[string]any, len(settings))
	for name, value := range settings {
		if answer[name] = value; name != wire.TraceLevel { // the one that is a list
			answer[name] = value[0]
		}
	}
	replyJSON(c, answer)
}

// readTraces reads settings, whose values are texts, lists of texts, or null.
func readTraces(c *gin.Context) (map[string][]string, error) {
	var request map[string]json.RawMessage
	if err := readControl(c, &request); err != nil {
		return nil, err
	}
	change := make(map[string][]string, len(request))
	for name, raw := range request {
		var one *string
		var list []string
		switch {
		case json.Unmarshal(raw, &list) == nil:
			change[name] = list // nil for null
		case json.Unmarshal(raw, &one) == nil:
			change[name] = []string{*one}
		default:
			return nil, wire.Invalid("trace setting '%s': expected a string, a list of strings, or null, got: %s", name, raw)
		}
	}
	return change, nil
}

// logSettings answers GET and POST of /v2/logging.
func (g *Gateway) logSettings(c *gin.Context) {
	change := map[string]any{}
	var err error
	if c.Request.Method == http.MethodPost {
		err = readControl(c, &change)
	}
	for name, value := range change {
		if n, number := value.(float64); number && n >= 0 && n == math.Trunc(n) && n <= math.MaxUint32 {
			change[name] = uint64(n)
		}
	}
	if format, set := change[wire.LogFormat]; err == nil && set && !wire.KnownLogFormat(format) {
		err = wire.Unavailable("invalid argument for --log_format, got: %v", format)
	}
	var settings map[string]any
	if err == nil {
		settings, err = g.o.Service.SetLogs(change)
	}
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	replyJSON(c, settings)
}
