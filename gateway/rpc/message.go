package rpc

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"galatea/gateway/wire"
	buffers "galatea/internal/mem"
)

// message is the bytes of a request for an inference, as they came. They count against the
// memory of all requests from the moment that they are there.
type message struct {
	budget  *wire.Budget
	bytes   []byte
	counted int64
	buffer  mem.Buffer      // of gRPC's, that the bytes lie in; nil: joined has them
	joined  *buffers.Buffer // of ours, when gRPC had them in several
}

// receive takes the bytes over.
func (m *message) receive(data mem.BufferSlice) {
	n := data.Len()
	m.counted = int64(n)
	m.budget.Count(m.counted)
	switch len(data) {
	case 0:
	case 1:
		data[0].Ref()
		m.buffer = data[0]
		m.bytes = data[0].ReadOnlyData()
	default:
		m.joined = buffers.Get(n)
		data.CopyTo(m.joined.B)
		m.bytes = m.joined.B
	}
}

// free gives the bytes back; nobody may read them any more.
func (m *message) free() {
	m.budget.Give(m.counted)
	if m.buffer != nil {
		m.buffer.Free()
	}
	if m.joined != nil {
		m.joined.Release()
	}
	*m = message{budget: m.budget}
}

// Numbers of the fields of ModelInferRequest that may come many times.
const (
	fieldInputs = 5
	fieldWanted = 6 // outputs
	fieldRaw    = 7
)

// The most inputs and outputs that a request may have. Each that is nothing takes two bytes
// of a message, and a hundred when it is read.
const (
	mostInputs  = 4096
	mostOutputs = 1 << 16
)

// split takes the raw tensors out of a ModelInferRequest, but for those that are more than
// it may have inputs. raw is where they lie in text; rest is the message without them.
// Encoders write fields in the order of their numbers, so that rest is the beginning of the
// text as a rule; else it is a copy. A request of too many inputs or outputs is refused.
func split(text []byte, raw [][]byte) (rest []byte, _ [][]byte, err error) {
	head := 0 // rest is text up to here, unless it is a copy
	copied := false
	inputs, outputs := 0, 0
	for at := 0; at < len(text); {
		number, kind, n := protowire.ConsumeTag(text[at:])
		if n < 0 {
			return nil, raw, unreadable(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, kind, text[at+n:])
		if size < 0 {
			return nil, raw, unreadable(protowire.ParseError(size))
		}
		end := at + n + size
		switch number {
		case fieldInputs:
			inputs++
		case fieldWanted:
			outputs++
		default:
		}
		switch {
		case inputs > mostInputs:
			return nil, raw, wire.Invalid("too many inputs: expected at most %d", mostInputs)
		case outputs > mostOutputs:
			return nil, raw, wire.Invalid("too many outputs: expected at most %d", mostOutputs)
		case number == fieldRaw && kind == protowire.BytesType:
			if len(raw) < mostInputs {
				content, _ := protowire.ConsumeBytes(text[at+n:])
				raw = append(raw, content)
			}
		case copied:
			rest = append(rest, text[at:end]...)
		case at == head:
			head = end
		default:
			copied = true
			rest = append(append(make([]byte, 0, len(text)-(at-head)), text[:head]...), text[at:end]...)
		}
		at = end
	}
	if !copied {
		rest = text[:head]
	}
	return rest, raw, nil
}
