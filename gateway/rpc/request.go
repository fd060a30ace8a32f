package rpc

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"galatea/gateway/wire"
	"galatea/infer"
	buffers "galatea/internal/mem"
	"galatea/internal/tritonpb"
	"galatea/tensor"
)

// call is one inference: the request as it came and as it is asked, and how its answer is
// wanted. The request's memory is the message, and what was decoded of it.
type call struct {
	server  *Server
	message message
	values  []value // tensors that do not lie in the message

	req     infer.Request
	outputs []wire.Output
	freed   atomic.Bool
}

// value is memory of a tensor, counted against the memory of all requests.
type value struct {
	*buffers.Buffer
	counted int64
}

var _ infer.Memory = (*call)(nil)

func (s *Server) newCall() *call {
	return &call{server: s, message: message{budget: s.service.Memory()}}
}

// Release frees the memory of the request, which nobody reads any more.
func (c *call) Release() {
	if c.freed.Swap(true) {
		return
	}
	c.message.free()
	for _, v := range c.values {
		c.server.service.Memory().Give(v.counted)
		v.Buffer.Release()
	}
}

// decode makes the request of the message. On failure the memory has been freed; on
// success the request owns it.
func (c *call) decode(ctx context.Context, received time.Time) error {
	c.req.Received = received
	if err := c.server.service.Memory().Full(); err != nil {
		c.Release()
		return err
	}
	if err := c.parse(ctx); err != nil {
		c.Release()
		return err
	}
	c.req.Own(c)
	return nil
}

func (c *call) parse(ctx context.Context) error {
	rest, raw, err := split(c.message.bytes, make([][]byte, 0, 4))
	if err != nil {
		return err
	}
	m := &tritonpb.ModelInferRequest{}
	if err := proto.Unmarshal(rest, m); err != nil {
		return unreadable(err)
	}
	c.req.ID = m.Id
	if c.req.Model, err = refOf(m.ModelName, m.ModelVersion); err != nil {
		return err
	}
	if at, limited := ctx.Deadline(); limited {
		c.req.Deadline = at
	}
	if err := c.server.service.Admit(c.req.Model, c.req.Received, c.req.Deadline); err != nil {
		return err
	}
	if key := c.server.service.Sticky(c.req.Model); key != "" {
		if all := metadata.ValueFromIncomingContext(ctx, key); len(all) > 0 {
			c.req.Affinity = all[0]
		}
	}
	if err := requestParameters(&c.req, m.Parameters); err != nil {
		return err
	}
	if err := c.inputs(m, raw); err != nil {
		return err
	}
	return c.wanted(m.Outputs)
}

// unreadable is the error of a message that is none.
func unreadable(err error) error { return wire.Invalid("failed to parse the request: %v", err) }

// refOf reads which model a request names.
func refOf(name, version string) (infer.Ref, error) {
	ref := infer.Ref{Name: name}
	if version == "" {
		return ref, nil
	}
	var err error
	if ref.Version, err = strconv.ParseInt(version, 10, 64); err != nil || ref.Version <= 0 {
		return ref, wire.VersionError(version)
	}
	return ref, nil
}

// inputs reads the tensors: raw entries are for the inputs in order that are not in shared
// memory.
func (c *call) inputs(m *tritonpb.ModelInferRequest, raw [][]byte) error {
	hasRaw := len(raw) > 0
	c.req.Inputs = make([]tensor.Tensor, len(m.Inputs))
	for i, in := range m.Inputs {
		t := &c.req.Inputs[i]
		t.Name, t.Shape = in.Name, in.Shape
		var err error
		if t.DType, err = tensor.ParseDType(in.Datatype); err != nil {
			return wire.Invalid("invalid datatype for input %s", in.Name)
		}
		size, err := wire.CheckShape(*t)
		if err != nil {
			return err
		}
		part, err := partOf(in.Parameters)
		switch {
		case err != nil:
			return err
		case in.Contents != nil && hasRaw:
			return wire.Invalid("contents field must not be specified when using raw_input_contents for '%s' for model '%s'", in.Name, m.ModelName)
		case part.Region != "":
			err = c.shared(t, part, size)
		case hasRaw && len(raw) == 0, !hasRaw && in.Contents == nil:
			return wire.Invalid("unable to find data for input tensor '%s' for model '%s' in request.", in.Name, m.ModelName)
		case hasRaw:
			t.Data, raw = raw[0], raw[1:]
		default:
			err = c.typed(t, in.Contents)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shared reads an input from shared memory. size is the bytes that its shape makes.
func (c *call) shared(t *tensor.Tensor, p wire.Part, size int64) error {
	regions := c.server.service.Regions()
	if err := regions.Check(p); err != nil { // before memory is taken
		return err
	}
	if t.DType != tensor.Bytes && uint64(size) != p.Size {
		return infer.Invalidf("input byte size mismatch for input '%s' for model '%s'. Expected %d, got %d", t.Name, c.req.Model.Name, size, p.Size)
	}
	data, err := c.take(int(p.Size))
	if err != nil {
		return err
	}
	t.Data = data
	return regions.Read(p, t.Data)
}

// typed reads an input from its contents.
func (c *call) typed(t *tensor.Tensor, contents *tritonpb.InferTensorContents) error {
	to, err := c.take(sizeOf(contents, t.DType))
	if err != nil {
		return err
	}
	t.Data, err = appendContents(to[:0], contents, *t, c.req.Model.Name)
	return err
}

// take gets memory of n bytes for a tensor.
func (c *call) take(n int) ([]byte, error) {
	if err := c.server.service.Memory().Take(int64(n)); err != nil {
		return nil, err
	}
	b := buffers.Get(n)
	c.values = append(c.values, value{b, int64(n)})
	return b.B, nil
}

// wanted reads which outputs are wanted and how.
func (c *call) wanted(all []*tritonpb.ModelInferRequest_InferRequestedOutputTensor) error {
	if len(all) == 0 {
		return nil
	}
	c.req.Outputs = make([]string, len(all))
	c.outputs = make([]wire.Output, len(all))
	seen := make(map[string]bool, len(all))
	for i, o := range all {
		if seen[o.Name] {
			return wire.Invalid("output '%s' already exists in request", o.Name)
		}
		seen[o.Name] = true
		c.req.Outputs[i] = o.Name
		if len(o.Parameters) == 0 {
			continue
		}
		var err error
		if c.outputs[i], err = outputOf(o.Parameters); err == nil {
			err = c.server.service.CheckOutput(c.outputs[i])
		}
		if err != nil {
			return err
		}
	}
	wire.Classes(&c.req, c.outputs)
	return nil
}
