package rpc

import (
	"context"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/shm"
	"galatea/internal/tritonpb"
)

var _ tritonpb.GRPCInferenceServiceServer = (*methods)(nil)

// methods are those of the service but for inferences, which are handled by modelInfer and
// modelStreamInfer.
type methods struct {
	tritonpb.UnimplementedGRPCInferenceServiceServer
	*Server
}

// ServerLive says that the server answers.
func (s *methods) ServerLive(ctx context.Context, _ *tritonpb.ServerLiveRequest) (*tritonpb.ServerLiveResponse, error) {
	if err := s.service.Exiting(); err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.ServerLiveResponse{Live: true}, nil
}

// ServerReady says whether the server is ready for inferences.
func (s *methods) ServerReady(ctx context.Context, _ *tritonpb.ServerReadyRequest) (*tritonpb.ServerReadyResponse, error) {
	if err := s.service.Exiting(); err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.ServerReadyResponse{Ready: s.service.Ready()}, nil
}

// ModelReady says whether a version of a model is; a model that is not there is not.
func (s *methods) ModelReady(ctx context.Context, r *tritonpb.ModelReadyRequest) (*tritonpb.ModelReadyResponse, error) {
	ref, err := refOf(r.Name, r.Version)
	if err != nil {
		return nil, s.statusOf(ctx, err, ref, "")
	}
	return &tritonpb.ModelReadyResponse{Ready: s.service.ModelReady(ref) == nil}, nil
}

// ServerMetadata says what the server is.
func (s *methods) ServerMetadata(context.Context, *tritonpb.ServerMetadataRequest) (*tritonpb.ServerMetadataResponse, error) {
	m := s.service.ServerMetadata()
	return &tritonpb.ServerMetadataResponse{Name: m.Name, Version: m.Version, Extensions: m.Extensions}, nil
}

// ModelMetadata describes a model.
func (s *methods) ModelMetadata(ctx context.Context, r *tritonpb.ModelMetadataRequest) (*tritonpb.ModelMetadataResponse, error) {
	ref, err := refOf(r.Name, r.Version)
	var m wire.ModelMetadata
	if err == nil {
		m, err = s.service.ModelMetadata(ref)
	}
	if err != nil {
		return nil, s.statusOf(ctx, err, ref, "")
	}
	return &tritonpb.ModelMetadataResponse{Name: m.Name, Versions: m.Versions, Platform: m.Platform, Inputs: tensors(m.Inputs), Outputs: tensors(m.Outputs)}, nil
}

func tensors(all []wire.TensorMetadata) []*tritonpb.ModelMetadataResponse_TensorMetadata {
	list := make([]*tritonpb.ModelMetadataResponse_TensorMetadata, len(all))
	for i, t := range all {
		list[i] = &tritonpb.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.DataType, Shape: t.Shape}
	}
	return list
}

// ModelConfig returns a model's configuration.
func (s *methods) ModelConfig(ctx context.Context, r *tritonpb.ModelConfigRequest) (*tritonpb.ModelConfigResponse, error) {
	ref, err := refOf(r.Name, r.Version)
	var text []byte
	if err == nil {
		text, err = s.service.ModelConfig(ref)
	}
	config := &tritonpb.ModelConfig{}
	if err == nil {
		err = protojson.Unmarshal(text, config)
	}
	if err != nil {
		return nil, s.statusOf(ctx, err, ref, "")
	}
	return &tritonpb.ModelConfigResponse{Config: config}, nil
}

// ModelStatistics returns what a model, or each, has done.
func (s *methods) ModelStatistics(ctx context.Context, r *tritonpb.ModelStatisticsRequest) (*tritonpb.ModelStatisticsResponse, error) {
	ref, err := refOf(r.Name, r.Version)
	var all []wire.ModelStatistics
	switch {
	case err != nil:
	case r.Name == "":
		all = s.service.AllStatistics()
	default:
		all, err = s.service.Statistics(ref)
	}
	response := &tritonpb.ModelStatisticsResponse{}
	if err == nil {
		err = convert(map[string]any{"model_stats": all}, response)
	}
	if err != nil {
		return nil, s.statusOf(ctx, err, ref, "")
	}
	return response, nil
}

// convert makes a message of a value whose JSON has the message's form.
func convert(value any, message proto.Message) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, message)
}

// RepositoryIndex lists the models.
func (s *methods) RepositoryIndex(ctx context.Context, r *tritonpb.RepositoryIndexRequest) (*tritonpb.RepositoryIndexResponse, error) {
	rows, err := s.service.RepositoryIndex(r.RepositoryName, r.Ready)
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	response := &tritonpb.RepositoryIndexResponse{}
	for _, row := range rows {
		response.Models = append(response.Models, &tritonpb.RepositoryIndexResponse_ModelIndex{Name: row.Name, Version: row.Version, State: row.State, Reason: row.Reason})
	}
	return response, nil
}

// RepositoryModelLoad loads a model.
func (s *methods) RepositoryModelLoad(ctx context.Context, r *tritonpb.RepositoryModelLoadRequest) (*tritonpb.RepositoryModelLoadResponse, error) {
	l, err := parseLoad(r.Parameters)
	switch {
	case r.RepositoryName != "":
		err = wire.ErrRepositoryName
	case err == nil:
		err = s.service.Load(ctx, r.ModelName, l)
	}
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{Name: r.ModelName}, "")
	}
	return &tritonpb.RepositoryModelLoadResponse{}, nil
}

// parseLoad reads the parameters of a load: Triton's config and file:..., and ours.
func parseLoad(all map[string]*tritonpb.ModelRepositoryParameter) (l wire.Load, err error) {
	for name, p := range all {
		path, isFile := strings.CutPrefix(name, "file:")
		choice := p.GetParameterChoice()
		is, want := false, "string_param"
		switch {
		case name == "config":
			if _, is = choice.(*tritonpb.ModelRepositoryParameter_StringParam); is {
				l.Config = []byte(p.GetStringParam())
			}
		case isFile:
			want = "bytes_param"
			if _, is = choice.(*tritonpb.ModelRepositoryParameter_BytesParam); is {
				if l.Files == nil {
					l.Files = map[string][]byte{}
				}
				l.Files[path] = p.GetBytesParam()
			}
		case name == "force", name == "persist":
			want = "bool_param"
			if _, is = choice.(*tritonpb.ModelRepositoryParameter_BoolParam); is {
				if name == "force" {
					l.Force = p.GetBoolParam()
				} else {
					l.Persist = p.GetBoolParam()
				}
			}
		default:
			return l, wire.Invalid("unrecognized load parameter '%s'.", name)
		}
		if !is {
			return l, wire.Invalid("invalid value type for load parameter '%s', expected %s.", name, want)
		}
	}
	return l, nil
}

// RepositoryModelUnload begins to unload a model.
func (s *methods) RepositoryModelUnload(ctx context.Context, r *tritonpb.RepositoryModelUnloadRequest) (*tritonpb.RepositoryModelUnloadResponse, error) {
	var err error
	for name, p := range r.Parameters {
		_, is := p.GetParameterChoice().(*tritonpb.ModelRepositoryParameter_BoolParam)
		switch {
		case name != "unload_dependents":
			err = wire.Invalid("unrecognized unload parameter '%s'.", name)
		case !is:
			err = wire.Invalid("invalid value type for unload parameter '%s', expected bool_param.", name)
		}
	}
	switch {
	case r.RepositoryName != "":
		err = wire.ErrRepositoryName
	case err == nil:
		err = s.service.Unload(ctx, r.ModelName)
	}
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{Name: r.ModelName}, "")
	}
	return &tritonpb.RepositoryModelUnloadResponse{}, nil
}

// SystemSharedMemoryStatus lists the regions that are registered.
func (s *methods) SystemSharedMemoryStatus(ctx context.Context, r *tritonpb.SystemSharedMemoryStatusRequest) (*tritonpb.SystemSharedMemoryStatusResponse, error) {
	list, err := s.service.Regions().List(r.Name)
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	response := &tritonpb.SystemSharedMemoryStatusResponse{Regions: map[string]*tritonpb.SystemSharedMemoryStatusResponse_RegionStatus{}}
	for _, region := range list {
		response.Regions[region.Name] = &tritonpb.SystemSharedMemoryStatusResponse_RegionStatus{Name: region.Name, Key: region.Key, Offset: region.Offset, ByteSize: region.Size}
	}
	return response, nil
}

// SystemSharedMemoryRegister makes shared memory known by a name.
func (s *methods) SystemSharedMemoryRegister(ctx context.Context, r *tritonpb.SystemSharedMemoryRegisterRequest) (*tritonpb.SystemSharedMemoryRegisterResponse, error) {
	err := s.service.Regions().Register(shm.Region{Name: r.Name, Key: r.Key, Offset: r.Offset, Size: r.ByteSize})
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.SystemSharedMemoryRegisterResponse{}, nil
}

// SystemSharedMemoryUnregister forgets a region, or all.
func (s *methods) SystemSharedMemoryUnregister(ctx context.Context, r *tritonpb.SystemSharedMemoryUnregisterRequest) (*tritonpb.SystemSharedMemoryUnregisterResponse, error) {
	if err := s.service.Regions().Unregister(r.Name); err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.SystemSharedMemoryUnregisterResponse{}, nil
}

// CudaSharedMemoryStatus lists no regions: none can be registered.
func (s *methods) CudaSharedMemoryStatus(ctx context.Context, r *tritonpb.CudaSharedMemoryStatusRequest) (*tritonpb.CudaSharedMemoryStatusResponse, error) {
	if err := s.service.Regions().CUDAStatus(r.Name); err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.CudaSharedMemoryStatusResponse{}, nil
}

// CudaSharedMemoryRegister is not supported.
func (s *methods) CudaSharedMemoryRegister(ctx context.Context, r *tritonpb.CudaSharedMemoryRegisterRequest) (*tritonpb.CudaSharedMemoryRegisterResponse, error) {
	return nil, s.statusOf(ctx, s.service.Regions().RegisterCUDA(r.Name), infer.Ref{}, "")
}

// CudaSharedMemoryUnregister forgets nothing: there is nothing.
func (s *methods) CudaSharedMemoryUnregister(ctx context.Context, _ *tritonpb.CudaSharedMemoryUnregisterRequest) (*tritonpb.CudaSharedMemoryUnregisterResponse, error) {
	if err := s.service.Regions().CUDAStatus(""); err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	return &tritonpb.CudaSharedMemoryUnregisterResponse{}, nil
}

// TraceSetting changes which requests are traced, and returns the settings.
func (s *methods) TraceSetting(ctx context.Context, r *tritonpb.TraceSettingRequest) (*tritonpb.TraceSettingResponse, error) {
	change := make(map[string][]string, len(r.Settings))
	for name, value := range r.Settings {
		change[name] = value.GetValue()
	}
	settings, err := s.service.SetTraces(r.ModelName, change)
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{Name: r.ModelName}, "")
	}
	response := &tritonpb.TraceSettingResponse{Settings: map[string]*tritonpb.TraceSettingResponse_SettingValue{}}
	for name, value := range settings {
		response.Settings[name] = &tritonpb.TraceSettingResponse_SettingValue{Value: value}
	}
	return response, nil
}

// LogSettings changes what is logged, and returns the settings.
func (s *methods) LogSettings(ctx context.Context, r *tritonpb.LogSettingsRequest) (*tritonpb.LogSettingsResponse, error) {
	change := make(map[string]any, len(r.Settings))
	for name, value := range r.Settings {
		switch v := value.GetParameterChoice().(type) {
		case *tritonpb.LogSettingsRequest_SettingValue_BoolParam:
			change[name] = v.BoolParam
		case *tritonpb.LogSettingsRequest_SettingValue_Uint32Param:
			change[name] = uint64(v.Uint32Param)
		case *tritonpb.LogSettingsRequest_SettingValue_StringParam:
			change[name] = v.StringParam
		}
	}
	settings, err := s.service.SetLogs(change)
	if err != nil {
		return nil, s.statusOf(ctx, err, infer.Ref{}, "")
	}
	response := &tritonpb.LogSettingsResponse{Settings: map[string]*tritonpb.LogSettingsResponse_SettingValue{}}
	for name, value := range settings {
		response.Settings[name] = logValue(value)
	}
	return response, nil
}

func logValue(value any) *tritonpb.LogSettingsResponse_SettingValue {
	switch v := value.(type) {
	case bool:
		return &tritonpb.LogSettingsResponse_SettingValue{ParameterChoice: &tritonpb.LogSettingsResponse_SettingValue_BoolParam{BoolParam: v}}
	case int:
		return &tritonpb.LogSettingsResponse_SettingValue{ParameterChoice: &tritonpb.LogSettingsResponse_SettingValue_Uint32Param{Uint32Param: uint32(v)}}
	default:
		return &tritonpb.LogSettingsResponse_SettingValue{ParameterChoice: &tritonpb.LogSettingsResponse_SettingValue_StringParam{StringParam: v.(string)}}
	}
}
