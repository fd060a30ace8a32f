package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"galatea/internal/tritonpb"
)

// patience is how long all of it may take.
const patience = 50 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "e2ego:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	asked := map[string]bool{}
	conn, err := grpc.NewClient(os.Getenv("E2E_GRPC"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, o ...grpc.CallOption) error {
			asked[method] = true
			return invoke(ctx, method, req, reply, cc, o...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			asked[method] = true
			return stream(ctx, desc, cc, method, o...)
		}))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	c := client{tritonpb.NewGRPCInferenceServiceClient(conn), conn}
	for _, step := range steps {
		if err := step.ask(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Println(step.what)
	}
	return complete(asked)
}

// complete demands that each call of the service was made.
func complete(asked map[string]bool) error {
	var err error
	demand := func(name string) {
		if !asked["/"+tritonpb.GRPCInferenceService_ServiceDesc.ServiceName+"/"+name] {
			err = errors.Join(err, fmt.Errorf("%s was not called", name))
		}
	}
	for _, m := range tritonpb.GRPCInferenceService_ServiceDesc.Methods {
		demand(m.MethodName)
	}
	for _, s := range tritonpb.GRPCInferenceService_ServiceDesc.Streams {
		demand(s.StreamName)
	}
	return err
}
