package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"galatea/backend/onnx"
	"galatea/internal/app"
	"galatea/internal/threads"
	"galatea/repository"
)

// gatewaySetup is what a server is started with.
type gatewaySetup struct {
	Root    string
	Library string
}

// gatewayHello is what it says when everything is loaded.
type gatewayHello struct {
	Address  string
	Resident int64
	Runtime  string // ONNX Runtime's release
}

// gatewayPart is a whole server, as `galatea serve` starts it.
type gatewayPart struct {
	watched
	stop  context.CancelFunc
	ended chan error
}

func startGateway(ctx context.Context, setup json.RawMessage) (part, any, error) {
	var s gatewaySetup
	if err := json.Unmarshal(setup, &s); err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := threads.Batch(); err != nil { // as galatea serve does
		return nil, nil, err
	}
	ort, err := onnx.Open(s.Library, log)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	a, err := app.Start(ctx, app.Options{
		Repositories: []string{s.Root}, Control: repository.ModePoll, HTTPAddress: "127.0.0.1", GRPCPort: -1,
		ExitTimeout: 5 * time.Second, Version: "benchserve", Backend: ort, Log: log,
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	p := &gatewayPart{stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- a.Wait(ctx) }()
	<-a.FirstPass()
	for _, status := range a.Router().Index() {
		if status.State != repository.StateReady {
			return nil, nil, errors.Join(fmt.Errorf("%s/%d is %s: %s", status.Name, status.Version, status.State, status.Reason), p.close())
		}
	}
	size, err := resident(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, p.close())
	}
	return p, gatewayHello{a.HTTPAddr(), size, ort.Version()}, nil
}

func (p *gatewayPart) answer(_ context.Context, what string, args json.RawMessage) (any, error) {
	return p.measured(what, args)
}

func (p *gatewayPart) close() error {
	p.stop()
	return <-p.ended
}
