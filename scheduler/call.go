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
	inputs  []tensor.Tensor // the request's, with what the queue adds
	rows    int
	key     string
	length  int64 // of its inputs, where they are padded
	bucket  int64 // the length to pad to in a batch; 0: none
	level   int   // priority, 0 is the highest
	tenant  string
	queued  time.Time
	expires time.Time // end of its time in the queue; zero: never
	// deadline is when the answer is of no more use; zero: never.
	deadline time.Time

	// loop
	class      *class // nil: it does not wait
	prev, next *call  // of its flow
	account    *account
	charged    float64   // seconds, to the account
	delayed    bool      // past its time in the queue, and still waiting
	sure       bool      // there was nothing to wait for when it came
	moment     time.Time // when it can no longer wait; zero: never
	heapAt     int
	batch      *batch // the one it runs in, while that has the same turn
	turn       uint64

	// order's, where the model keeps the order of answers
	order   *order
	after   *call
	settled bool
	held    reply

	timer *time.Timer // the caller's, for the deadline; nil until one is needed
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
	c.ctx, c.req, c.inputs, c.rows, c.tenant = ctx, req, req.Inputs, max(1, req.Rows), req.Tenant
	req.Retain()
	return c
}

// recycle gives the call back; nobody else may hold it.
func (q *Queue) recycle(c *call) {
	*c = call{reply: c.reply, timer: c.timer}
	q.calls.Put(c)
}

// answer settles the call and lets go of its request; the loop or the lane that owns
// the call does so once, also when the caller has left. The call must not be touched
// afterwards.
func (c *call) answer(resp *infer.Response, err error) {
	c.req.Release()
	if c.order != nil {
		c.order.settle(c, reply{resp, err})
		return
	}
	c.deliver(reply{resp, err})
}

// deliver gives the answer to the caller. When it has left, the response is released instead.
func (c *call) deliver(r reply) {
	if c.state.CompareAndSwap(waiting, replied) {
		c.reply <- r
		return
	}
	r.resp.Release()
}

// leave settles the call for a caller who goes; false means that the answer is there.
func (c *call) leave() bool { return c.state.CompareAndSwap(waiting, left) }

// gone reports whether the caller has left.
func (c *call) gone() bool { return c.state.Load() == left }

// classKey names the requests that may share a batch: the same inputs with the same
// shapes past the batch axis, padded where they are. pad may be nil.
func (c *call) classKey(s tensor.Signature, pad *padder) string {
	b := make([]byte, 0, 64)
	for _, t := range c.inputs {
		b = append(b, t.Name...)
		padded := 0
		if c.bucket > 0 {
			padded = pad.axes[s.Input(t.Name)]
		}
		for i, d := range t.Shape {
			if i == 0 {
				continue
			}
			if i == padded {
				d = c.bucket
			}
			b = strconv.AppendInt(append(b, ','), d, 10)
		}
		b = append(b, ';')
	}
	return string(b)
}

// startTimer returns a channel that says when the call's deadline passes; nil: never.
func (c *call) startTimer() <-chan time.Time {
	if c.deadline.IsZero() {
		return nil
	}
	if c.timer == nil {
		c.timer = time.NewTimer(time.Until(c.deadline))
	} else {
		c.timer.Reset(time.Until(c.deadline))
	}
	return c.timer.C
}

func (c *call) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
