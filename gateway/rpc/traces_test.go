package rpc_test

import (
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/metadata"

	"galatea/internal/servetest"
	"galatea/internal/tritonpb"
)

func TestInferencesAreTracedAsTheSettingsOfTheirModelSay(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	_, client := start(t, servetest.Options{Tracer: provider.Tracer("test")})
	ctx := t.Context()
	set := func(model string, settings map[string]string) {
		t.Helper()
		r := &tritonpb.TraceSettingRequest{ModelName: model, Settings: map[string]*tritonpb.TraceSettingRequest_SettingValue{}}
		for name, value := range settings {
			r.Settings[name] = &tritonpb.TraceSettingRequest_SettingValue{Value: []string{value}}
		}
		if _, err := client.TraceSetting(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	// traced is how many inferences of n have a span.
	traced := func(model string, n int) int {
		t.Helper()
		spans.Reset()
		for range n {
			if _, err := client.ModelInfer(ctx, ask(model, "", 1, 2, 3, 4)); err != nil {
				t.Fatal(err)
			}
		}
		count := 0
		for _, s := range spans.GetSpans() {
			if s.Name == "inference.GRPCInferenceService/ModelInfer" {
				count++
			}
		}
		return count
	}
	if got := traced("scale", 3); got != 3 {
		t.Errorf("at first %d of 3 are traced", got)
	}
	set("scale", map[string]string{"trace_level": "OFF"})
	if got := traced("scale", 3); got != 0 {
		t.Errorf("%d are traced of a model whose traces are off", got)
	}
	if got := traced("slow", 2); got != 2 {
		t.Errorf("%d of 2 are traced of another model", got)
	}
	set("scale", map[string]string{"trace_level": "TIMESTAMPS", "trace_rate": "2", "trace_count": "3"})
	if got := traced("scale", 4); got != 2 {
		t.Errorf("%d of 4 are traced at a rate of one in two", got)
	}
	if got := traced("scale", 10); got != 1 {
		t.Errorf("%d are traced where one is left", got)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01")
	if got := traced("scale", 2); got != 2 {
		t.Errorf("%d of 2 are traced whose callers are", got)
	}
	parents := spans.GetSpans()
	if !slices.ContainsFunc(parents, func(s tracetest.SpanStub) bool { return s.Parent.SpanID().String() == "0102030405060708" }) {
		t.Error("no span has the caller's as its parent")
	}
}
