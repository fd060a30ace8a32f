package gateway

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"galatea/infer"
	"galatea/tensor"
)

// extensions are the parts of Triton's protocol that this server has, by the names
// that clients look for.
var extensions = []string{"model_repository", "schedule_policy", "model_configuration", "binary_tensor_data", "parameters", "statistics"}

// platform is what Triton calls ONNX models that ONNX Runtime executes.
const platform = "onnxruntime_onnx"

func (g *Gateway) serverMetadata(c *gin.Context) {
	replyJSON(c, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{"galatea", g.o.Version, extensions})
}

func (g *Gateway) live(c *gin.Context) { c.Status(http.StatusOK) }

func (g *Gateway) ready(c *gin.Context) {
	if g.o.Ready() {
		c.Status(http.StatusOK)
		return
	}
	c.Status(http.StatusBadRequest)
}

func (g *Gateway) modelReady(c *gin.Context) {
	ref, err := refOf(c)
	if err == nil {
		err = g.known(g.o.Models.Find(ref))
	}
	switch {
	case err == nil:
		c.Status(http.StatusOK)
	case errors.Is(err, infer.ErrNotReady), errors.Is(err, infer.ErrNoVersion):
		replyError(c, http.StatusBadRequest, "Model version not ready")
	default:
		fail(c, err, ref, "")
	}
}

// tensorMetadata is an input or output in a model's metadata.
type tensorMetadata struct {
	Name     string       `json:"name"`
	DataType string       `json:"datatype"`
	Shape    tensor.Shape `json:"shape"`
}

func tensorsMetadata(specs []tensor.Spec) []tensorMetadata {
	all := make([]tensorMetadata, len(specs))
	for i, s := range specs {
		all[i] = tensorMetadata{s.Name, s.DType.String(), append(tensor.Shape{}, s.Shape...)}
	}
	return all
}

func (g *Gateway) modelMetadata(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		fail(c, err, ref, "")
		return
	}
	info, err := g.o.Models.Info(ref)
	if err != nil {
		fail(c, g.known(err), ref, "")
		return
	}
	versions := []string{strconv.FormatInt(info.ID.Version, 10)}
	if ref.Version == 0 && ref.Label == "" {
		versions = versions[:0]
		for _, v := range g.o.Models.Versions(ref.Name) {
			versions = append(versions, strconv.FormatInt(v, 10))
		}
	}
	replyJSON(c, struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs"`
		Outputs  []tensorMetadata `json:"outputs"`
	}{info.ID.Name, versions, platform, tensorsMetadata(info.Config.Signature.Inputs), tensorsMetadata(info.Config.Signature.Outputs)})
}

func (g *Gateway) modelConfig(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		fail(c, err, ref, "")
		return
	}
	info, err := g.o.Models.Info(ref)
	if err != nil {
		fail(c, g.known(err), ref, "")
		return
	}
	reply(c, http.StatusOK, info.Config.TritonJSON())
}
