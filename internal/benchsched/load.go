package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"galatea/internal/loadclient"
	"galatea/internal/workload"
)

// clientThreads are the client's: it shares the processors with the server.
const clientThreads = 1

// closed loads a model with so many connections, each of which sends its next request
// when it has got its answer, and returns the answers a second.
func closed(ctx context.Context, s settings, v *server, m workload.Model, connections int) (float64, error) {
	r, err := loadclient.Run(ctx, loadclient.Options{
		Address: v.Address, Requests: m.Requests(), Connections: connections, Threads: clientThreads, WarmUp: s.time / 4, Duration: s.time,
	})
	if err != nil {
		return 0, err
	}
	if r.Errors > 0 {
		return 0, fmt.Errorf("%d of %d requests failed, the first so: %w", r.Errors, r.Total+r.Errors, r.First)
	}
	return r.Rate(), nil
}

// open sends requests at a rate, whatever the server does. timeout is each request's
// own; 0: none. What the server refuses is in the result.
func open(ctx context.Context, v *server, m workload.Model, rate float64, connections int, lasts, timeout time.Duration) (*loadclient.Result, error) {
	bodies, header := m.Bodies()
	headers := []loadclient.Header{
		{Name: "Content-Type", Value: "application/octet-stream"},
		{Name: workload.HeaderLength, Value: strconv.Itoa(header)},
	}
	if timeout > 0 {
		headers = append(headers, loadclient.Header{Name: "X-Request-Timeout", Value: timeout.String()})
	}
	var requests [][]byte
	for _, body := range bodies {
		requests = append(requests, loadclient.Request(http.MethodPost, "localhost", m.Path(), headers, body))
	}
	r, err := loadclient.Run(ctx, loadclient.Options{
		Address: v.Address, Requests: requests, Connections: connections, Threads: clientThreads, Rate: rate,
		WarmUp: min(time.Second, lasts/4), Duration: lasts, Patience: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	refused := uint64(0)
	for _, h := range r.Refusals {
		refused += h.Count()
	}
	if r.Answers+refused == 0 {
		return nil, fmt.Errorf("no answer: %w", r.First)
	}
	return r, nil
}
