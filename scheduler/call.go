package scheduler

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"galatea/infer"
	"galatea/tensor"
)

// call is one request in the queue. The loop owns the fields below "loop" until it
// hands the call to a lane; the lane's last touch is the reply.
type call struct {
	// ctx is the request's own, carried for its trace; the queue waits on it in Infer only.
	ctx     context.Context //nolint:containedctx // a queued call is the one place where a context outlives its function
	req     *infer.Request
	rows    int
	key     string
	queued  time.Time
	expires time.Time // zero: never

	// loop
	class      *class
	prev, next *call
	heapAt     int
	batch      *batch // the one it runs in, while that has the same turn
	turn       uint64

	state atomic.Int32
	reply chan reply
}

type reply struct {
	resp *infer.Response
	err  error
}

// A call is settled once: by a reply, or by its caller leaving.
const (
	waiting int32 = iota
	replied
	left
)

// newCall takes a call from the queue's pool. It holds a reference to the request.
func (q *Queue) newCall(ctx context.Context, req *infer.Request) *call {
	c, _ := q.calls.Get().(*call)
	if c == nil {
		c = &call{reply: make(chan reply, 1)}
	}
	c.ctx, c.req, c.rows = ctx, req, max(1, req.Rows)
	req.Retain()
	return c
}

// recycle gives the call back; nobody else may hold it.
func (q *Queue) recycle(c *call) {
	c.ctx, c.req, c.key, c.batch, c.expires = nil, nil, "", nil, time.Time{}
	c.state.Store(waiting)
	q.calls.Put(c)
}

// answer settles the call and lets go of its request. When the caller has left,
// the response is released instead. The call must not be touched afterwards.
func (c *call) answer(resp *infer.Response, err error) {
	c.req.Release()
	if c.state.CompareAndSwap(waiting, replied) {
		c.reply <- reply{resp, err}
		return
	}
	resp.Release()
}

// leave settles the call for a caller who goes; false means that the answer is there.
func (c *call) leave() bool { return c.state.CompareAndSwap(waiting, left) }

// gone reports whether the caller has left.
func (c *call) gone() bool { return c.state.Load() == left }

// classKey names the requests that may share a batch: the same inputs with the same
// shapes past the batch axis.
func classKey(inputs []tensor.Tensor) string {
	b := make([]byte, 0, 64)
	for _, t := range inputs {
		b = append(b, t.Name...)
		for _, d := range t.Shape[min(1, len(t.Shape)):] {
			b = strconv.AppendInt(append(b, ','), d, 10)
		}
		b = append(b, ';')
	}
	return string(b)
}
