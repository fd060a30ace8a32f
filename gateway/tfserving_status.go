package gateway

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/tfjson"
	"galatea/repository"
	"galatea/tensor"
)

// tfVersionStatus is the state of a version.
type tfVersionStatus struct {
	Version string `json:"version"`
	State   string `json:"state"`
	Status  struct {
		Code string `json:"error_code"`
		Text string `json:"error_message"`
	} `json:"status"`
}

// reasonUnloaded is the index's reason for a version that was unloaded on purpose.
const reasonUnloaded = "unloaded"

// tfVersionStatusOf words a row of the index as TensorFlow Serving does: a version that
// has failed has come to its end, with the reason.
func tfVersionStatusOf(row repository.Status) tfVersionStatus {
	s := tfVersionStatus{Version: strconv.FormatInt(row.Version, 10)}
	s.Status.Code = "OK"
	switch row.State {
	case repository.StateReady:
		s.State = "AVAILABLE"
	case repository.StateLoading:
		s.State = "LOADING"
	case repository.StateUnloading:
		s.State = "UNLOADING"
	case repository.StateUnavailable:
		s.State = "END"
		if row.Reason != reasonUnloaded {
			s.Status.Code, s.Status.Text = "UNKNOWN", wire.Cut(row.Reason)
		}
	default:
		s.State = "START"
	}
	return s
}

// tfStatus answers GET /v1/models/{model}[/versions/{version}|/labels/{label}].
func (g *Gateway) tfStatus(c *gin.Context, call tfCall) {
	version, pinned := call.ref.Version, call.version != ""
	if call.ref.Label != "" {
		info, err := g.o.Service.Info(call.ref)
		if err != nil {
			tfFail(c, err, call.ref)
			return
		}
		version, pinned = info.ID.Version, true
	}
	rows := []tfVersionStatus{}
	for _, row := range slices.Backward(g.o.Service.Index()) { // the newest version first
		if row.Name == call.ref.Name && row.Version != 0 && (!pinned || row.Version == version) {
			rows = append(rows, tfVersionStatusOf(row))
		}
	}
	if len(rows) == 0 {
		tfFail(c, g.tfNoStatus(call), call.ref)
		return
	}
	replyJSON(c, struct {
		Rows []tfVersionStatus `json:"model_version_status"`
	}{rows})
}

// tfNoStatus is the error for versions that the index does not have.
func (g *Gateway) tfNoStatus(call tfCall) error {
	_, err := g.o.Service.Info(infer.Ref{Name: call.ref.Name})
	if own, is := errors.AsType[*wire.Error](err); is {
		return own // nobody knows yet
	}
	if call.version != "" {
		return wire.NotFound("Could not find version %d of model %s", call.ref.Version, call.ref.Name)
	}
	return wire.NotFound("Could not find any versions of model %s", call.ref.Name)
}

// tfTensorInfo describes an input or output.
type tfTensorInfo struct {
	DType string `json:"dtype"`
	Shape struct {
		Dims        []tfDim `json:"dim"`
		UnknownRank bool    `json:"unknown_rank"`
	} `json:"tensor_shape"`
	Name string `json:"name"`
}

// tfDim is a dimension; -1 is the request's to choose.
type tfDim struct {
	Size string `json:"size"`
	Name string `json:"name"`
}

func tfTensors(specs []tensor.Spec) map[string]tfTensorInfo {
	all := make(map[string]tfTensorInfo, len(specs))
	for _, s := range specs {
		info := tfTensorInfo{DType: "DT_" + strings.ToUpper(tfjson.TypeName(s.DType)), Name: s.Name + ":0"}
		info.Shape.Dims = []tfDim{}
		for _, d := range s.Shape {
			info.Shape.Dims = append(info.Shape.Dims, tfDim{Size: strconv.FormatInt(d, 10)})
		}
		all[s.Name] = info
	}
	return all
}

// tfSignature is a way to call a model.
type tfSignature struct {
	Inputs  map[string]tfTensorInfo `json:"inputs"`
	Outputs map[string]tfTensorInfo `json:"outputs"`
	Method  string                  `json:"method_name"`
}

// tfModelMetadata describes a version. That the signatures lie two levels deep is
// TensorFlow Serving's.
type tfModelMetadata struct {
	Spec struct {
		Name      string `json:"name"`
		Signature string `json:"signature_name"`
		Version   string `json:"version"`
	} `json:"model_spec"`
	Metadata struct {
		Signatures struct {
			ByName map[string]tfSignature `json:"signature_def"`
		} `json:"signature_def"`
	} `json:"metadata"`
}

// tfMetadata answers GET /v1/models/{model}[/versions/{version}|/labels/{label}]/metadata.
func (g *Gateway) tfMetadata(c *gin.Context, ref infer.Ref) {
	info, err := g.o.Service.Info(ref)
	if err != nil {
		tfFail(c, err, ref)
		return
	}
	var m tfModelMetadata
	m.Spec.Name, m.Spec.Version = info.ID.Name, strconv.FormatInt(info.ID.Version, 10)
	signature := info.Config.RequestSignature()
	m.Metadata.Signatures.ByName = map[string]tfSignature{
		tfjson.DefaultSignature: {tfTensors(signature.Inputs), tfTensors(signature.Outputs), "tensorflow/serving/predict"},
	}
	replyJSON(c, m)
}
