package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"galatea/gateway/rpc"
	"galatea/gateway/wire"
	"galatea/internal/process"
	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
)

func TestAModelIsDescribed(t *testing.T) {
	_, client := start(t, servetest.Options{})
	ctx := t.Context()
	server, err := client.ServerMetadata(ctx, &tritonpb.ServerMetadataRequest{})
	if err != nil || server.Name != "galatea" || !slices.Contains(server.Extensions, "binary_tensor_data") {
		t.Errorf("%v, %v", server, err)
	}
	m, err := client.ModelMetadata(ctx, &tritonpb.ModelMetadataRequest{Name: "scale"})
	if err != nil || !slices.Equal(m.Versions, []string{"1", "3"}) || m.Platform != "onnxruntime_onnx" || !slices.Equal(m.Inputs[0].Shape, []int64{-1, 4}) || m.Outputs[0].Datatype != "FP32" {
		t.Errorf("%v, %v", m, err)
	}
	c, err := client.ModelConfig(ctx, &tritonpb.ModelConfigRequest{Name: "addsub", Version: "1"})
	if err != nil || c.Config.Name != "addsub" || len(c.Config.Input) != 2 || c.Config.Input[0].DataType != tritonpb.DataType_TYPE_INT32 || c.Config.GetDynamicBatching() == nil {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := client.ModelInfer(ctx, ask("scale", "", 1, 2, 3, 4)); err != nil {
		t.Fatal(err)
	}
	stats, err := client.ModelStatistics(ctx, &tritonpb.ModelStatisticsRequest{Name: "scale", Version: "3"})
	if err != nil || len(stats.ModelStats) != 1 || stats.ModelStats[0].InferenceCount != 1 || stats.ModelStats[0].InferenceStats.Success.Count != 1 || stats.ModelStats[0].InferenceStats.Success.Ns == 0 {
		t.Errorf("%v, %v", stats, err)
	}
	if all, err := client.ModelStatistics(ctx, &tritonpb.ModelStatisticsRequest{}); err != nil || len(all.ModelStats) < 10 {
		t.Errorf("%v, %v", all, err)
	}
	for name, want := range map[string]bool{"scale": true, "nobody": false, "broken": false} {
		if r, err := client.ModelReady(ctx, &tritonpb.ModelReadyRequest{Name: name}); err != nil || r.Ready != want {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	index, err := client.RepositoryIndex(ctx, &tritonpb.RepositoryIndexRequest{Ready: true})
	if err != nil || len(index.Models) < 10 || index.Models[0].State != "READY" {
		t.Errorf("%v, %v", index, err)
	}
}

func TestTensorsTravelInSharedMemory(t *testing.T) {
	s, client := start(t, servetest.Options{ClientSharedMemory: true})
	ctx := t.Context()
	file, err := os.CreateTemp("/dev/shm", "galatea-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); os.Remove(file.Name()) })
	if _, err := file.Write(append(floats(1, 2, 3, 4), make([]byte, 16)...)); err != nil {
		t.Fatal(err)
	}
	region := &tritonpb.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/" + filepath.Base(file.Name()), ByteSize: 32}
	if _, err := client.SystemSharedMemoryRegister(ctx, region); err != nil {
		t.Fatal(err)
	}
	_, err = client.SystemSharedMemoryRegister(ctx, region)
	fails(t, "twice", err, codes.AlreadyExists, "shared memory region 'r' already in manager")
	part := func(offset, size int64) parameters {
		return parameters{"shared_memory_region": text("r"), "shared_memory_byte_size": number(size), "shared_memory_offset": number(offset)}
	}
	r := ask("scale", "", 1, 2, 3, 4)
	r.RawInputContents = nil
	r.Inputs[0].Parameters = part(0, 16)
	r.Outputs = []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: part(16, 16)}}
	resp, err := client.ModelInfer(ctx, r)
	if err != nil || len(resp.RawOutputContents) != 1 || len(resp.RawOutputContents[0]) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
	got := make([]byte, 16)
	if _, err := file.ReadAt(got, 16); err != nil || !slices.Equal(got, floats(3, 6, 9, 12)) {
		t.Errorf("%v, %v", got, err)
	}
	r.Outputs[0].Parameters = part(16, 8)
	_, err = client.ModelInfer(ctx, r)
	fails(t, "no room", err, codes.Internal, "shared memory size specified with the request for output 'y' (8 bytes) should be at least 16 bytes to hold the results")
	if err := file.Truncate(4); err != nil {
		t.Fatal(err)
	}
	r.Outputs = nil
	_, err = client.ModelInfer(ctx, r)
	fails(t, "memory that its owner has cut", err, codes.InvalidArgument, "shared memory region 'r' has become smaller than it was registered")
	if _, err := client.SystemSharedMemoryUnregister(ctx, &tritonpb.SystemSharedMemoryUnregisterRequest{}); err != nil {
		t.Error(err)
	}
	holdsNothing(t, s)
}

func TestHealthFollowsReadiness(t *testing.T) {
	s, _ := start(t, servetest.Options{})
	client := healthpb.NewHealthClient(dial(t, s.App.GRPCAddr()))
	if r, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "any"}); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", r, err)
	}
	watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := watch.Recv(); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", r, err)
	}
	s.Stop()
	for err == nil {
		_, err = watch.Recv()
	}
	fails(t, "at the end", err, codes.Unavailable, "GRPC server is shutting down and has stopped accepting new requests.")
}

// As SIGTERM does it: calls are answered while balancers notice.
func TestAServerThatEndsSaysSo(t *testing.T) {
	s, client := start(t, servetest.Options{ShutdownDelay: time.Second})
	s.Shutdown()
	s.Eventually("it is not ready", func() error {
		if _, err := client.ServerReady(t.Context(), &tritonpb.ServerReadyRequest{}); status.Code(err) != codes.Unavailable {
			return fmt.Errorf("ready: %w", err)
		}
		return nil
	})
	_, ready := client.ServerReady(t.Context(), &tritonpb.ServerReadyRequest{})
	fails(t, "ready", ready, codes.Unavailable, "Server exiting")
	_, live := client.ServerLive(t.Context(), &tritonpb.ServerLiveRequest{})
	fails(t, "live", live, codes.Unavailable, "Server exiting")
	if r, err := healthpb.NewHealthClient(dial(t, s.App.GRPCAddr())).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || r.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: %v, %v", r, err)
	}
	if _, err := client.ModelInfer(t.Context(), ask("scale", "", 1, 2, 3, 4)); err != nil {
		t.Errorf("an inference: %v", err)
	}
}

func TestTheServerDescribesItself(t *testing.T) {
	s, _ := start(t, servetest.Options{})
	one, err := reflectionpb.NewServerReflectionClient(dial(t, s.App.GRPCAddr())).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	r, err := one.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range r.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	for _, want := range []string{"inference.GRPCInferenceService", "grpc.health.v1.Health"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	if err := one.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := one.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestOnePortAnswersBoth(t *testing.T) {
	ports, err := process.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s, client := start(t, servetest.Options{HTTPPort: ports[0], GRPCPort: ports[0]})
	if s.App.GRPCAddr() != s.App.HTTPAddr() {
		t.Fatalf("%s and %s", s.App.GRPCAddr(), s.App.HTTPAddr())
	}
	resp, err := client.ModelInfer(t.Context(), ask("scale", "", 1, 2, 3, 4))
	if err != nil || !slices.Equal(resp.RawOutputContents[0], floats(3, 6, 9, 12)) {
		t.Errorf("%v, %v", resp, err)
	}
	if reply := s.Get("/v2/models/scale"); reply.Status != http.StatusOK {
		t.Errorf("%v", reply)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one := open(ctx, t, client)
	send(t, one, ask("scale", "a", 1, 2, 3, 4))
	if m := receive(t, one); m.InferResponse.GetId() != "a" {
		t.Errorf("%v", m)
	}
}

func TestRestrictedCallsNeedTheirKey(t *testing.T) {
	restricted, err := wire.ParseRestrictions([]string{"inference,health:key=v"}, rpc.HeaderPrefix)
	if err != nil {
		t.Fatal(err)
	}
	s, client := start(t, servetest.Options{GRPCRestricted: restricted})
	const text = "This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
	_, err = client.ModelInfer(t.Context(), ask("scale", "", 1, 2, 3, 4))
	fails(t, "an inference", err, codes.Unavailable, text)
	_, err = open(t.Context(), t, client).Recv()
	fails(t, "a stream", err, codes.Unavailable, text)
	_, err = healthpb.NewHealthClient(dial(t, s.App.GRPCAddr())).Check(t.Context(), &healthpb.HealthCheckRequest{})
	fails(t, "health", err, codes.Unavailable, text)
	if _, err := client.ServerMetadata(t.Context(), &tritonpb.ServerMetadataRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := client.ModelInfer(metadata.AppendToOutgoingContext(t.Context(), "triton-grpc-protocol-key", "v"), ask("scale", "", 1, 2, 3, 4)); err != nil {
		t.Error(err)
	}
}
