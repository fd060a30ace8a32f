package wire_test

import (
	"testing"

	"go.opentelemetry.io/otel/trace/noop"

	"galatea/gateway/wire"
)

func TestTracesAreAsManyAsTheSettingsSay(t *testing.T) {
	traces := wire.NewTraces(noop.NewTracerProvider().Tracer(""))
	set := func(model string, settings map[string][]string) {
		t.Helper()
		if err := traces.Set(model, settings); err != nil {
			t.Fatal(err)
		}
	}
	demand := func(what, model string, asked bool, want int) {
		t.Helper()
		got := 0
		for range 12 {
			if traces.Sample(model, asked) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: %d traces of 12 requests, want %d", what, got, want)
		}
	}
	demand("at the start", "m", false, 12)
	set("", map[string][]string{"trace_rate": {"3"}, "trace_count": {"7"}})
	demand("one in three", "m", false, 4)
	demand("those that callers trace", "m", true, 12)
	set("m", map[string][]string{"trace_rate": {"1"}})
	demand("a rate of the model's own, and what is left for all", "m", false, 3)
	demand("nothing is left", "other", false, 0)
	set("m", map[string][]string{"trace_count": {"5"}})
	demand("a count of the model's own", "m", false, 5)
	set("m", map[string][]string{"trace_rate": nil, "trace_count": nil, "trace_level": {"OFF"}})
	demand("off", "m", true, 0)
	set("m", map[string][]string{"trace_level": nil})
	set("", map[string][]string{"trace_rate": nil, "trace_count": nil})
	demand("as at the start", "m", false, 12)
}
