package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/infer"
	"galatea/repository"
)

// maxControlBody is the largest body of an administration request.
const maxControlBody = 1 << 20

// indexRow is a row of the repository's index. A model that nobody has asked for has
// its name only.
type indexRow struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// index answers POST /v2/repository/index: everything that is known, or with
// {"ready":true} what is ready.
func (g *Gateway) index(c *gin.Context) {
	var request struct {
		Ready json.RawMessage `json:"ready"`
	}
	if err := readControl(c, &request); err != nil {
		fail(c, err, infer.Ref{}, "")
		return
	}
	readyOnly := false
	if request.Ready != nil && json.Unmarshal(request.Ready, &readyOnly) != nil {
		fail(c, badRequest("Invalid value for 'ready': expected a boolean"), infer.Ref{}, "")
		return
	}
	rows := []indexRow{}
	for _, s := range g.o.Models.Index() {
		if readyOnly && s.State != repository.StateReady {
			continue
		}
		row := indexRow{Name: s.Name, State: s.State, Reason: s.Reason}
		if s.Version != 0 {
			row.Version = strconv.FormatInt(s.Version, 10)
		}
		rows = append(rows, row)
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
	if err == nil {
		err = checkName(name)
	}
	var p loadParameters
	if err == nil {
		p, err = parseLoad(request.Parameters)
	}
	ctx := c.Request.Context()
	switch {
	case err != nil:
	case p.override.Config != nil:
		err = g.o.Control.LoadWith(ctx, name, p.override)
	case p.force:
		err = g.o.Control.Reload(ctx, name)
	default:
		err = g.o.Control.Load(ctx, name)
	}
	replyControl(c, name, err)
}

// loadParameters are those of a load: Triton's config and file:..., and ours.
type loadParameters struct {
	override Override
	force    bool // load though nothing has changed
}

func parseLoad(all map[string]json.RawMessage) (p loadParameters, err error) {
	for name, raw := range all {
		path, isFile := strings.CutPrefix(name, "file:")
		var text string
		switch {
		case name == "force":
			p.force, err = boolOf(name, raw)
		case name == "persist":
			p.override.Persist, err = boolOf(name, raw)
		case name != "config" && !isFile, json.Unmarshal(raw, &text) != nil || raw[0] != '"':
			err = unparsable("unexpected error on creating Triton parameter")
		case isFile:
			if p.override.Files == nil {
				p.override.Files = map[string][]byte{}
			}
			if p.override.Files[path], err = base64.StdEncoding.DecodeString(text); err != nil {
				err = badRequest("load parameter '%s': expected base64: %v", name, err)
			}
		default:
			p.override.Config = []byte(text)
		}
		if err != nil {
			return p, err
		}
	}
	if p.override.Config == nil && (p.override.Files != nil || p.override.Persist) {
		return p, badRequest("Load parameter 'config' must be specified for model file override")
	}
	return p, nil
}

func (g *Gateway) unload(c *gin.Context) {
	name := c.Param("model")
	var request controlRequest
	err := readControl(c, &request)
	for parameter, raw := range request.Parameters {
		if parameter != "unload_dependents" || json.Unmarshal(raw, new(bool)) != nil {
			err = unparsable("unexpected error on creating Triton parameter")
		}
	}
	if err == nil {
		err = g.o.Control.Unload(c.Request.Context(), name)
	}
	replyControl(c, name, err)
}

// onlyExplicit is what Triton says in the modes none and poll. Trying again is of no use.
const onlyExplicit = "explicit model load / unload is not allowed if polling is enabled"

// replyControl answers a load or unload: nothing on success.
func replyControl(c *gin.Context, name string, err error) {
	var failed *repository.LoadError
	switch {
	case err == nil:
		_ = expectReader(c, 0) // a load may have taken longer than an answer may
		c.Status(http.StatusOK)
	case errors.Is(err, repository.ErrMode):
		replyError(c, http.StatusServiceUnavailable, onlyExplicit)
	case errors.Is(err, infer.ErrUnknownModel):
		replyError(c, http.StatusInternalServerError, "failed to load '"+name+"', failed to poll from model repository")
	case errors.As(err, &failed):
		replyError(c, http.StatusBadRequest, err.Error())
	default:
		fail(c, err, infer.Ref{Name: name}, "")
	}
}

// checkName refuses names that no folder of a repository can have.
func checkName(name string) error {
	if name == "" {
		return badRequest("Model name cannot be empty. Please enter a valid name to deploy.")
	}
	if strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return badRequest("invalid model name '%s', model name must not contain path traversal characters", name)
	}
	return nil
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
		return badRequest("request of %d bytes or more: expected at most %d", len(text), limit)
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
		return unparsable("failed to parse the request JSON buffer: %v", err)
	case wrong.Field == "":
		return unparsable("failed to parse the request JSON buffer: expected an object, got %s", wrong.Value)
	default:
		return wrongType(wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:], "object")
	}
}
