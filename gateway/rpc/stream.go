package rpc

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// streamDepth is how many inferences of a stream may be without an answer. A client that
// sends more waits, by gRPC's flow control.
const streamDepth = 64

// metadataErrors is the key by which a client asks that the first error ends its stream,
// with the error's own status.
const metadataErrors = "triton_grpc_error"

// flow is a stream of inferences. Its answers come in the order of the requests,
// whichever is done first.
type flow struct {
	server *Server
	stream grpc.ServerStream
	strict bool             // an error ends it
	order  chan chan result // of the inferences that have no answer yet
}

// result is what came of one inference; err is a status.
type result struct {
	answer *answer
	err    error
	id     string
}

// modelStreamInfer handles ModelStreamInfer.
func modelStreamInfer(server any, stream grpc.ServerStream) error {
	s := server.(*methods).Server
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	f := &flow{server: s, stream: stream, strict: first(ctx, metadataErrors) == "true", order: make(chan chan result, streamDepth)}
	sent := make(chan error, 1)
	go func() { sent <- f.send(cancel) }()
	err := f.receive(ctx)
	close(f.order)
	if sendErr := <-sent; sendErr != nil {
		return sendErr
	}
	return err
}

// receive starts inferences until the client has sent its last request, the server stops,
// or ctx ends. It returns a status.
func (f *flow) receive(ctx context.Context) error {
	type arrival struct {
		call     *call
		received time.Time
		err      error
	}
	arrivals := make(chan arrival)
	done := make(chan struct{})
	defer close(done)
	go func() { // until the stream has ended, which it has soon after this handler
		for {
			c := f.server.newCall()
			err := f.stream.RecvMsg(&c.message)
			select {
			case arrivals <- arrival{c, time.Now(), err}:
			case <-done:
				c.message.free()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case a := <-arrivals:
			if errors.Is(a.err, io.EOF) {
				return nil
			}
			if a.err != nil {
				return a.err
			}
			f.start(ctx, a.call, a.received)
		case <-f.server.stopping:
			return f.server.status(ctx, errShutdown, nil)
		case <-ctx.Done():
			return f.server.status(ctx, ctx.Err(), nil)
		}
	}
}

// start begins an inference, once there is room for its answer.
func (f *flow) start(ctx context.Context, c *call, received time.Time) {
	reply := make(chan result, 1)
	select {
	case f.order <- reply:
	case <-ctx.Done():
		c.message.free()
		return
	}
	go func() {
		a, err := f.server.infer(ctx, c, methodStream, received)
		reply <- result{a, f.server.status(ctx, err, c), c.req.ID}
	}()
}

// late reports whether the stream's own deadline has passed, which the server may know before
// the client: what fails then is the stream, and not one of its requests.
func (f *flow) late() bool {
	at, limited := f.stream.Context().Deadline()
	return limited && !time.Now().Before(at)
}

// send sends the answers. When one cannot be sent, or a strict stream or one that is late
// has an error, it stops the others with cancel, waits for them, and returns a status.
func (f *flow) send(cancel context.CancelFunc) error {
	var failed error
	for reply := range f.order {
		r := <-reply
		switch {
		case failed != nil:
			r.answer.free()
			continue
		case r.err != nil && f.late():
			failed = f.server.status(f.stream.Context(), context.DeadlineExceeded, nil)
		case r.err != nil && f.strict:
			failed = r.err
		case r.err != nil:
			failed = f.stream.SendMsg(inBand(r.err, r.id))
		default:
			failed = f.stream.SendMsg(r.answer)
		}
		if failed != nil {
			cancel()
		}
	}
	return failed
}

// inBand is the message of an error, in a stream that goes on.
func inBand(err error, id string) *answer {
	var response []byte
	if id != "" {
		response = appendText(response, fieldID, id)
	}
	response = append(response, finalParameter...)
	message := appendText(nil, fieldErrorMessage, messageOf(err))
	message = protowire.AppendTag(message, fieldInferResponse, protowire.BytesType)
	message = protowire.AppendBytes(message, response)
	return &answer{mem.BufferSlice{mem.SliceBuffer(message)}}
}
