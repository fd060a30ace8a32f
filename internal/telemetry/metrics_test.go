package telemetry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/tensor"
)

// scrape reads the metrics as Prometheus does, and returns the value of each series; a
// histogram has its count, its sum and its buckets.
func scrape(t *testing.T, s *servetest.Server) map[string]float64 {
	t.Helper()
	text, err := s.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	series := map[string]float64{}
	for name, family := range families {
		if strings.HasPrefix(name, "nv_") && family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			at := name + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.Counter != nil:
				series[at] = m.Counter.GetValue()
			case m.Gauge != nil:
				series[at] = m.Gauge.GetValue()
			case m.Histogram != nil:
				series[at+" count"], series[at+" sum"] = float64(m.Histogram.GetSampleCount()), m.Histogram.GetSampleSum()
				for _, b := range m.Histogram.Bucket {
					series[fmt.Sprintf("%s %v", at, b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	return series
}

func TestMetricsAreRightAfterKnownTraffic(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 3, onnxtest.Scale(2))
	onnxtest.Version(t, root, "lookup", 1, onnxtest.Lookup(1, 2))
	onnxtest.Version(t, root, "broken", 1, []byte("no model"))
	onnxtest.Write(t, filepath.Join(root, "scale", "config.yaml"), []byte("metric_tags: {team: vision, tier: gold}\ninstance_group: [{count: 2}]\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	for _, rows := range []int64{1, 2, 3, 1} {
		reply, err := s.Do(t.Context(), servetest.Ask("scale", "x", tensor.Shape{rows, 4}, make([]float32, 4*rows), rows == 2))
		if err != nil || reply.Status != http.StatusOK {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	s.Post("/v2/models/lookup/infer", `{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[7]}]}`)
	s.Post("/v2/models/lookup/infer", `{"inputs":[]}`) // does not fit, and so never reaches the model
	s.Post("/v2/models/nobody/infer", `{}`)
	s.Get("/v2/what/ever")

	s.Eventually("the instances are idle", func() error { // an answer comes just before
		if busy, _ := s.Metric("galatea_instance_longest_run_seconds"); busy != 0 {
			return fmt.Errorf("one has run for %v s", busy)
		}
		return nil
	})
	got := scrape(t, s)
	const scale, lookup = `{_team="vision",_tier="gold",model="scale",version="3"`, `{model="lookup",version="1"`
	for series, want := range map[string]float64{
		"nv_inference_request_success" + scale + "}":                                                           4,
		"nv_inference_request_success" + lookup + "}":                                                          0,
		`nv_inference_request_failure{model="lookup",reason="BACKEND",version="1"}`:                            1,
		`nv_inference_request_failure{model="lookup",reason="REJECTED",version="1"}`:                           0,
		`nv_inference_request_failure{model="lookup",reason="CANCELED",version="1"}`:                           0,
		`nv_inference_request_failure{model="lookup",reason="OTHER",version="1"}`:                              0,
		`nv_inference_request_failure{_team="vision",_tier="gold",model="scale",reason="BACKEND",version="3"}`: 0,
		`galatea_request_refused_total{cause="overloaded",model="lookup",version="1"}`:                         0,
		"nv_inference_count" + scale + "}":                                                                     7,
		"nv_inference_exec_count" + scale + "}":                                                                4,
		"nv_inference_count" + lookup + "}":                                                                    0,
		"nv_inference_pending_request_count" + scale + "}":                                                     0,
		"galatea_instances" + scale + "}":                                                                      2,
		"galatea_instances" + lookup + "}":                                                                     1,
		"galatea_instance_longest_run_seconds" + scale + "}":                                                   0,
		"galatea_model_weights_bytes" + scale + "}":                                                            4,
		"galatea_request_duration_seconds" + scale + "} count":                                                 4,
		"galatea_queue_duration_seconds" + scale + "} count":                                                   4,
		"galatea_batch_rows" + scale + "} count":                                                               4,
		"galatea_batch_rows" + scale + "} sum":                                                                 7,
		"galatea_batch_rows" + scale + "} 1":                                                                   2,
		"galatea_batch_rows" + scale + "} 2":                                                                   3,
		"galatea_batch_rows" + scale + "} 4":                                                                   4,
		`galatea_model_state{model="scale",state="READY",version="3"}`:                                         1,
		`galatea_model_state{model="broken",state="UNAVAILABLE",version="1"}`:                                  1,
		`galatea_http_requests_total{route="/v2/models/:model/infer",status="200"}`:                            4,
		`galatea_http_requests_total{route="/v2/models/:model/infer",status="400"}`:                            1,
		`galatea_http_requests_total{route="/v2/models/:model/infer",status="404"}`:                            1,
		`galatea_http_requests_total{route="/v2/models/:model/infer",status="500"}`:                            1,
		`galatea_http_requests_total{route="",status="404"}`:                                                   1,
		"galatea_http_inflight_bytes{}":                                                                        0,
		"galatea_config_reload_success{}":                                                                      1,
	} {
		if value, there := got[series]; !there || value != want {
			t.Errorf("%s is %v (there: %v), want %v", series, value, there, want)
		}
	}
	whole := got["nv_inference_request_duration_us"+scale+"}"]
	for _, part := range []string{"queue", "compute_input", "compute_infer", "compute_output"} {
		value, there := got["nv_inference_"+part+"_duration_us"+scale+"}"]
		if !there || value < 0 || value > whole {
			t.Errorf("%s took %v of %v", part, value, whole)
		}
	}
	if whole <= 0 || got["nv_model_load_duration_secs"+scale+"}"] <= 0 || got["process_resident_memory_bytes{}"] < 1<<20 {
		t.Errorf("requests took %v, the load %v, the process %v bytes", whole, got["nv_model_load_duration_secs"+scale+"}"], got["process_resident_memory_bytes{}"])
	}
}

// Whatever a folder is called, the metrics of the others can be read.
func TestMetricsOfModelsWithOddNames(t *testing.T) {
	root := t.TempDir()
	names := []string{"fine", `qu"ote`, "back\\slash", "new\nline", "ünï", "a=b,c{d}", "a b+c%20"}
	for _, name := range append(names, "\xff\xfe") {
		onnxtest.Version(t, root, name, 1, onnxtest.Scale(2))
	}
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	for _, name := range names {
		if err := servetest.Contains(s.Get("/v2/models/"+url.PathEscape(name)).Body, fmt.Sprintf(`{"name":%s}`, quoted(t, name))); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	got := scrape(t, s)
	for _, name := range []string{`"fine"`, `"qu\"ote"`, `"ünï"`} {
		if _, there := got["nv_inference_count{model="+name+`,version="1"}`]; !there {
			t.Errorf("no metrics of %s", name)
		}
	}
}

func quoted(t *testing.T, s string) []byte {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMetricsOfAVersionGoWithIt(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 1, onnxtest.Scale(2))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	onnxtest.Version(t, root, "scale", 2, onnxtest.Scale(2))
	s.Eventually("version 2 counts and version 1 does not", func() error {
		got := scrape(t, s)
		_, first := got[`nv_inference_count{model="scale",version="1"}`]
		_, second := got[`nv_inference_count{model="scale",version="2"}`]
		if first || !second {
			return fmt.Errorf("version 1: %v, version 2: %v", first, second)
		}
		return nil
	})
}
