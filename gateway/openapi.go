package gateway

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"galatea/infer"
	"galatea/internal/openapi"
	"galatea/tensor"
)

// serverDocument answers GET /v2/openapi.json.
func (g *Gateway) serverDocument(c *gin.Context) {
	m := g.o.Service.ServerMetadata()
	s := openapi.Server{Name: m.Name, Version: m.Version, Decisions: g.o.Decisions != nil}
	text, err := s.JSON()
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	reply(c, http.StatusOK, text)
}

// modelDocument answers GET /v2/models/{model}[/versions/{version}|/labels/{label}]/openapi.json.
func (g *Gateway) modelDocument(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	info, err := g.o.Service.Info(ref)
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	m := openapi.Model{Path: pathOf(ref, c.Param("version")), Version: info.ID.Version, Config: info.Config, Labels: info.Labels}
	if info.Example != nil {
		m.Example, m.Answer = info.Example.Inputs, info.Example.Outputs
	}
	for verb, input := range map[tfVerb]**tensor.Spec{tfClassify: &m.Classify, tfRegress: &m.Regress} {
		if form, err := g.tfFormOf(tfCall{verb: verb, ref: ref}); err == nil {
			*input = &form.inputs[0]
		}
	}
	text, err := m.JSON()
	if err != nil {
		g.fail(c, err, ref, "")
		return
	}
	reply(c, http.StatusOK, text)
}

// pathOf is what stands for a model in paths; version is as the request has it.
func pathOf(ref infer.Ref, version string) string {
	path := url.PathEscape(ref.Name)
	switch {
	case version != "":
		path += "/versions/" + version
	case ref.Label != "":
		path += "/labels/" + url.PathEscape(ref.Label)
	}
	return path
}
