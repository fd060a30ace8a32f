package telemetry

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
)

// Traces exports spans by OTLP.
type Traces struct{ provider *sdktrace.TracerProvider }

// StartTraces starts exporting. protocol is OTEL_EXPORTER_OTLP_PROTOCOL's: grpc,
// http/protobuf, or "" for the latter; where to send to, how to sample and all else
// the SDK reads from the standard OTEL_ variables by itself. What goes wrong later is
// given to failed, from any goroutine.
func StartTraces(ctx context.Context, protocol, version string, failed func(error)) (*Traces, error) {
	var exporter *otlptrace.Exporter
	var err error
	switch protocol {
	case "", "http/protobuf":
		exporter, err = otlptracehttp.New(ctx)
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: expected grpc or http/protobuf", protocol)
	}
	if err != nil {
		return nil, fmt.Errorf("start the OTLP exporter: %w", err)
	}
	described, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("galatea"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // what the environment says wins
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe this service: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(failed))
	return &Traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))}, nil
}

// Tracer makes the spans.
func (t *Traces) Tracer() trace.Tracer { return t.provider.Tracer("galatea") }

// Shutdown sends what is left and stops.
func (t *Traces) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }
