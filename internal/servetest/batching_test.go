package servetest_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

func TestDeadlineOfAHeaderIsKept(t *testing.T) {
	s := slowServer(t, servetest.Options{}, "")
	leave, first := begin(t, s, products(forever))
	running(t, s)
	late := products(1)
	late.Header = map[string]string{"X-Request-Timeout": "50ms"}
	reply, err := s.Do(t.Context(), late)
	if err != nil || reply.Status != http.StatusGatewayTimeout || !strings.HasPrefix(reply.ErrorText(), "[request id: <id_unknown>] deadline exceeded") {
		t.Errorf("%v, %v", reply, err)
	}
	is(t, s, 1, "galatea_request_refused_total", `cause="deadline"`)
	is(t, s, 0, "nv_inference_pending_request_count")
	leave()
	within(t, first, 10*time.Second)
}

func TestDeadlineOfAModelStopsItsRuns(t *testing.T) {
	s := slowServer(t, servetest.Options{}, "request_timeout: 100ms\n")
	reply, err := s.Do(t.Context(), products(forever))
	if err != nil || reply.Status != http.StatusGatewayTimeout {
		t.Errorf("%v, %v", reply, err)
	}
	is(t, s, 0, "galatea_instance_longest_run_seconds")
	if reply, err = s.Do(t.Context(), products(1)); err != nil || reply.Status != http.StatusOK {
		t.Errorf("afterwards: %v, %v", reply, err)
	}
}

func TestOverloadIsToldWithTheTimeToTryAgain(t *testing.T) {
	s := slowServer(t, servetest.Options{}, "dynamic_batching: {default_queue_policy: {max_queue_size: 1}}\n")
	for range 10 { // so that it is known what a run takes
		if reply, err := s.Do(t.Context(), products(1)); err != nil || reply.Status != http.StatusOK {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	leave, first := begin(t, s, products(forever))
	running(t, s)
	_, second := begin(t, s, products(1))
	is(t, s, 1, "nv_inference_pending_request_count")
	reply, err := s.Do(t.Context(), products(1))
	if err != nil || reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") != "1" || reply.Header.Get("Retry-After-Ms") == "" {
		t.Errorf("%v %v, %v", reply, reply.Header, err)
	}
	leave()
	within(t, first, 10*time.Second)
	if o := within(t, second, 10*time.Second); o.err != nil || o.reply.Status != http.StatusOK {
		t.Errorf("the one that waited: %v", o)
	}
}

// Sequences of 3 and 5 elements, the second with a mask of its own, run as one batch.
func TestSequencesShareAPaddedBatch(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "masked", 1, onnxtest.Masked())
	onnxtest.Write(t, filepath.Join(root, "masked", "config.yaml"), []byte(
		"dynamic_batching: {preferred_batch_size: [2], max_queue_delay_microseconds: 20000000}\nbatching: {pad: {x: 1000}, buckets: [8], mask: mask}\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	ask := func(inputs string) servetest.Request {
		return servetest.Request{Path: "/v2/models/masked/infer", Body: fmt.Appendf(nil, `{"inputs":[%s]}`, inputs)}
	}
	_, three := begin(t, s, ask(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`))
	_, five := begin(t, s, ask(`{"name":"mask","shape":[1,5],"datatype":"INT64","data":[1,1,0,0,1]},{"name":"x","shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5]}`))
	for want, done := range map[string]<-chan outcome{
		`{"outputs":[{"name":"sum","shape":[1,1],"data":[6]},{"name":"twice","shape":[1,3],"data":[2,4,6]}]}`:      three,
		`{"outputs":[{"name":"sum","shape":[1,1],"data":[8]},{"name":"twice","shape":[1,5],"data":[2,4,6,8,10]}]}`: five,
	} {
		o := within(t, done, 30*time.Second)
		if o.err != nil {
			t.Fatal(o.err)
		}
		if err := servetest.Contains(o.reply.Body, want); err != nil {
			t.Error(err)
		}
	}
	is(t, s, 1, "nv_inference_exec_count")
	is(t, s, 2, "nv_inference_count")
	if meta := s.Get("/v2/models/masked"); meta.Status != http.StatusOK || !strings.Contains(string(meta.Body), `"mask"`) {
		t.Errorf("%v", meta)
	}
}
