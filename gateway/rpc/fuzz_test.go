package rpc

import (
	"bytes"
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/gauge"
	"galatea/internal/tritonpb"
	"galatea/repository"
	"galatea/tensor"
)

// anyModel knows every model.
type anyModel struct{}

func (anyModel) Find(infer.Ref) error { return nil }
func (anyModel) Info(infer.Ref) (repository.Info, error) {
	return repository.Info{}, infer.ErrUnknownModel
}
func (anyModel) Versions(string) []int64    { return nil }
func (anyModel) Index() []repository.Status { return nil }

// seeds are requests of every form.
func seeds(f *testing.F) {
	number := &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: 1}}
	text := &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: "r"}}
	for _, m := range []*tritonpb.ModelInferRequest{
		{},
		{ModelName: "m", ModelVersion: "1", Id: "me", Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1, 2}}}, RawInputContents: [][]byte{make([]byte, 8)}},
		{ModelName: "m", Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "INT8", Shape: []int64{1}, Contents: &tritonpb.InferTensorContents{IntContents: []int32{1, -128}}}}},
		{ModelName: "m", Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "BYTES", Shape: []int64{2}, Contents: &tritonpb.InferTensorContents{BytesContents: [][]byte{nil, []byte("a")}}}}},
		{ModelName: "m", Parameters: parameters{"priority": number, "sequence_id": text}, Outputs: []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: parameters{"classification": number}}}},
		{ModelName: "m", Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1}, Parameters: parameters{"shared_memory_region": text, "shared_memory_byte_size": number}}}},
	} {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(append(append([]byte{0x3a, 2, 'a', 'b'}, raw...), 0x3a, 0)) // raw contents first
	}
}

// FuzzSplit demands that a request without its raw contents, and those, are what protobuf
// itself reads.
func FuzzSplit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := &tritonpb.ModelInferRequest{}
		wholeErr := proto.Unmarshal(text, whole)
		before := bytes.Clone(text)
		rest, raw, err := split(text, nil)
		if !bytes.Equal(text, before) {
			t.Fatal("the request was changed")
		}
		if wholeErr == nil && (len(whole.Inputs) > mostInputs || len(whole.Outputs) > mostOutputs) {
			if err == nil {
				t.Fatal("it is taken, though it has too many inputs or outputs")
			}
			return
		}
		parted := &tritonpb.ModelInferRequest{}
		if err == nil {
			err = proto.Unmarshal(rest, parted)
		}
		if (err == nil) != (wholeErr == nil) {
			t.Fatalf("whole: %v, parted: %v", wholeErr, err)
		}
		if err != nil {
			return
		}
		if len(parted.RawInputContents) > 0 {
			t.Fatal("the rest has raw contents")
		}
		if len(whole.RawInputContents) > mostInputs {
			whole.RawInputContents = whole.RawInputContents[:mostInputs]
		}
		parted.RawInputContents = raw
		if !proto.Equal(whole, parted) && !hasNaN(text) {
			t.Fatalf("whole: %v\nparted: %v", whole, parted)
		}
	})
}

// hasNaN reports whether a message may hold a NaN, which is not equal to itself.
func hasNaN(text []byte) bool {
	return bytes.Contains(text, []byte{0xff}) || bytes.Contains(text, []byte{0x7f})
}

// FuzzRequest demands that any bytes make a request that holds its memory until it is
// released, or an error and no memory, at a cost that is bounded by their number.
func FuzzRequest(f *testing.F) {
	seeds(f)
	budget := &wire.Budget{}
	s := &Server{service: wire.New(wire.Options{Models: anyModel{}, Memory: budget, Regions: &wire.Regions{}})}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := s.newCall()
		var err error
		took := gauge.Allocated(func() {
			c.message.receive(mem.BufferSlice{mem.SliceBuffer(bytes.Clone(text))})
			err = c.decode(context.Background(), time.Now())
		})
		if took > uint64(64<<10+64*len(text)) {
			t.Errorf("%d bytes of memory for a message of %d", took, len(text))
		}
		if err == nil {
			for _, in := range c.req.Inputs {
				if _, err := in.Shape.Bytes(in.DType); err != nil || !in.DType.Valid() {
					t.Errorf("%+v: %v", in, err)
				}
				if in.DType == tensor.Bytes && c.message.bytes == nil {
					t.Error("the message is gone")
				}
			}
			c.req.Release()
		}
		if n := budget.Held(); n != 0 {
			t.Fatalf("%d bytes are held", n)
		}
	})
}
