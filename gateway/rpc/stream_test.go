package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"galatea/internal/process"
	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
)

type stream = tritonpb.GRPCInferenceService_ModelStreamInferClient

func open(ctx context.Context, t *testing.T, client tritonpb.GRPCInferenceServiceClient) stream {
	t.Helper()
	s, err := client.ModelStreamInfer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s stream, all ...*tritonpb.ModelInferRequest) {
	t.Helper()
	for _, r := range all {
		if err := s.Send(r); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t *testing.T, s stream) *tritonpb.ModelStreamInferResponse {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// isFinal reports whether an answer says that it is the last one to its request.
func isFinal(m *tritonpb.ModelStreamInferResponse) bool {
	return m.InferResponse.GetParameters()["triton_final_response"].GetBoolParam()
}

func TestAnswersOfAStreamComeInTheOrderOfItsRequests(t *testing.T) {
	s, client := start(t, servetest.Options{})
	one := open(t.Context(), t, client)
	const n = 200 // more than may be without an answer
	go func() {
		for i := range n {
			model := "scale"
			if i%50 == 0 {
				model = "slow"
			}
			if err := one.Send(ask(model, fmt.Sprint(i), float32(i), 0, 0, 0)); err != nil {
				t.Error(err)
			}
		}
		if err := one.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	for i := range n {
		m := receive(t, one)
		factor := float32(3)
		if i%50 == 0 {
			factor = 5
		}
		if m.ErrorMessage != "" || m.InferResponse.Id != fmt.Sprint(i) || !isFinal(m) || !slices.Equal(m.InferResponse.RawOutputContents[0], floats(factor*float32(i), 0, 0, 0)) {
			t.Fatalf("%d: %v", i, m)
		}
	}
	if _, err := one.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	holdsNothing(t, s)
}

func TestAnErrorOfARequestLeavesItsStreamOpen(t *testing.T) {
	_, client := start(t, servetest.Options{})
	one := open(t.Context(), t, client)
	send(t, one, ask("nobody", "a", 1, 2, 3, 4), ask("scale", "b", 1, 2, 3, 4))
	m := receive(t, one)
	if m.ErrorMessage != "Request for unknown model: 'nobody' is not found" || m.InferResponse.GetId() != "a" || !isFinal(m) {
		t.Errorf("%v", m)
	}
	if m = receive(t, one); m.ErrorMessage != "" || m.InferResponse.Id != "b" {
		t.Errorf("%v", m)
	}
}

func TestAStrictStreamEndsWithItsFirstError(t *testing.T) {
	s, client := start(t, servetest.Options{})
	one := open(metadata.AppendToOutgoingContext(t.Context(), "triton_grpc_error", "true"), t, client)
	send(t, one, ask("scale", "a", 1, 2, 3, 4), ask("nobody", "b", 1, 2, 3, 4), ask("stuck", "c", 1, 2, 3, 4))
	if m := receive(t, one); m.InferResponse.Id != "a" {
		t.Errorf("%v", m)
	}
	_, err := one.Recv()
	fails(t, "the second", err, codes.NotFound, "Request for unknown model: 'nobody' is not found")
	holdsNothing(t, s)
}

func TestAClientThatLeavesItsStreamFreesItsRequests(t *testing.T) {
	s, client := start(t, servetest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	one := open(ctx, t, client)
	for range 100 {
		send(t, one, ask("stuck", "", 1, 2, 3, 4))
	}
	cancel()
	var err error
	for err == nil { // full batches were run
		_, err = one.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("%v", err)
	}
	holdsNothing(t, s)
}

func TestAStreamEndsWithTheServer(t *testing.T) {
	ports, err := process.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]servetest.Options{"a port of its own": {}, "one port with HTTP": {HTTPPort: ports[0], GRPCPort: ports[0]}} {
		t.Run(name, func(t *testing.T) {
			s, client := start(t, o)
			one := open(t.Context(), t, client)
			send(t, one, ask("scale", "a", 1, 2, 3, 4), ask("slow", "b", 1, 2, 3, 4))
			receive(t, one)
			stopped := make(chan struct{})
			go func() { defer close(stopped); s.Stop() }()
			if m := receive(t, one); m.InferResponse.GetId() != "b" {
				t.Errorf("a request in progress got %v", m)
			}
			_, err := one.Recv()
			fails(t, "then", err, codes.Unavailable, "GRPC server is shutting down and has stopped accepting new requests.")
			select {
			case <-stopped:
			case <-time.After(10 * time.Second):
				t.Error("the server does not end")
			}
		})
	}
}
