package gateway

import (
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
		_, err = g.o.Models.Info(ref)
	}
	switch statusOf(err) {
	case http.StatusServiceUnavailable:
		replyError(c, http.StatusBadRequest, "Model version not ready")
	default:
		if err != nil {
			fail(c, err, ref, "")
			return
		}
		c.Status(http.StatusOK)
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
		fail(c, err, ref, "")
		return
	}
	versions := []string{strconv.FormatInt(info.ID.Version, 10)}
	if ref.Version == 0 {
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
		fail(c, err, ref, "")
		return
	}
	reply(c, http.StatusOK, info.Config.TritonJSON())
}

// Statistics, in Triton's form.
type (
	statDuration struct {
		Count uint64 `json:"count"`
		NS    uint64 `json:"ns"`
	}
	inferenceStats struct {
		Success       statDuration `json:"success"`
		Fail          statDuration `json:"fail"`
		Queue         statDuration `json:"queue"`
		ComputeInput  statDuration `json:"compute_input"`
		ComputeInfer  statDuration `json:"compute_infer"`
		ComputeOutput statDuration `json:"compute_output"`
		CacheHit      statDuration `json:"cache_hit"`
		CacheMiss     statDuration `json:"cache_miss"`
	}
	batchStats struct {
		BatchSize     int          `json:"batch_size"`
		ComputeInput  statDuration `json:"compute_input"`
		ComputeInfer  statDuration `json:"compute_infer"`
		ComputeOutput statDuration `json:"compute_output"`
	}
	memoryUsage struct {
		Type     string `json:"type"`
		ID       int    `json:"id"`
		ByteSize int64  `json:"byte_size"`
	}
	modelStats struct {
		Name           string         `json:"name"`
		Version        string         `json:"version"`
		LastInference  int64          `json:"last_inference"` // ms since the epoch
		InferenceCount uint64         `json:"inference_count"`
		ExecutionCount uint64         `json:"execution_count"`
		InferenceStats inferenceStats `json:"inference_stats"`
		ResponseStats  struct{}       `json:"response_stats"`
		BatchStats     []batchStats   `json:"batch_stats"`
		MemoryUsage    []memoryUsage  `json:"memory_usage"`
	}
)

func duration(d infer.Duration) statDuration { return statDuration{d.Count, uint64(d.Total)} }
