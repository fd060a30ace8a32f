package wire

import (
	"errors"
	"net/http"
	"strconv"

	"galatea/infer"
	"galatea/tensor"
)

// extensions are the parts of Triton's protocol that this server has, by the names
// that clients look for.
var extensions = []string{
	"classification", "model_repository", "model_repository(unload_dependents)", "schedule_policy", "model_configuration",
	"system_shared_memory", "binary_tensor_data", "parameters", "statistics", "trace", "logging",
}

// platform is what Triton calls ONNX models that ONNX Runtime executes.
const platform = "onnxruntime_onnx"

// ServerMetadata says what the server is.
type ServerMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// ServerMetadata says what the server is.
func (s *Service) ServerMetadata() ServerMetadata {
	return ServerMetadata{"galatea", s.o.Version, extensions}
}

// ModelReady returns nil when the version is ready for inferences.
func (s *Service) ModelReady(ref infer.Ref) error {
	err := s.known(s.o.Models.Find(ref))
	if errors.Is(err, infer.ErrNotReady) || errors.Is(err, infer.ErrNoVersion) {
		return ErrModelNotReady
	}
	return err
}

// ErrModelNotReady says that a version is known but not ready.
var ErrModelNotReady error = &Error{Status: http.StatusBadRequest, Text: "Model version not ready"}

// TensorMetadata describes an input or output; a dimension of -1 is the request's to choose.
type TensorMetadata struct {
	Name     string       `json:"name"`
	DataType string       `json:"datatype"`
	Shape    tensor.Shape `json:"shape"`
}

// ModelMetadata describes a model.
type ModelMetadata struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions"`
	Platform string           `json:"platform"`
	Inputs   []TensorMetadata `json:"inputs"`
	Outputs  []TensorMetadata `json:"outputs"`
}

// ModelMetadata describes a model, or one version of it where ref names one.
func (s *Service) ModelMetadata(ref infer.Ref) (ModelMetadata, error) {
	info, err := s.Info(ref)
	if err != nil {
		return ModelMetadata{}, err
	}
	versions := []string{strconv.FormatInt(info.ID.Version, 10)}
	if ref.Version == 0 && ref.Label == "" {
		versions = versions[:0]
		for _, v := range s.o.Models.Versions(ref.Name) {
			versions = append(versions, strconv.FormatInt(v, 10))
		}
	}
	signature := info.Config.RequestSignature()
	return ModelMetadata{info.ID.Name, versions, platform, tensorsMetadata(signature.Inputs), tensorsMetadata(signature.Outputs)}, nil
}

func tensorsMetadata(specs []tensor.Spec) []TensorMetadata {
	all := make([]TensorMetadata, len(specs))
	for i, s := range specs {
		all[i] = TensorMetadata{s.Name, s.DType.String(), append(tensor.Shape{}, s.Shape...)}
	}
	return all
}

// ModelConfig returns a version's configuration as Triton writes it in JSON.
func (s *Service) ModelConfig(ref infer.Ref) ([]byte, error) {
	info, err := s.Info(ref)
	if err != nil {
		return nil, err
	}
	return info.Config.TritonJSON(), nil
}
