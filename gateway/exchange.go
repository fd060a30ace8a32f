package gateway

import (
	"context"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// exchange is one inference: the request as it came and as it is asked, and how its
// answer is wanted. It has two holders, the handler and the memory of the request,
// which may stay longer with a queue; when both have let go, it is used again.
type exchange struct {
	gateway *Gateway
	holders atomic.Int32
	body    held
	from    paced
	values  held   // tensors that came as JSON
	parts   []held // and those from shared memory
	decoded int64  // bytes of tensors that TensorFlow Serving's JSON became, which are counted only

	json   jsontensor.Request
	tail   []byte // binary tensors not yet taken
	model  string
	inputs []tensor.Tensor
	dims   tensor.Shape // of all inputs

	req    infer.Request
	wanted wanted
}

var _ infer.Memory = (*exchange)(nil)

// wanted is how the caller wants the answer.
type wanted struct {
	names   []string      // the outputs that the request lists
	binary  []bool        // for each of them, whether its bytes are wanted as they are
	outputs []wire.Output // and what else is
	rest    bool          // as binary, for outputs that it does not list
}

// newExchange returns an exchange that the handler holds.
func (g *Gateway) newExchange(ref infer.Ref) *exchange {
	x, _ := g.exchanges.Get().(*exchange)
	if x == nil {
		x = &exchange{gateway: g}
	}
	x.holders.Store(1)
	x.body.budget, x.values.budget = g.o.Service.Memory(), g.o.Service.Memory()
	x.model = ref.Name
	x.req = infer.Request{Model: ref}
	return x
}

// fewKept is how many inputs and outputs an exchange may have had that is used
// again: the memory for more is not worth keeping.
const fewKept = 64

// done lets one holder go. The last one gives the exchange back.
func (x *exchange) done() {
	if x.holders.Add(-1) > 0 {
		return
	}
	if cap(x.json.Inputs) > fewKept || cap(x.json.Outputs) > fewKept || cap(x.dims) > fewKept*fewKept || cap(x.wanted.names) > fewKept {
		return
	}
	x.json.Reset()
	clear(x.inputs)
	clear(x.wanted.names)
	x.inputs, x.dims = x.inputs[:0], x.dims[:0]
	clear(x.wanted.outputs)
	x.wanted = wanted{names: x.wanted.names[:0], binary: x.wanted.binary[:0], outputs: x.wanted.outputs[:0]}
	x.req, x.from, x.model = infer.Request{}, paced{}, ""
	x.gateway.exchanges.Put(x)
}

// Release frees the memory of the request, which nobody reads any more.
func (x *exchange) Release() {
	x.free()
	x.done()
}

// free gives back the memory that the inputs lie in.
func (x *exchange) free() {
	x.tail = nil
	x.body.release()
	x.values.release()
	for i := range x.parts {
		x.parts[i].release()
	}
	x.parts = x.parts[:0]
	x.gateway.o.Service.Memory().Give(x.decoded)
	x.decoded = 0
}

// decode reads the body and makes the request of it, as parse does. On success the request
// owns the memory.
func (x *exchange) decode(c *gin.Context, parse func(x *exchange, header int) error) error {
	header, err := headerSize(c.Request.Header)
	if err == nil {
		err = x.readBody(c, header)
	}
	if err == nil {
		err = parse(x, header)
	}
	if err != nil {
		x.free()
		return err
	}
	x.holders.Add(1)
	x.req.Own(x)
	return nil
}

// ask gets the answer and lets go of the request, whose memory nobody needs while the
// answer is sent.
func (x *exchange) ask(ctx context.Context) (*infer.Response, error) {
	defer x.req.Release()
	service := x.gateway.o.Service
	resp, err := service.Infer(ctx, &x.req)
	if err != nil {
		return nil, err
	}
	if err := service.Deliver(resp, x.wanted.outputs); err != nil {
		resp.Release()
		return nil, err
	}
	return resp, nil
}
