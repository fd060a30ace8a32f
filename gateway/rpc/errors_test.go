package rpc_test

import (
	"context"
	"flag"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
	"galatea/repository"
)

var update = flag.Bool("update", false, "rewrite the page of errors")

type (
	client       = tritonpb.GRPCInferenceServiceClient
	inferRequest = tritonpb.ModelInferRequest
	contents     = tritonpb.InferTensorContents
	parameters   = map[string]*tritonpb.InferParameter
	loadValues   = map[string]*tritonpb.ModelRepositoryParameter
)

func text(s string) *tritonpb.InferParameter {
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: s}}
}

func number(n int64) *tritonpb.InferParameter {
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: n}}
}

// errorRow is a call, and the error that it gets. why says where it differs from Triton's.
type errorRow struct {
	name string
	call func(context.Context, client) error
	code codes.Code
	text string
	why  string
}

// wrong makes a row of a request that is right but for a change.
func wrong(name string, change func(r *inferRequest), code codes.Code, text string) errorRow {
	return errorRow{name: name, code: code, text: text, call: func(ctx context.Context, c client) error {
		r := ask("scale", "me", 1, 2, 3, 4)
		change(r)
		_, err := c.ModelInfer(ctx, r)
		return err
	}}
}

func load(r *tritonpb.RepositoryModelLoadRequest) func(context.Context, client) error {
	return func(ctx context.Context, c client) error {
		_, err := c.RepositoryModelLoad(ctx, r)
		return err
	}
}

func traces(name string, values ...string) func(context.Context, client) error {
	return func(ctx context.Context, c client) error {
		_, err := c.TraceSetting(ctx, &tritonpb.TraceSettingRequest{Settings: map[string]*tritonpb.TraceSettingRequest_SettingValue{name: {Value: values}}})
		return err
	}
}

const noShm = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."

var inferRows = []errorRow{
	wrong("unknown model", func(r *inferRequest) { r.ModelName = "nobody" }, codes.NotFound, "Request for unknown model: 'nobody' is not found"),
	wrong("unknown version", func(r *inferRequest) { r.ModelVersion = "9" }, codes.NotFound, "Request for unknown model: 'scale' version 9 is not found"),
	wrong("no version", func(r *inferRequest) { r.ModelVersion = "x" }, codes.InvalidArgument, "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0"),
	wrong("known, none ready", func(r *inferRequest) { r.ModelName = "broken" }, codes.NotFound, "Request for unknown model: 'broken' has no available versions"),
	wrong("bad datatype", func(r *inferRequest) { r.Inputs[0].Datatype = "FP99" }, codes.InvalidArgument, "invalid datatype for input x"),
	wrong("wrong dtype", func(r *inferRequest) { r.Inputs[0].Datatype = "INT32" }, codes.InvalidArgument, "[request id: me] inference input 'x' data-type is 'INT32', but model 'scale' expects 'FP32'"),
	wrong("wrong shape", func(r *inferRequest) { r.Inputs[0].Shape = []int64{2, 2} }, codes.InvalidArgument, "[request id: me] unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [2,2]"+servetest.ShapeNote),
	wrong("missing input", func(r *inferRequest) { r.Inputs, r.RawInputContents = nil, nil }, codes.InvalidArgument, "[request id: me] expected 1 inputs but got 0 inputs for model 'scale'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s)."),
	wrong("unknown input", func(r *inferRequest) { r.Inputs[0].Name = "z" }, codes.InvalidArgument, "[request id: me] unexpected inference input 'z' for model 'scale'"),
	wrong("input twice", func(r *inferRequest) {
		r.Inputs = append(r.Inputs, r.Inputs[0])
		r.RawInputContents = append(r.RawInputContents, r.RawInputContents[0])
	}, codes.InvalidArgument, "[request id: me] input 'x' already exists in request"),
	wrong("batch too big", func(r *inferRequest) { *r = *ask("slow", "me", make([]float32, 36)...) }, codes.InvalidArgument, "[request id: me] inference request batch-size must be <= 8 for 'slow'"),
	wrong("negative dimension", func(r *inferRequest) { r.Inputs[0].Shape[0] = -1 }, codes.InvalidArgument, "invalid shape for input 'x': shape [-1,4] contains one or more invalid dimensions"),
	wrong("huge shape", func(r *inferRequest) { r.Inputs[0].Shape = []int64{1 << 62, 1 << 62} }, codes.InvalidArgument, "invalid shape for input 'x': shape [4611686018427387904,4611686018427387904] causes total element count to exceed maximum size of 9223372036854775807"),
	wrong("too few bytes", func(r *inferRequest) { r.RawInputContents[0] = r.RawInputContents[0][:12] }, codes.InvalidArgument, "[request id: me] input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 12"),
	wrong("no data", func(r *inferRequest) { r.RawInputContents = nil }, codes.InvalidArgument, "unable to find data for input tensor 'x' for model 'scale' in request."),
	wrong("raw data for one input of two", func(r *inferRequest) { r.Inputs = append(r.Inputs, r.Inputs[0]) }, codes.InvalidArgument, "unable to find data for input tensor 'x' for model 'scale' in request."),
	wrong("both kinds of data", func(r *inferRequest) { r.Inputs[0].Contents = &contents{} }, codes.InvalidArgument, "contents field must not be specified when using raw_input_contents for 'x' for model 'scale'"),
	wrong("another kind of contents", func(r *inferRequest) {
		r.RawInputContents, r.Inputs[0].Contents = nil, &contents{IntContents: []int32{1}}
	}, codes.InvalidArgument, "unexpected explicit tensor data for input tensor 'x' for model 'scale' of type 'INT32', expected datatype 'FP32'"),
	wrong("an integer out of range", func(r *inferRequest) {
		r.RawInputContents, r.Inputs[0].Contents, r.Inputs[0].Datatype = nil, &contents{IntContents: []int32{128}}, "INT8"
	}, codes.InvalidArgument, "input tensor 'x' has an element of 128, which is out of range for datatype 'INT8'").because("Triton takes the lowest byte without a word"),
	wrong("unknown output", func(r *inferRequest) {
		r.Outputs = []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{{Name: "z"}}
	}, codes.InvalidArgument, "[request id: me] unexpected inference output 'z' for model 'scale'"),
	wrong("output twice", func(r *inferRequest) {
		r.Outputs = []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y"}, {Name: "y"}}
	}, codes.InvalidArgument, "output 'y' already exists in request"),
	wrong("classes in shared memory", func(r *inferRequest) {
		r.Outputs = []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: parameters{"shared_memory_region": text("r"), "shared_memory_byte_size": number(16), "classification": number(1)}}}
	}, codes.InvalidArgument, "output can't set both 'shared_memory_region' and 'classification'"),
	wrong("ten thousand inputs", func(r *inferRequest) { r.Inputs = slices.Repeat(r.Inputs, 10_000) }, codes.InvalidArgument, "too many inputs: expected at most 4096").because("Triton has no such limit"),
	wrong("a priority that is a text", func(r *inferRequest) { r.Parameters = parameters{"priority": text("x")} }, codes.InvalidArgument, "invalid value type for 'priority' parameter, expected int64_param or uint64_param."),
	wrong("a negative timeout", func(r *inferRequest) { r.Parameters = parameters{"timeout": number(-1)} }, codes.InvalidArgument, "parameter 'timeout' is out of range: expected 0 or more, got: -1"),
	wrong("a sequence's start that is a number", func(r *inferRequest) { r.Parameters = parameters{"sequence_start": number(1)} }, codes.InvalidArgument, "invalid value type for 'sequence_start' parameter, expected bool_param."),
	wrong("a reserved parameter", func(r *inferRequest) { r.Parameters = parameters{"triton_x": number(1)} }, codes.InvalidArgument, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."),
	wrong("shared memory that is not allowed", func(r *inferRequest) {
		r.Inputs[0].Parameters = parameters{"shared_memory_region": text("r"), "shared_memory_byte_size": number(16)}
	}, codes.Unimplemented, noShm),
	wrong("the model fails", func(r *inferRequest) {
		*r = *ask("lookup", "me")
		r.Inputs[0].Datatype, r.Inputs[0].Shape = "INT64", []int64{1, 1}
		r.RawInputContents[0] = []byte{7, 0, 0, 0, 0, 0, 0, 0}
	}, codes.Internal, "[request id: me] inference failed: Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=7 must be within the inclusive range [-3,2]").because("Triton puts onnx runtime error 6: in front"),
}

var callRows = []errorRow{
	{name: "metadata of an unknown model", call: func(ctx context.Context, c client) error {
		_, err := c.ModelMetadata(ctx, &tritonpb.ModelMetadataRequest{Name: "nobody"})
		return err
	}, code: codes.NotFound, text: "Request for unknown model: 'nobody' is not found"},
	{name: "config of an unknown version", call: func(ctx context.Context, c client) error {
		_, err := c.ModelConfig(ctx, &tritonpb.ModelConfigRequest{Name: "scale", Version: "9"})
		return err
	}, code: codes.NotFound, text: "Request for unknown model: 'scale' version 9 is not found"},
	{name: "statistics of an unknown model", call: func(ctx context.Context, c client) error {
		_, err := c.ModelStatistics(ctx, &tritonpb.ModelStatisticsRequest{Name: "nobody"})
		return err
	}, code: codes.InvalidArgument, text: "requested model 'nobody' is not available"},
	{name: "statistics of an unknown version", call: func(ctx context.Context, c client) error {
		_, err := c.ModelStatistics(ctx, &tritonpb.ModelStatisticsRequest{Name: "scale", Version: "9"})
		return err
	}, code: codes.InvalidArgument, text: "requested model version is not available for model 'scale'"},
	{name: "load where the server polls", call: load(&tritonpb.RepositoryModelLoadRequest{ModelName: "scale"}), code: codes.Unavailable, text: "explicit model load / unload is not allowed if polling is enabled"},
	{name: "load of one repository", call: load(&tritonpb.RepositoryModelLoadRequest{ModelName: "scale", RepositoryName: "r"}), code: codes.Unimplemented, text: "'repository_name' specification is not supported"},
	{name: "load with a parameter that there is not", call: load(&tritonpb.RepositoryModelLoadRequest{ModelName: "scale", Parameters: loadValues{"k": {}}}), code: codes.InvalidArgument, text: "unrecognized load parameter 'k'."},
	{name: "load with a config that is none", call: load(&tritonpb.RepositoryModelLoadRequest{ModelName: "scale", Parameters: loadValues{"config": {}}}), code: codes.InvalidArgument, text: "invalid value type for load parameter 'config', expected string_param."},
	{name: "load with a file that is a text", call: load(&tritonpb.RepositoryModelLoadRequest{ModelName: "scale", Parameters: loadValues{
		"file:1/model.onnx": {ParameterChoice: &tritonpb.ModelRepositoryParameter_StringParam{StringParam: "x"}},
	}}), code: codes.InvalidArgument, text: "invalid value type for load parameter 'file:1/model.onnx', expected bytes_param."},
	{name: "load without a name", call: load(&tritonpb.RepositoryModelLoadRequest{}), code: codes.InvalidArgument, text: "Model name cannot be empty. Please enter a valid name to deploy."},
	{name: "index of one repository", call: func(ctx context.Context, c client) error {
		_, err := c.RepositoryIndex(ctx, &tritonpb.RepositoryIndexRequest{RepositoryName: "r"})
		return err
	}, code: codes.Unimplemented, text: "'repository_name' specification is not supported"},
	{name: "shared memory where it is not allowed", call: func(ctx context.Context, c client) error {
		_, err := c.SystemSharedMemoryRegister(ctx, &tritonpb.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/k", ByteSize: 16})
		return err
	}, code: codes.Unimplemented, text: noShm},
	{name: "trace setting that there is not", call: traces("trace_speed", "1"), code: codes.InvalidArgument, text: "Attempting to set invalid trace setting :trace_speed"},
	{name: "trace rate that is no number", call: traces("trace_rate", "x"), code: codes.InvalidArgument, text: "Unable to parse 'trace_rate', got: x"},
	{name: "trace file", call: traces("trace_file", "/tmp/x"), code: codes.Unimplemented, text: "trace file location can not be updated through network protocol"},
	{name: "log format that there is not", call: func(ctx context.Context, c client) error {
		_, err := c.LogSettings(ctx, &tritonpb.LogSettingsRequest{Settings: map[string]*tritonpb.LogSettingsRequest_SettingValue{
			"log_format": {ParameterChoice: &tritonpb.LogSettingsRequest_SettingValue_StringParam{StringParam: "runes"}},
		}})
		return err
	}, code: codes.InvalidArgument, text: "invalid argument for log_format, got: runes"},
}

func (r errorRow) because(why string) errorRow { r.why = why; return r }

func TestErrorsHaveTritonsCodesAndWords(t *testing.T) {
	s, c := start(t, servetest.Options{Control: repository.ModePoll})
	for _, rows := range [][]errorRow{inferRows, callRows} {
		for _, r := range rows {
			fails(t, r.name, r.call(t.Context(), c), r.code, r.text)
		}
	}
	holdsNothing(t, s)
}

func TestThePageOfErrorsHasThem(t *testing.T) {
	var b strings.Builder
	for _, g := range []struct {
		heading string
		rows    []errorRow
	}{{"Inferences", inferRows}, {"Other calls", callRows}} {
		b.WriteString("\n### " + g.heading + "\n\n| what | code | text | differs |\n|---|---|---|---|\n")
		for _, r := range g.rows {
			b.WriteString(servetest.ErrorRow(r.name, r.code.String(), r.text, r.why))
		}
	}
	servetest.Section(t, "errors.md", "## gRPC", b.String(), *update)
}
