package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	pb "galatea/internal/tritonpb"
)

// client is a client of the server, and its connection for other services.
type client struct {
	pb.GRPCInferenceServiceClient
	conn *grpc.ClientConn
}

// steps are asked in their order.
var steps = []struct {
	what string
	ask  func(context.Context, client) error
}{
	{"the server is live and ready", ready},
	{"a model is described", described},
	{"every type travels raw and typed", types},
	{"a version is asked by its number, and outputs by their names", wanted},
	{"classes come with their labels", classes},
	{"answers may be compressed", compressed},
	{"a deadline ends a call", deadline},
	{"a stream answers in order, and errors leave it open", streamed},
	{"a strict stream ends with its first error", strict},
	{"a model is unloaded, and loaded with another configuration", loaded},
	{"tensors lie in shared memory", shared},
	{"no memory of a GPU is registered", cuda},
	{"statistics count", counted},
	{"settings of traces and logs are changed and back", settings},
	{"errors have their codes and words", refused},
	{"health is checked and watched", healthy},
	{"the server describes its services", reflected},
}

// differs says what an answer should have been.
func differs(got any) error { return fmt.Errorf("got %v", got) }

func ready(ctx context.Context, c client) error {
	live, err := c.ServerLive(ctx, &pb.ServerLiveRequest{})
	if err != nil || !live.Live {
		return errors.Join(err, differs(live))
	}
	server, err := c.ServerReady(ctx, &pb.ServerReadyRequest{})
	if err != nil || !server.Ready {
		return errors.Join(err, differs(server))
	}
	for name, want := range map[string]bool{"simple": true, "broken": false, "nobody": false} {
		model, err := c.ModelReady(ctx, &pb.ModelReadyRequest{Name: name})
		if err != nil || model.Ready != want {
			return errors.Join(err, differs(model))
		}
	}
	return nil
}

func described(ctx context.Context, c client) error {
	server, err := c.ServerMetadata(ctx, &pb.ServerMetadataRequest{})
	if err != nil || server.Name != "galatea" || !slices.Contains(server.Extensions, "binary_tensor_data") {
		return errors.Join(err, differs(server))
	}
	model, err := c.ModelMetadata(ctx, &pb.ModelMetadataRequest{Name: "simple"})
	if err != nil || model.Platform != "onnxruntime_onnx" || len(model.Inputs) != 2 || !slices.Equal(model.Outputs[1].Shape, []int64{-1, 16}) {
		return errors.Join(err, differs(model))
	}
	config, err := c.ModelConfig(ctx, &pb.ModelConfigRequest{Name: "classifier"})
	if err != nil || config.Config.Output[0].LabelFilename != "labels.txt" || config.Config.GetDynamicBatching() == nil {
		return errors.Join(err, differs(config))
	}
	index, err := c.RepositoryIndex(ctx, &pb.RepositoryIndexRequest{Ready: true})
	if err != nil || len(index.Models) < 20 || index.Models[0].State != "READY" {
		return errors.Join(err, differs(index))
	}
	return nil
}

func loaded(ctx context.Context, c client) error {
	if _, err := c.RepositoryModelUnload(ctx, &pb.RepositoryModelUnloadRequest{ModelName: "spare"}); err != nil {
		return err
	}
	for {
		model, err := c.ModelReady(ctx, &pb.ModelReadyRequest{Name: "spare"})
		if err != nil {
			return err
		}
		if !model.Ready {
			break
		}
	}
	load := &pb.RepositoryModelLoadRequest{ModelName: "spare", Parameters: map[string]*pb.ModelRepositoryParameter{
		"config": {ParameterChoice: &pb.ModelRepositoryParameter_StringParam{StringParam: `{"max_batch_size": 3}`}},
	}}
	if _, err := c.RepositoryModelLoad(ctx, load); err != nil {
		return err
	}
	config, err := c.ModelConfig(ctx, &pb.ModelConfigRequest{Name: "spare"})
	if err != nil || config.Config.MaxBatchSize != 3 {
		return errors.Join(err, differs(config))
	}
	resp, err := c.ModelInfer(ctx, ask("spare", "", 1, 2, 3, 4))
	if err != nil || !bytes.Equal(resp.RawOutputContents[0], floats(5, 10, 15, 20)) {
		return errors.Join(err, differs(resp))
	}
	_, err = c.RepositoryModelLoad(ctx, &pb.RepositoryModelLoadRequest{ModelName: "spare"}) // as its file says
	return err
}

func shared(ctx context.Context, c client) error {
	file, err := os.CreateTemp("/dev/shm", "galatea-e2e-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.Write(append(floats(1, 2, 3, 4), make([]byte, 16)...)); err != nil {
		return err
	}
	if _, err := c.SystemSharedMemoryRegister(ctx, &pb.SystemSharedMemoryRegisterRequest{Name: "go", Key: "/" + filepath.Base(file.Name()), ByteSize: 32}); err != nil {
		return err
	}
	all, err := c.SystemSharedMemoryStatus(ctx, &pb.SystemSharedMemoryStatusRequest{Name: "go"})
	if err != nil || all.Regions["go"].GetByteSize() != 32 {
		return errors.Join(err, differs(all))
	}
	part := func(offset int64) map[string]*pb.InferParameter {
		return map[string]*pb.InferParameter{"shared_memory_region": text("go"), "shared_memory_byte_size": number(16), "shared_memory_offset": number(offset)}
	}
	r := ask("scale", "", 1, 2, 3, 4)
	r.RawInputContents, r.Inputs[0].Parameters = nil, part(0)
	r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: part(16)}}
	resp, err := c.ModelInfer(ctx, r)
	got := make([]byte, 16)
	if err != nil || len(resp.RawOutputContents[0]) != 0 {
		return errors.Join(err, differs(resp))
	}
	if _, err := file.ReadAt(got, 16); err != nil || !bytes.Equal(got, floats(2, 4, 6, 8)) {
		return errors.Join(err, differs(got))
	}
	_, err = c.SystemSharedMemoryUnregister(ctx, &pb.SystemSharedMemoryUnregisterRequest{Name: "go"})
	return err
}

func cuda(ctx context.Context, c client) error {
	if _, err := c.CudaSharedMemoryRegister(ctx, &pb.CudaSharedMemoryRegisterRequest{Name: "go", RawHandle: []byte{1}, ByteSize: 16}); status.Code(err) != codes.Unimplemented {
		return errors.Join(err, differs(status.Code(err)))
	}
	all, err := c.CudaSharedMemoryStatus(ctx, &pb.CudaSharedMemoryStatusRequest{})
	if err != nil || len(all.Regions) != 0 {
		return errors.Join(err, differs(all))
	}
	_, err = c.CudaSharedMemoryUnregister(ctx, &pb.CudaSharedMemoryUnregisterRequest{})
	return err
}

func counted(ctx context.Context, c client) error {
	count := func() (uint64, error) {
		all, err := c.ModelStatistics(ctx, &pb.ModelStatisticsRequest{Name: "scale", Version: "2"})
		if err != nil || len(all.ModelStats) != 1 {
			return 0, errors.Join(err, differs(all))
		}
		return all.ModelStats[0].InferenceStats.Success.Count, nil
	}
	before, err := count()
	if err != nil {
		return err
	}
	if _, err := c.ModelInfer(ctx, ask("scale", "", 1, 2, 3, 4)); err != nil {
		return err
	}
	if after, err := count(); err != nil || after != before+1 {
		return errors.Join(err, differs(after))
	}
	return nil
}

func settings(ctx context.Context, c client) error {
	set := func(rate ...string) (*pb.TraceSettingResponse, error) {
		return c.TraceSetting(ctx, &pb.TraceSettingRequest{ModelName: "simple", Settings: map[string]*pb.TraceSettingRequest_SettingValue{"trace_rate": {Value: rate}}})
	}
	if got, err := set("7"); err != nil || !slices.Equal(got.Settings["trace_rate"].GetValue(), []string{"7"}) {
		return errors.Join(err, differs(got))
	}
	if got, err := set(); err != nil || slices.Equal(got.Settings["trace_rate"].GetValue(), []string{"7"}) {
		return errors.Join(err, differs(got))
	}
	for _, level := range []uint32{1, 0} {
		got, err := c.LogSettings(ctx, &pb.LogSettingsRequest{Settings: map[string]*pb.LogSettingsRequest_SettingValue{
			"log_verbose_level": {ParameterChoice: &pb.LogSettingsRequest_SettingValue_Uint32Param{Uint32Param: level}},
		}})
		if err != nil || got.Settings["log_verbose_level"].GetUint32Param() != level {
			return errors.Join(err, differs(got))
		}
	}
	return nil
}

func refused(ctx context.Context, c client) error {
	for _, one := range []struct {
		change func(r *pb.ModelInferRequest)
		code   codes.Code
		text   string
	}{
		{func(r *pb.ModelInferRequest) { r.ModelName = "nobody" }, codes.NotFound, "Request for unknown model: 'nobody' is not found"},
		{func(r *pb.ModelInferRequest) { r.ModelVersion = "9" }, codes.NotFound, "Request for unknown model: 'scale' version 9 is not found"},
		{func(r *pb.ModelInferRequest) { r.Inputs[0].Datatype = "INT32" }, codes.InvalidArgument, "[request id: me] inference input 'x' data-type is 'INT32', but model 'scale' expects 'FP32'"},
		{func(r *pb.ModelInferRequest) { r.RawInputContents = nil }, codes.InvalidArgument, "unable to find data for input tensor 'x' for model 'scale' in request."},
	} {
		r := ask("scale", "me", 1, 2, 3, 4)
		one.change(r)
		_, err := c.ModelInfer(ctx, r)
		if got := status.Convert(err); got.Code() != one.code || got.Message() != one.text {
			return errors.Join(err, fmt.Errorf("want %v %s", one.code, one.text))
		}
	}
	return nil
}

func healthy(ctx context.Context, c client) error {
	health := healthpb.NewHealthClient(c.conn)
	got, err := health.Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		return errors.Join(err, differs(got))
	}
	watch, err := health.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if got, err := watch.Recv(); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		return errors.Join(err, differs(got))
	}
	return nil
}

func reflected(ctx context.Context, c client) error {
	stream, err := reflectionpb.NewServerReflectionClient(c.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		return err
	}
	got, err := stream.Recv()
	if err != nil {
		return err
	}
	for _, service := range got.GetListServicesResponse().GetService() {
		if service.Name == pb.GRPCInferenceService_ServiceDesc.ServiceName {
			return nil
		}
	}
	return differs(got)
}
