package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // a call may ask for it
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "galatea/internal/tritonpb"
	"galatea/tensor"
)

// floats are the bytes of numbers.
func floats(values ...float32) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

// ask is a request for a model with one input of rows of four floats.
func ask(model, id string, values ...float32) *pb.ModelInferRequest {
	return &pb.ModelInferRequest{
		ModelName: model, Id: id,
		Inputs:           []*pb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{int64(len(values) / 4), 4}}},
		RawInputContents: [][]byte{floats(values...)},
	}
}

func types(ctx context.Context, c client) error {
	for _, d := range tensor.DTypes() {
		var raw []byte
		for i := range 8 {
			if d == tensor.Bytes {
				raw = tensor.AppendString(raw, strings.Repeat("ä", i))
			} else {
				raw, _ = tensor.AppendNumber(raw, d, float64(i%2)) // 0 and 1 are in all ranges
			}
		}
		in := &pb.ModelInferRequest_InferInputTensor{Name: "x", Datatype: d.String(), Shape: []int64{2, 4}}
		r := &pb.ModelInferRequest{ModelName: "identity_" + strings.ToLower(d.String()), Inputs: []*pb.ModelInferRequest_InferInputTensor{in}, RawInputContents: [][]byte{raw}}
		resp, err := c.ModelInfer(ctx, r)
		if err != nil || resp.Outputs[0].Datatype != d.String() || !bytes.Equal(resp.RawOutputContents[0], raw) {
			return errors.Join(err, differs(resp))
		}
		if d == tensor.FP16 || d == tensor.BF16 {
			continue // they have no typed contents
		}
		r.RawInputContents, in.Contents = nil, typed(d)
		resp, err = c.ModelInfer(ctx, r)
		if err != nil || !bytes.Equal(resp.RawOutputContents[0], raw) {
			return errors.Join(err, differs(resp))
		}
	}
	return nil
}

// typed is the same eight elements in the field for their type.
func typed(d tensor.DType) *pb.InferTensorContents {
	c := &pb.InferTensorContents{}
	for i := range 8 {
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
			c.BytesContents = append(c.BytesContents, []byte(strings.Repeat("ä", i)))
		default:
			c.Fp32Contents = append(c.Fp32Contents, float32(n))
		}
	}
	return c
}

func wanted(ctx context.Context, c client) error {
	for version, factor := range map[string]float32{"1": 1, "2": 2, "": 2} {
		r := ask("scale", "me", 1, 2, 3, 4)
		r.ModelVersion = version
		resp, err := c.ModelInfer(ctx, r)
		if err != nil || resp.Id != "me" || !bytes.Equal(resp.RawOutputContents[0], floats(factor, 2*factor, 3*factor, 4*factor)) {
			return errors.Join(err, differs(resp))
		}
	}
	sixteen := make([]byte, 64)
	in := func(name string) *pb.ModelInferRequest_InferInputTensor {
		return &pb.ModelInferRequest_InferInputTensor{Name: name, Datatype: "INT32", Shape: []int64{1, 16}}
	}
	resp, err := c.ModelInfer(ctx, &pb.ModelInferRequest{
		ModelName: "simple", Inputs: []*pb.ModelInferRequest_InferInputTensor{in("INPUT1"), in("INPUT0")}, RawInputContents: [][]byte{sixteen, sixteen},
		Outputs: []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "OUTPUT1"}},
	})
	if err != nil || len(resp.Outputs) != 1 || resp.Outputs[0].Name != "OUTPUT1" || !bytes.Equal(resp.RawOutputContents[0], sixteen) {
		return errors.Join(err, differs(resp))
	}
	return nil
}

func number(n int64) *pb.InferParameter {
	return &pb.InferParameter{ParameterChoice: &pb.InferParameter_Int64Param{Int64Param: n}}
}

func text(s string) *pb.InferParameter {
	return &pb.InferParameter{ParameterChoice: &pb.InferParameter_StringParam{StringParam: s}}
}

func classes(ctx context.Context, c client) error {
	r := ask("classifier", "", 0, 0, 9, 1)
	r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: map[string]*pb.InferParameter{"classification": number(1)}}}
	resp, err := c.ModelInfer(ctx, r)
	if err != nil || resp.Outputs[0].Datatype != "BYTES" || !bytes.HasSuffix(resp.RawOutputContents[0], []byte(":2:cat")) {
		return errors.Join(err, differs(resp))
	}
	return nil
}

func compressed(ctx context.Context, c client) error {
	resp, err := c.ModelInfer(ctx, ask("scale", "", 1, 2, 3, 4), grpc.UseCompressor("gzip"))
	if err != nil || !bytes.Equal(resp.RawOutputContents[0], floats(2, 4, 6, 8)) {
		return errors.Join(err, differs(resp))
	}
	return nil
}

// slow is a request that runs for about so many milliseconds.
func slow(ms int64) *pb.ModelInferRequest {
	return &pb.ModelInferRequest{
		ModelName:        "slow",
		Inputs:           []*pb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "INT64", Shape: []int64{1, 1}}},
		RawInputContents: [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(ms))},
	}
}

func deadline(ctx context.Context, c client) error {
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	resp, err := c.ModelInfer(short, slow(5000))
	if status.Code(err) != codes.DeadlineExceeded {
		return errors.Join(err, differs(resp))
	}
	return nil
}

func streamed(ctx context.Context, c client) error {
	stream, err := c.ModelStreamInfer(ctx)
	if err != nil {
		return err
	}
	for _, r := range []*pb.ModelInferRequest{slow(100), ask("scale", "1", 1, 2, 3, 4), ask("nobody", "2"), ask("scale", "3", 1, 2, 3, 4)} {
		if err := stream.Send(r); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for i := range 4 {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		wrong := ""
		if i == 2 {
			wrong = "Request for unknown model: 'nobody' is not found"
		}
		id := strconv.Itoa(i)
		if i == 0 {
			id = ""
		}
		if m.ErrorMessage != wrong || m.InferResponse.GetId() != id {
			return differs(m)
		}
		if final := m.InferResponse.GetParameters()["triton_final_response"]; wrong == "" && !final.GetBoolParam() {
			return differs(m)
		}
	}
	if m, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return errors.Join(err, differs(m))
	}
	return nil
}

func strict(ctx context.Context, c client) error {
	stream, err := c.ModelStreamInfer(metadata.AppendToOutgoingContext(ctx, "triton_grpc_error", "true"))
	if err != nil {
		return err
	}
	if err := stream.Send(ask("nobody", "")); err != nil {
		return err
	}
	if m, err := stream.Recv(); status.Code(err) != codes.NotFound {
		return errors.Join(err, differs(m))
	}
	return nil
}
