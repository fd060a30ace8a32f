package rpc_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
	"galatea/tensor"
)

func TestMain(m *testing.M) {
	if _, err := servetest.Runtime(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// dtypes is a model that returns what it is sent, for each data type.
func dtypes() map[string]tensor.DType {
	all := map[string]tensor.DType{}
	for _, d := range tensor.DTypes() {
		all["same_"+strings.ToLower(d.String())] = d
	}
	return all
}

// start starts a server with the models of these tests, and returns a client of it.
func start(t *testing.T, o servetest.Options) (*servetest.Server, tritonpb.GRPCInferenceServiceClient) {
	t.Helper()
	root := t.TempDir()
	dynamic := tensor.Shape{tensor.Dynamic, tensor.Dynamic}
	for name, model := range map[string][]byte{"scale": onnxtest.Scale(2), "addsub": onnxtest.AddSub(tensor.Int32), "broken": []byte("no model"), "lookup": onnxtest.Lookup(10, 20, 30)} {
		onnxtest.Version(t, root, name, 1, model)
	}
	for name, d := range dtypes() {
		onnxtest.Version(t, root, name, 1, onnxtest.Identity(d, dynamic))
	}
	onnxtest.Version(t, root, "scale", 3, onnxtest.Scale(3))
	onnxtest.Write(t, filepath.Join(root, "scale", "config.yaml"), []byte("version_policy: {all: {}}\n"))
	for name, delay := range map[string]time.Duration{"slow": 200 * time.Millisecond, "stuck": time.Hour} {
		onnxtest.Version(t, root, name, 1, onnxtest.Scale(5))
		onnxtest.Write(t, filepath.Join(root, name, "config.yaml"), fmt.Appendf(nil, "max_batch_size: 8\ndynamic_batching: {max_queue_delay_microseconds: %d}\n", delay.Microseconds()))
	}
	o.Repositories = []string{root}
	s := servetest.Start(t, o)
	s.Ready()
	return s, tritonpb.NewGRPCInferenceServiceClient(dial(t, s.App.GRPCAddr()))
}

func dial(t *testing.T, address string, o ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, append(o, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func floats(values ...float32) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

// ask is a request for a model with one FP32 input of rows of four.
func ask(model, id string, values ...float32) *tritonpb.ModelInferRequest {
	return &tritonpb.ModelInferRequest{
		ModelName: model, Id: id,
		Inputs:           []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{int64(len(values) / 4), 4}}},
		RawInputContents: [][]byte{floats(values...)},
	}
}

// fails demands that an error has a code and a text.
func fails(t *testing.T, name string, err error, code codes.Code, text string) {
	t.Helper()
	if got := status.Convert(err); got.Code() != code || got.Message() != text {
		t.Errorf("%s:\ngot  %v %s\nwant %v %s", name, got.Code(), got.Message(), code, text)
	}
}

func TestAnInferenceIsAnswered(t *testing.T) {
	_, client := start(t, servetest.Options{})
	resp, err := client.ModelInfer(t.Context(), ask("scale", "me", 1, 2, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	if resp.ModelName != "scale" || resp.ModelVersion != "3" || resp.Id != "me" || len(resp.Parameters) != 0 || len(resp.Outputs) != 1 {
		t.Errorf("%v", resp)
	}
	if o := resp.Outputs[0]; o.Name != "y" || o.Datatype != "FP32" || !slices.Equal(o.Shape, []int64{1, 4}) || o.Contents != nil {
		t.Errorf("%v", o)
	}
	if got := resp.RawOutputContents; len(got) != 1 || !slices.Equal(got[0], floats(3, 6, 9, 12)) {
		t.Errorf("%v", got)
	}
	r := ask("scale", "", 1, 2, 3, 4)
	r.ModelVersion = "1"
	if resp, err = client.ModelInfer(t.Context(), r); err != nil || resp.ModelVersion != "1" || !slices.Equal(resp.RawOutputContents[0], floats(2, 4, 6, 8)) {
		t.Errorf("%v, %v", resp, err)
	}
}

// Triton counts raw contents by the inputs that they are for, and looks at no others.
func TestMoreRawContentsThanInputsAreIgnored(t *testing.T) {
	_, client := start(t, servetest.Options{})
	r := ask("scale", "", 1, 2, 3, 4)
	r.RawInputContents = append(r.RawInputContents, []byte("more"), nil)
	if resp, err := client.ModelInfer(t.Context(), r); err != nil || !slices.Equal(resp.RawOutputContents[0], floats(3, 6, 9, 12)) {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestSmallAndLargeTensorsComeBackWhole(t *testing.T) {
	s, client := start(t, servetest.Options{})
	for _, compress := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}, {grpc.UseCompressor("deflate")}} {
		for _, n := range []int{0, 1, 250, 260, 4000, 5000, 16384, 1 << 20} {
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(i)
			}
			r := &tritonpb.ModelInferRequest{
				ModelName: "same_fp32", RawInputContents: [][]byte{floats(values...)},
				Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1, int64(n)}}},
			}
			resp, err := client.ModelInfer(t.Context(), r, compress...)
			if err != nil {
				t.Fatalf("%d: %v", n, err)
			}
			if !slices.Equal(resp.RawOutputContents[0], r.RawInputContents[0]) {
				t.Errorf("%d numbers came back as others", n)
			}
		}
	}
	holdsNothing(t, s)
}

// holdsNothing waits until no request's memory is held.
func holdsNothing(t *testing.T, s *servetest.Server) {
	t.Helper()
	s.Eventually("no request is held", func() error {
		if n, _ := s.Metric("galatea_http_inflight_bytes"); n != 0 {
			return fmt.Errorf("%v bytes are held", n)
		}
		return nil
	})
}

func TestEveryTypeTravelsRawAndTyped(t *testing.T) {
	_, client := start(t, servetest.Options{})
	for name, d := range dtypes() {
		var raw []byte
		for i := range 6 {
			if d == tensor.Bytes {
				raw = tensor.AppendString(raw, strings.Repeat("é", i))
			} else {
				raw, _ = tensor.AppendNumber(raw, d, float64(i%2))
			}
		}
		in := &tritonpb.ModelInferRequest_InferInputTensor{Name: "x", Datatype: d.String(), Shape: []int64{2, 3}}
		r := &tritonpb.ModelInferRequest{ModelName: name, Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{in}, RawInputContents: [][]byte{raw}}
		resp, err := client.ModelInfer(t.Context(), r)
		if err != nil || !slices.Equal(resp.RawOutputContents[0], raw) || resp.Outputs[0].Datatype != d.String() {
			t.Errorf("%v raw: %v, %v", d, resp, err)
		}
		r.RawInputContents = nil
		in.Contents = sixOf(d)
		resp, err = client.ModelInfer(t.Context(), r)
		if d == tensor.FP16 || d == tensor.BF16 {
			fails(t, name, err, codes.InvalidArgument, fmt.Sprintf("explicit tensor data is not supported for input tensor 'x' for model '%s' of type '%v': send it in raw_input_contents", name, d))
			continue
		}
		if err != nil || !slices.Equal(resp.RawOutputContents[0], raw) {
			t.Errorf("%v typed: %v, %v", d, resp, err)
		}
	}
}

// sixOf is the six elements of TestEveryTypeTravelsRawAndTyped.
func sixOf(d tensor.DType) *tritonpb.InferTensorContents {
	c := &tritonpb.InferTensorContents{}
	for i := range 6 {
		n := i % 2
		switch d {
		case tensor.Bool:
			c.BoolContents = append(c.BoolContents, n == 1)
		case tensor.Int8, tensor.Int16, tensor.Int32:
			c.IntContents = append(c.IntContents, int32(n))
		case tensor.Int64:
			c.Int64Contents = append(c.Int64Contents, int64(n))
		case tensor.Uint8, tensor.Uint16, tensor.Uint32:
			c.UintContents = append(c.UintContents, uint32(n))
		case tensor.Uint64:
			c.Uint64Contents = append(c.Uint64Contents, uint64(n))
		case tensor.FP64:
			c.Fp64Contents = append(c.Fp64Contents, float64(n))
		case tensor.Bytes:
			c.BytesContents = append(c.BytesContents, []byte(strings.Repeat("é", i)))
		default:
			c.Fp32Contents = append(c.Fp32Contents, float32(n))
		}
	}
	return c
}

func TestACallersDeadlineIsTheRequests(t *testing.T) {
	s, client := start(t, servetest.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.ModelInfer(ctx, ask("stuck", "", 1, 2, 3, 4)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v", err)
	}
	holdsNothing(t, s)
}

func TestACallerWhoLeavesFreesItsPlace(t *testing.T) {
	s, client := start(t, servetest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := client.ModelInfer(ctx, ask("stuck", "", 1, 2, 3, 4))
		left <- err
	}()
	pending := func(want float64) func() error {
		return func() error {
			if n, _ := s.Metric("nv_inference_pending_request_count", "model", "stuck"); n != want {
				return fmt.Errorf("%v requests wait", n)
			}
			return nil
		}
	}
	s.Eventually("the request waits", pending(1))
	cancel()
	if err := <-left; status.Code(err) != codes.Canceled {
		t.Errorf("%v", err)
	}
	s.Eventually("nobody waits", pending(0))
	holdsNothing(t, s)
}
