package servetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

// products is a request of a model made by SlowBy; each product takes a few ms.
func products(n int) servetest.Request {
	return servetest.Request{Path: "/v2/models/slow/infer", Body: fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[%d]}]}`, n)}
}

// forever is more products than anybody waits for.
const forever = 10_000_000

// slowServer serves a model of one lane that takes as long as a request says.
func slowServer(t *testing.T, o servetest.Options, config string) *servetest.Server {
	t.Helper()
	root := t.TempDir()
	onnxtest.Version(t, root, "slow", 1, onnxtest.SlowBy())
	onnxtest.Write(t, filepath.Join(root, "slow", "config.yaml"), []byte("max_batch_size: 1\ninstance_group: [{count: 1, kind: KIND_CPU}]\n"+config))
	o.Repositories = []string{root}
	s := servetest.Start(t, o)
	s.Ready()
	return s
}

// outcome is what became of a call that ran beside the test.
type outcome struct {
	reply servetest.Reply
	err   error
}

// begin sends a request beside the test; leave ends its connection.
func begin(t *testing.T, s *servetest.Server, r servetest.Request) (leave func(), done <-chan outcome) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan outcome, 1)
	go func() {
		reply, err := s.Do(ctx, r)
		ended <- outcome{reply, err}
	}()
	return cancel, ended
}

// within returns what became of a call, which must end within a time.
func within(t *testing.T, done <-chan outcome, most time.Duration) outcome {
	t.Helper()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case o := <-done:
		return o
	case <-timer.C:
		t.Fatalf("the call has not ended after %v", most)
		return outcome{}
	}
}

// is waits until a metric has a value.
func is(t *testing.T, s *servetest.Server, want float64, metric string, labels ...string) {
	t.Helper()
	s.Eventually(fmt.Sprintf("%s%v is %v", metric, labels, want), func() error {
		if got, _ := s.Metric(metric, labels...); got != want {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

// running waits until the lane executes.
func running(t *testing.T, s *servetest.Server) {
	t.Helper()
	s.Eventually("a request runs", func() error {
		if got, _ := s.Metric("galatea_instance_longest_run_seconds"); got == 0 {
			return errors.New("the lane is idle")
		}
		return nil
	})
}

func TestACallerWhoLeavesFreesItsPlaceAndStopsItsRun(t *testing.T) {
	s := slowServer(t, servetest.Options{}, "")
	leaveFirst, first := begin(t, s, products(forever))
	running(t, s)
	leaveSecond, second := begin(t, s, products(forever))
	is(t, s, 1, "nv_inference_pending_request_count")

	leaveSecond()
	if o := within(t, second, 10*time.Second); !errors.Is(o.err, context.Canceled) {
		t.Errorf("the second call: %v", o)
	}
	is(t, s, 0, "nv_inference_pending_request_count")
	is(t, s, 1, "nv_inference_request_failure", `reason="CANCELED"`)
	is(t, s, 1, "galatea_http_requests_total", `status="499"`)

	_, third := begin(t, s, products(1))
	is(t, s, 1, "nv_inference_pending_request_count")
	leaveFirst()
	if o := within(t, first, 10*time.Second); !errors.Is(o.err, context.Canceled) {
		t.Errorf("the first call: %v", o)
	}
	if o := within(t, third, 20*time.Second); o.err != nil || o.reply.Status != http.StatusOK {
		t.Errorf("the third call, which waited for the lane: %v", o)
	}
	is(t, s, 2, "nv_inference_request_failure", `reason="CANCELED"`)
	is(t, s, 1, "nv_inference_request_success")
	is(t, s, 0, "galatea_instance_longest_run_seconds")
}

func TestAFullQueueAndALongWaitAreAnswered(t *testing.T) {
	s := slowServer(t, servetest.Options{}, "dynamic_batching: {default_queue_policy: {max_queue_size: 1, default_timeout_microseconds: 2000000, allow_timeout_override: true}}\n")
	leave, first := begin(t, s, products(forever))
	running(t, s)
	_, second := begin(t, s, products(1))
	is(t, s, 1, "nv_inference_pending_request_count")

	full := s.Post("/v2/models/slow/infer", `{"id":"late","inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[1]}]}`)
	if full.Status != http.StatusServiceUnavailable || full.ErrorText() != "[request id: late] Exceeds maximum queue size" || full.Header.Get("Retry-After") != "1" {
		t.Errorf("a full queue: %v", full)
	}
	began := time.Now()
	o := within(t, second, 20*time.Second)
	if o.err != nil || o.reply.Status != http.StatusServiceUnavailable || o.reply.ErrorText() != "[request id: <id_unknown>] Request timeout expired" {
		t.Errorf("a long wait: %v", o)
	}
	t.Logf("refused %v after the queue was seen full", time.Since(began))
	own := s.Post("/v2/models/slow/infer", `{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[1]}],"parameters":{"timeout":1000}}`)
	if own.ErrorText() != "[request id: <id_unknown>] Request timeout expired" {
		t.Errorf("a wait of the request's own: %v", own)
	}
	is(t, s, 3, "nv_inference_request_failure", `reason="REJECTED"`)
	leave()
	within(t, first, 10*time.Second)
	if ok := s.Post("/v2/models/slow/infer", string(products(1).Body)); ok.Status != http.StatusOK {
		t.Errorf("afterwards: %v", ok)
	}
}

// As SIGTERM does it: unready at once, requests served while balancers notice, those
// in flight ended.
func TestTheEndIsGraceful(t *testing.T) {
	const delay = 500 * time.Millisecond
	var states []string
	s := slowServer(t, servetest.Options{ShutdownDelay: delay, Notify: func(state string) { states = append(states, state) }}, "")
	_, first := begin(t, s, products(400))
	running(t, s)
	began := time.Now()
	s.Shutdown()
	for _, health := range []string{"/v2/health/ready", "/v2/health/live"} {
		s.Eventually("it says that it ends", func() error {
			if reply := s.Get(health); reply.Status != http.StatusServiceUnavailable || reply.ErrorText() != "Server exiting" {
				return fmt.Errorf("%s: %v", health, reply)
			}
			return nil
		})
	}
	_, second := begin(t, s, products(1))
	for _, done := range []<-chan outcome{first, second} {
		if o := within(t, done, 30*time.Second); o.err != nil || o.reply.Status != http.StatusOK {
			t.Errorf("a request in flight: %v", o)
		}
	}
	if err := s.Ended(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("it ended after %v, before balancers could notice", took)
	}
	if _, err := s.Do(t.Context(), products(1)); err == nil {
		t.Error("it still answers")
	}
	if len(states) != 2 || states[0] != "READY=1" || states[1] != "STOPPING=1" {
		t.Errorf("the service manager was told %q", states)
	}
}

func TestTheEndDoesNotWaitForever(t *testing.T) {
	s := slowServer(t, servetest.Options{ExitTimeout: 300 * time.Millisecond}, "")
	_, running1 := begin(t, s, products(forever))
	running(t, s)
	_, waiting := begin(t, s, products(forever))
	is(t, s, 1, "nv_inference_pending_request_count")
	began := time.Now()
	s.Shutdown()
	if err := s.Ended(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
	for _, done := range []<-chan outcome{running1, waiting} {
		if o := within(t, done, 10*time.Second); o.err == nil {
			t.Errorf("a request that was cut off has an answer: %v", o.reply)
		}
	}
}
