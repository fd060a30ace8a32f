package rpc

import (
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/tensor"
)

// answer is an encoded ModelInferResponse, or one in a ModelStreamInferResponse.
type answer struct{ message mem.BufferSlice }

// free gives up an answer that is not sent; nil may be given up, too.
func (a *answer) free() {
	if a != nil {
		a.message.Free()
	}
}

// Numbers of the fields of ModelInferResponse, its outputs, and ModelStreamInferResponse.
const (
	fieldModelName    = 1
	fieldModelVersion = 2
	fieldID           = 3
	fieldParameters   = 4
	fieldOutputs      = 5
	fieldRawOutputs   = 6

	fieldOutputName     = 1
	fieldOutputDataType = 2
	fieldOutputShape    = 3

	fieldErrorMessage  = 1
	fieldInferResponse = 2
)

// joinedAnswer is the most bytes of outputs that are copied behind the head of an answer;
// larger ones are sent from where they are.
const joinedAnswer = 16 << 10

// encode makes the message of a response, and releases it when the message has been sent,
// or at once; what is sent from where it is counts against the budget until then, since
// who asks may not read. inStream puts the answer into the message of a stream, with the
// parameter by which its clients know the last answer to a request.
func encode(resp *infer.Response, id string, inStream bool, budget *wire.Budget) *answer {
	head := appendHead(make([]byte, 0, headGuess), resp, id, inStream)
	raw := 0
	for i := range resp.Outputs {
		n := len(resp.Outputs[i].Data)
		raw += protowire.SizeTag(fieldRawOutputs) + protowire.SizeBytes(n)
	}
	if inStream {
		prefix := protowire.AppendTag(make([]byte, 0, headGuess+len(head)), fieldInferResponse, protowire.BytesType)
		head = append(protowire.AppendVarint(prefix, uint64(len(head)+raw)), head...)
	}
	if raw <= joinedAnswer {
		for i := range resp.Outputs {
			head = protowire.AppendTag(head, fieldRawOutputs, protowire.BytesType)
			head = protowire.AppendBytes(head, resp.Outputs[i].Data)
		}
		resp.Release()
		return &answer{mem.BufferSlice{mem.SliceBuffer(head)}}
	}
	return &answer{interleave(head, resp, budget)}
}

// headGuess is room for the head of most answers.
const headGuess = 256

// interleave makes a message of a head and of the outputs where they are.
func interleave(head []byte, resp *infer.Response, budget *wire.Budget) mem.BufferSlice {
	shared := &lent{resp: resp, budget: budget}
	var message mem.BufferSlice
	for i := range resp.Outputs {
		data := resp.Outputs[i].Data
		head = protowire.AppendTag(head, fieldRawOutputs, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(data)))
		if mem.IsBelowBufferPoolingThreshold(cap(data)) {
			head = append(head, data...) // gRPC would not say when it is done with them
			continue
		}
		shared.refs.Add(1)
		shared.counted += int64(len(data))
		message = append(message, mem.SliceBuffer(head), mem.NewBuffer(&data, shared))
		head = nil
	}
	if len(head) > 0 {
		message = append(message, mem.SliceBuffer(head))
	}
	if shared.counted == 0 { // all were small, and are copied
		resp.Release()
	}
	budget.Count(shared.counted)
	return message
}

// lent is a response whose outputs gRPC sends. It is a pool, since that is whom gRPC tells
// that it is done.
type lent struct {
	refs    atomic.Int32
	resp    *infer.Response
	budget  *wire.Budget
	counted int64
}

var _ mem.BufferPool = (*lent)(nil)

// Get is never called: nothing is taken from here.
func (*lent) Get(int) *[]byte { panic("rpc: no memory is to be had of a response") }

// Put takes one output back, and the last one releases the response.
func (l *lent) Put(*[]byte) {
	if l.refs.Add(-1) == 0 {
		l.resp.Release()
		l.budget.Give(l.counted)
	}
}

// appendHead appends all of a ModelInferResponse but the raw outputs.
func appendHead(dst []byte, resp *infer.Response, id string, inStream bool) []byte {
	dst = appendText(dst, fieldModelName, resp.Model.Name)
	var version [20]byte
	dst = appendText(dst, fieldModelVersion, strconv.AppendInt(version[:0], resp.Model.Version, 10))
	if id != "" {
		dst = appendText(dst, fieldID, id)
	}
	if inStream {
		dst = append(dst, finalParameter...)
	}
	for i := range resp.Outputs {
		t := &resp.Outputs[i]
		dst = protowire.AppendTag(dst, fieldOutputs, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(outputSize(t)))
		dst = appendText(dst, fieldOutputName, t.Name)
		dst = appendText(dst, fieldOutputDataType, t.DType.String())
		if len(t.Shape) > 0 {
			dst = protowire.AppendTag(dst, fieldOutputShape, protowire.BytesType)
			dst = protowire.AppendVarint(dst, uint64(shapeSize(t.Shape)))
			for _, d := range t.Shape {
				dst = protowire.AppendVarint(dst, uint64(d))
			}
		}
	}
	return dst
}

func appendText[T string | []byte](dst []byte, field protowire.Number, text T) []byte {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(text)))
	return append(dst, text...)
}

func outputSize(t *tensor.Tensor) int {
	n := 2*protowire.SizeTag(1) + protowire.SizeBytes(len(t.Name)) + protowire.SizeBytes(len(t.DType.String()))
	if len(t.Shape) > 0 {
		n += protowire.SizeTag(fieldOutputShape) + protowire.SizeBytes(shapeSize(t.Shape))
	}
	return n
}

func shapeSize(shape tensor.Shape) int {
	n := 0
	for _, d := range shape {
		n += protowire.SizeVarint(uint64(d))
	}
	return n
}

// finalParameter is the field parameters of an answer with triton_final_response, which
// is true: each request has one answer.
var finalParameter = func() []byte {
	value := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	entry := appendText(nil, 1, finalResponse)
	entry = appendText(entry, 2, value)
	return appendText(nil, fieldParameters, entry)
}()
