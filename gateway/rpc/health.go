package rpc

import (
	"context"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthLook is how often a watch looks whether the server is ready. That follows from the
// states of all versions and no event tells it.
const healthLook = 500 * time.Millisecond

// health is grpc.health.v1: the server serves while it is ready, by whatever name it is
// asked for.
type health struct {
	healthpb.UnimplementedHealthServer
	server *Server
}

func (h *health) now() *healthpb.HealthCheckResponse {
	if h.server.service.Ready() {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}
}

// Check says whether the server is ready.
func (h *health) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return h.now(), nil
}

// List says so for the one service that there is.
func (h *health) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	return &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{"": h.now()}}, nil
}

// Watch says whether the server is ready, and again whenever that changes, until the client
// leaves or the server stops.
func (h *health) Watch(_ *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	ticker := time.NewTicker(healthLook)
	defer ticker.Stop()
	last := healthpb.HealthCheckResponse_UNKNOWN
	for {
		if now := h.now(); now.Status != last {
			if err := stream.Send(now); err != nil {
				return err
			}
			last = now.Status
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-h.server.stopping:
			return h.server.status(stream.Context(), errShutdown, nil)
		}
	}
}
