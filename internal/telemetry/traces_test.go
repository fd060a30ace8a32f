package telemetry_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/internal/telemetry"
)

func TestMain(m *testing.M) {
	if _, err := servetest.Runtime(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// sink is an OTLP collector that keeps what it gets.
type sink struct {
	*httptest.Server
	mu        sync.Mutex
	posts     int
	spans     []*trace.Span
	resources []*common.KeyValue
	problem   error
}

func collect(t *testing.T) *sink {
	t.Helper()
	c := &sink{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts++
	if err := c.take(r); err != nil {
		c.problem = err
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	body, err := proto.Marshal(&collector.ExportTraceServiceResponse{})
	if err == nil {
		_, err = w.Write(body)
	}
	if err != nil {
		c.problem = err
	}
}

func (c *sink) take(r *http.Request) error {
	from := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(from)
		if err != nil {
			return err
		}
		from = z
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil {
		return err
	}
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("sent to %s as %s", r.URL.Path, r.Header.Get("Content-Type"))
	}
	for _, of := range export.ResourceSpans {
		c.resources = append(c.resources, of.Resource.Attributes...)
		for _, scope := range of.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	return nil
}

// all returns the spans with a name.
func (c *sink) all(t *testing.T, name string, want int) []*trace.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.problem != nil {
		t.Error(c.problem)
	}
	var found []*trace.Span
	var names []string
	for _, s := range c.spans {
		names = append(names, s.Name)
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != want {
		t.Fatalf("%d spans %q, want %d: there are %q", len(found), name, want, names)
	}
	return found
}

func attribute(all []*common.KeyValue, key string) string {
	for _, kv := range all {
		if kv.Key == key {
			if _, isText := kv.Value.Value.(*common.AnyValue_StringValue); isText {
				return kv.Value.GetStringValue()
			}
			return fmt.Sprint(kv.Value.GetIntValue())
		}
	}
	return ""
}

// traced starts a server that traces, with a model whose batches have two rows.
func traced(t *testing.T) (*servetest.Server, *telemetry.Traces) {
	t.Helper()
	traces, err := telemetry.StartTraces(t.Context(), "", "1.2.3", failed(t))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "lookup", 1, onnxtest.Lookup(1, 2))
	onnxtest.Write(t, root+"/scale/config.yaml", []byte("max_batch_size: 2\ndynamic_batching: {preferred_batch_size: [2], max_queue_delay_microseconds: 20000000}\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}, Tracer: traces.Tracer()})
	s.Ready()
	return s, traces
}

const scaleBody = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`

func TestSpansOfARequestAndOfItsBatchReachACollector(t *testing.T) {
	c := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	s, traces := traced(t)
	// The rows of two callers make a batch: one is traced by its caller, one by us.
	const theirTrace, theirSpan = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	var wg sync.WaitGroup
	for _, header := range []map[string]string{{"traceparent": "00-" + theirTrace + "-" + theirSpan + "-01"}, nil} {
		wg.Go(func() {
			reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/scale/infer", Body: []byte(scaleBody), Header: header})
			if err != nil || reply.Status != http.StatusOK {
				t.Errorf("%v, %v", reply, err)
			}
		})
	}
	wg.Wait()
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests := c.all(t, "POST /v2/models/:model/infer", 2)
	queues, executions := c.all(t, "queue", 2), c.all(t, "execute", 2)
	batch := c.all(t, "batch", 1)[0]
	theirs := slices.IndexFunc(requests, func(s *trace.Span) bool { return hex.EncodeToString(s.TraceId) == theirTrace })
	if theirs < 0 || hex.EncodeToString(requests[theirs].ParentSpanId) != theirSpan {
		t.Fatalf("the caller's trace does not go on: %v", requests)
	}
	if own := requests[1-theirs]; len(own.ParentSpanId) != 0 {
		t.Errorf("a request without a trace has a parent: %v", own)
	}
	for _, r := range requests {
		if r.Kind != trace.Span_SPAN_KIND_SERVER || attribute(r.Attributes, "http.response.status_code") != "200" || attribute(r.Attributes, "http.route") != "/v2/models/:model/infer" {
			t.Errorf("the request's span is %v", r)
		}
		queued, executed := child(t, r, queues), child(t, r, executions)
		if !(r.StartTimeUnixNano <= queued.StartTimeUnixNano && queued.EndTimeUnixNano <= executed.EndTimeUnixNano && executed.EndTimeUnixNano <= r.EndTimeUnixNano) {
			t.Errorf("the times of %v, %v and %v are not in order", r, queued, executed)
		}
		if attribute(executed.Attributes, "triton.model_name") != "scale" || attribute(executed.Attributes, "triton.model_version") != "1" || attribute(executed.Attributes, "galatea.batch.rows") != "2" || len(executed.Events) != 2 {
			t.Errorf("the execution's span is %v", executed)
		}
		if !slices.ContainsFunc(batch.Links, func(l *trace.Span_Link) bool {
			return string(l.TraceId) == string(r.TraceId) && string(l.SpanId) == string(r.SpanId)
		}) {
			t.Errorf("the batch has no link to %v: %v", r, batch.Links)
		}
	}
	if len(batch.Links) != 2 || len(batch.ParentSpanId) != 0 || attribute(batch.Attributes, "galatea.batch.requests") != "2" {
		t.Errorf("the batch's span is %v", batch)
	}
	for key, want := range map[string]string{"service.name": "galatea", "service.version": "1.2.3", "deployment.environment.name": "test"} {
		if got := attribute(c.resources, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// child returns the span below a parent.
func child(t *testing.T, parent *trace.Span, among []*trace.Span) *trace.Span {
	t.Helper()
	for _, s := range among {
		if string(s.TraceId) == string(parent.TraceId) && string(s.ParentSpanId) == string(parent.SpanId) {
			return s
		}
	}
	t.Fatalf("%v has no child among %v", parent, among)
	return nil
}

func TestSpansSayWhatFailed(t *testing.T) {
	c := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL+"/v1/traces")
	s, traces := traced(t)
	outOfRange := `{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[7]}]}`
	if reply := s.Post("/v2/models/lookup/infer", outOfRange); reply.Status != http.StatusInternalServerError {
		t.Errorf("%v", reply)
	}
	if reply := s.Post("/v2/models/nobody/infer", outOfRange); reply.Status != http.StatusNotFound {
		t.Errorf("%v", reply)
	}
	if reply := s.Get("/v2/secret/path"); reply.Status != http.StatusNotFound {
		t.Errorf("%v", reply)
	}
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if failed := c.all(t, "execute", 1)[0]; failed.Status.GetCode() != trace.Status_STATUS_CODE_ERROR || failed.Status.GetMessage() == "" {
		t.Errorf("the failed execution is %v", failed)
	}
	for _, r := range c.all(t, "POST /v2/models/:model/infer", 2) {
		isFailure := attribute(r.Attributes, "http.response.status_code") == "500"
		if (r.Status.GetCode() == trace.Status_STATUS_CODE_ERROR) != isFailure {
			t.Errorf("the request is %v", r)
		}
	}
	c.all(t, "HTTP", 1) // names are few, whatever paths callers invent
	c.all(t, "batch", 0)
}

func TestACallerWhoSamplesNothingIsNotTraced(t *testing.T) {
	c := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	s, traces := traced(t)
	reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/nobody/infer", Header: map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}})
	if err != nil || reply.Status != http.StatusNotFound {
		t.Errorf("%v, %v", reply, err)
	}
	reply, err = s.Do(t.Context(), servetest.Request{Method: http.MethodGet, Path: "/v2", Header: map[string]string{"traceparent": "nonsense"}})
	if err != nil || reply.Status != http.StatusOK {
		t.Errorf("%v, %v", reply, err)
	}
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.all(t, "POST /v2/models/:model/infer", 0)
	c.all(t, "GET /v2", 1)
}

func TestNothingIsSentWithoutATracer(t *testing.T) {
	c := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 1, onnxtest.Scale(2))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/scale/infer", Body: []byte(scaleBody), Header: map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	if err != nil || reply.Status != http.StatusOK {
		t.Errorf("%v, %v", reply, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if c.posts != 0 {
		t.Errorf("%d exports", c.posts)
	}
}

func TestUnknownProtocolsAreRefused(t *testing.T) {
	for _, protocol := range []string{"http/json", "smoke"} {
		if _, err := telemetry.StartTraces(t.Context(), protocol, "", failed(t)); err == nil || err.Error() != fmt.Sprintf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: expected grpc or http/protobuf", protocol) {
			t.Errorf("%s: %v", protocol, err)
		}
	}
	traces, err := telemetry.StartTraces(t.Context(), "grpc", "", failed(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := traces.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// failed logs what goes wrong with an export.
func failed(t *testing.T) func(error) {
	return func(err error) { t.Logf("traces: %v", err) }
}
