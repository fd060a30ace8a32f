// Package telemetry shows what the server does: Prometheus metrics under Triton's
// names, and OpenTelemetry traces.
//
// Metrics are read from the versions' own counters when somebody scrapes, so a
// request costs nothing more for them. Traces starts the OpenTelemetry SDK's
// exporter, which owns its goroutines until Shutdown.
package telemetry
