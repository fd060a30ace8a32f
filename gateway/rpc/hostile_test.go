package rpc_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"galatea/config"
	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
)

// bytesCodec sends bytes as they are.
type bytesCodec struct{ encoding.Codec }

func (bytesCodec) Name() string                       { return "proto" }
func (bytesCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }

func TestHostileRequestsAreRefusedAndTheServerGoesOn(t *testing.T) {
	const most = 1 << 20
	s, client := start(t, servetest.Options{Override: func(c *config.Server) { c.HTTP.MaxInputSize = most }})
	conn := dial(t, s.App.GRPCAddr())
	marshal := func(change func(r *tritonpb.ModelInferRequest)) []byte {
		r := ask("scale", "", 1, 2, 3, 4)
		change(r)
		raw, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	type request = tritonpb.ModelInferRequest
	text := func(content string) []byte {
		return marshal(func(r *request) {
			r.ModelName, r.Inputs[0].Datatype, r.RawInputContents = "same_bytes", "BYTES", [][]byte{[]byte(content)}
		})
	}
	for _, tt := range []struct {
		name     string
		message  []byte
		code     codes.Code
		says     string
		compress string
	}{
		{"garbage", []byte("\xff\xff\xff"), codes.InvalidArgument, "failed to parse the request: ", ""},
		{"a length past the end", []byte{0x0a, 0x7f, 'm'}, codes.InvalidArgument, "failed to parse the request: ", ""},
		{"nothing", nil, codes.NotFound, "Request for unknown model: '' is not found", ""},
		{"a name that is no UTF-8", []byte("\x0a\x02\xff\xfe"), codes.InvalidArgument, "failed to parse the request: ", ""},
		{"a name of a megabyte", marshal(func(r *request) { r.ModelName = strings.Repeat("m", most-200) }), codes.NotFound, "Request for unknown model: 'mmm", ""},
		{"an input's name of a megabyte", marshal(func(r *request) { r.Inputs[0].Name = strings.Repeat("x", most-200) }), codes.InvalidArgument, "[request id: <id_unknown>] ", ""},
		{"a message that is too large", marshal(func(r *request) { r.RawInputContents[0] = make([]byte, most) }), codes.ResourceExhausted, "grpc: received message larger than max", ""},
		{"a bomb", marshal(func(r *request) { r.RawInputContents[0] = make([]byte, 200*most) }), codes.ResourceExhausted, "grpc: ", "gzip"},
		{"a bomb in the other compression", marshal(func(r *request) { r.RawInputContents[0] = make([]byte, 200*most) }), codes.ResourceExhausted, "grpc: ", "deflate"},
		{"strings that lie", text("\xff\xff\xff\xffabc"), codes.InvalidArgument, "[request id: <id_unknown>] ", ""},
		{"strings that end in a length", text("ab"), codes.InvalidArgument, "[request id: <id_unknown>] ", ""},
		{"ten thousand outputs", marshal(func(r *request) {
			for i := range 10_000 {
				r.Outputs = append(r.Outputs, &tritonpb.ModelInferRequest_InferRequestedOutputTensor{Name: fmt.Sprint(i)})
			}
		}), codes.InvalidArgument, "[request id: <id_unknown>] unexpected inference output '0' for model 'scale'", ""},
		{"ten thousand inputs", marshal(func(r *request) {
			for len(r.Inputs) < 10_000 {
				r.Inputs, r.RawInputContents = append(r.Inputs, r.Inputs[0]), append(r.RawInputContents, nil)
			}
		}), codes.InvalidArgument, "too many inputs: expected at most 4096", ""},
		{"as many inputs as there is room for", bytes.Repeat([]byte{5<<3 | 2, 0}, most/2-8), codes.InvalidArgument, "too many inputs: expected at most 4096", ""},
		{"as many outputs as there is room for", bytes.Repeat([]byte{6<<3 | 2, 0}, most/2-8), codes.InvalidArgument, "too many outputs: expected at most 65536", ""},
		{"as many raw contents as there is room for", bytes.Repeat([]byte{7<<3 | 2, 0}, most/2-8), codes.NotFound, "Request for unknown model: '' is not found", ""},
		{"a shape of ten thousand", marshal(func(r *request) {
			for len(r.Inputs[0].Shape) < 10_000 {
				r.Inputs[0].Shape = append(r.Inputs[0].Shape, 1)
			}
		}), codes.InvalidArgument, "[request id: <id_unknown>] unexpected shape for input 'x' for model 'scale'", ""},
		{"half a gigabyte that is not sent", marshal(func(r *request) { r.Inputs[0].Shape = []int64{1 << 27, 4} }), codes.InvalidArgument, "", ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var answer []byte
		options := []grpc.CallOption{grpc.ForceCodec(bytesCodec{}), grpc.MaxCallSendMsgSize(1 << 30)}
		if tt.compress != "" {
			options = append(options, grpc.UseCompressor(tt.compress))
		}
		err := conn.Invoke(t.Context(), "/inference.GRPCInferenceService/ModelInfer", tt.message, &answer, options...)
		if got := status.Convert(err); got.Code() != tt.code || !strings.HasPrefix(got.Message(), tt.says) || len(got.Message()) > 5000 {
			t.Errorf("%s: %v %.300s", tt.name, got.Code(), got.Message())
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(8<<20+8*len(tt.message)) {
			t.Errorf("%s: %d MiB of memory for a message of %d bytes", tt.name, took>>20, len(tt.message))
		}
		if _, err := client.ModelInfer(t.Context(), ask("scale", "", 1, 2, 3, 4)); err != nil {
			t.Errorf("%s: afterwards: %v", tt.name, err)
		}
	}
	holdsNothing(t, s)
}
