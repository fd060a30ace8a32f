package infer

import (
	"sync/atomic"
	"time"

	"galatea/tensor"
)

// Memory is what a message's tensors live in. Release is called once, when the
// last holder of the message lets go; nobody may touch the tensors after that.
type Memory interface{ Release() }

// Sequence places a request in a conversation with a stateful model.
type Sequence struct {
	ID         string
	Start, End bool
}

// Request is one call. Fields are set before it is handed to a Handler and not
// changed afterwards, except by the middlewares on the way.
type Request struct {
	Model   Ref
	ID      string          // the caller's own name for the request, echoed
	Inputs  []tensor.Tensor // in any order; the version's signature check sorts them into its own
	Outputs []string        // the outputs wanted; empty means all
	Classes []uint64        // by Outputs, how many of the largest elements are wanted in place of the tensor, 0: the tensor; empty means none

	Rows     int           // rows along the batch axis, set by the signature check; 1 for a model that does not batch
	Priority uint64        // 0: the model's default level
	Timeout  time.Duration // 0: none; how long the request may wait in the queue
	Deadline time.Time     // zero: none
	Tenant   string
	Affinity string // requests of the same one stay together while a version is tried; "": none
	Sequence Sequence
	Received time.Time // when its first byte arrived

	mem  Memory
	refs atomic.Int32
}

// Own gives the request the memory its inputs live in, and its first reference.
// A request whose inputs are ordinary garbage-collected memory needs no Own.
func (r *Request) Own(m Memory) {
	r.mem = m
	r.refs.Store(1)
}

// Retain adds a reference to the request's memory.
func (r *Request) Retain() {
	if r.mem != nil {
		r.refs.Add(1)
	}
}

// Release drops a reference; the last one releases the memory.
func (r *Request) Release() {
	if r.mem == nil {
		return
	}
	switch n := r.refs.Add(-1); {
	case n == 0:
		r.mem.Release()
	case n < 0:
		panic("infer: request released twice")
	}
}

// Response is the answer to one call. It has one owner, who releases it once.
type Response struct {
	Model   ID
	Outputs []tensor.Tensor // the outputs asked for, in the model's order, or in the request's where it named them
	Timing  Timing

	mem Memory
}

// Timing says where a request's time went.
type Timing struct {
	Queued  time.Time // accepted by the queue
	Started time.Time // its batch was taken by an instance
	Input   time.Time // its batch was gathered
	Infer   time.Time // the runtime returned
	Done    time.Time // its rows were copied out
	Rows    int       // rows of the whole batch it ran in
}

// Own gives the response the memory its outputs live in.
func (r *Response) Own(m Memory) { r.mem = m }

// Release gives the outputs' memory back. A nil response, and one without memory, may be released too.
func (r *Response) Release() {
	if r == nil || r.mem == nil {
		return
	}
	m := r.mem
	r.mem = nil
	m.Release()
}
