package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
)

// maxControlBody is the largest body of an administration request.
const maxControlBody = 1 << 20

// index answers POST /v2/repository/index: everything that is known, or with
// {"ready":true} what is ready.
func (g *Gateway) index(c *gin.Context) {
	var request struct {
		Ready json.RawMessage `json:"ready"`
	}
	if err := readControl(c, &request); err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	readyOnly := false
	if request.Ready != nil && json.Unmarshal(request.Ready, &readyOnly) != nil {
		g.fail(c, wire.Invalid("Invalid value for 'ready': expected a boolean"), infer.Ref{}, "")
		return
	}
	rows, err := g.o.Service.RepositoryIndex("", readyOnly)
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	replyJSON(c, rows)
}

// controlRequest is the body of a load or unload.
type controlRequest struct {
	Parameters map[string]json.RawMessage `json:"parameters"`
}

func (g *Gateway) load(c *gin.Context) {
	name := c.Param("model")
	var request controlRequest
	err := readJSON(c, &request, g.limits.Load().MaxInputSize)
	var l wire.Load
	if err == nil {
		l, err = parseLoad(request.Parameters)
	}
	if err == nil {
		err = g.o.Service.Load(c.Request.Context(), name, l)
	}
	g.replyControl(c, name, err)
}

// parseLoad reads the parameters of a load: Triton's config and file:..., and ours.
func parseLoad(all map[string]json.RawMessage) (l wire.Load, err error) {
	for name, raw := range all {
		path, isFile := strings.CutPrefix(name, "file:")
		var text string
		switch {
		case name == "force":
			l.Force, err = boolOf(name, raw)
		case name == "persist":
			l.Persist, err = boolOf(name, raw)
		case name != "config" && !isFile:
			err = wire.Unreadable("unexpected error on creating Triton parameter: '%s': expected config, file:VERSION/NAME, force or persist", name)
		case json.Unmarshal(raw, &text) != nil || raw[0] != '"':
			err = wire.Unreadable("unexpected error on creating Triton parameter: '%s': expected a text", name)
		case isFile:
			if l.Files == nil {
				l.Files = map[string][]byte{}
			}
			if l.Files[path], err = base64.StdEncoding.DecodeString(text); err != nil {
				err = wire.Invalid("load parameter '%s': expected base64: %v", name, err)
			}
		default:
			l.Config = []byte(text)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

func (g *Gateway) unload(c *gin.Context) {
	name := c.Param("model")
	var request controlRequest
	err := readControl(c, &request)
	for parameter, raw := range request.Parameters {
		if parameter != "unload_dependents" || json.Unmarshal(raw, new(bool)) != nil {
			err = wire.Unreadable("unexpected error on creating Triton parameter: '%s': expected unload_dependents, true or false", parameter)
		}
	}
	if err == nil {
		err = g.o.Service.Unload(c.Request.Context(), name)
	}
	g.replyControl(c, name, err)
}

// replyControl answers a load or unload: nothing on success.
func (g *Gateway) replyControl(c *gin.Context, name string, err error) {
	if err != nil {
		g.fail(c, err, infer.Ref{Name: name}, "")
		return
	}
	_ = expectReader(c, 0) // a load may have taken longer than an answer may
	c.Status(http.StatusOK)
}

// readControl decodes a small JSON body; an empty one is fine.
func readControl(c *gin.Context, into any) error { return readJSON(c, into, maxControlBody) }

// readJSON decodes a JSON body of up to limit bytes; an empty one is fine.
func readJSON(c *gin.Context, into any, limit int64) error {
	from := &paced{c: c, limit: limit, began: time.Now()}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil {
		err = from.done()
	}
	switch {
	case err != nil:
		return readError(err)
	case int64(len(text)) > limit:
		return wire.Invalid("request of %d bytes or more: expected at most %d", len(text), limit)
	case len(text) == 0:
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return controlError(err)
	}
	return nil
}

// controlError words what is wrong with a request's JSON as Triton does.
func controlError(err error) error {
	wrong, is := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !is:
		return wire.Unreadable("failed to parse the request JSON buffer: %v", err)
	case wrong.Field == "":
		return wire.Unreadable("failed to parse the request JSON buffer: expected an object, got %s", wrong.Value)
	default:
		return wrongType(wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:], kindOf(wrong.Type.String()))
	}
}

// kindOf is what Triton calls the JSON value that a Go type needs.
func kindOf(goType string) string {
	switch goType {
	case "string":
		return "string"
	case "bool":
		return "boolean"
	case "uint64":
		return "unsigned-integer"
	default:
		return "object"
	}
}
