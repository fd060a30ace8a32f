package telemetry

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"galatea/gateway"
	"galatea/gateway/rpc"
	"galatea/infer"
	"galatea/repository"
)

// Sources are where metrics are read from.
type Sources struct {
	Models interface {
		Each(f func(repository.Info))
		Index() []repository.Status
	}
	Rollouts interface {
		Refusals() map[repository.Refusal]uint64
		Trials() []repository.TrialInfo
	}
	Front interface {
		Requests() map[gateway.RouteStatus]infer.Histogram
		InflightBytes() int64
	}
	Calls    func() map[rpc.MethodCode]infer.Histogram // of gRPC; nil: none
	ConfigOK func() bool                               // whether the last reload of the server's file was applied
}

// Handler answers GET /metrics.
func Handler(s Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector turns the sources into metrics on each scrape. Models come and go and
// each has tags of its own, so it describes nothing ahead.
type collector struct{ Sources }

// Describe says nothing: the metrics are not known ahead.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the sources.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.Models.Each(func(info repository.Info) { model(out, info) })
	for _, s := range c.Models.Index() {
		if s.Version != 0 {
			labels := labelled{names: []string{"model", "version", "state"}, values: []string{s.Name, strconv.FormatInt(s.Version, 10), s.State}}
			labels.gauge(out, "galatea_model_state", "1 for the state that a version of a model is in", 1)
		}
	}
	for r, n := range c.Rollouts.Refusals() {
		labels := labelled{names: []string{"model", "gate"}, values: []string{r.Model, cmp.Or(r.Gate, "load")}}
		labels.counter(out, "galatea_model_refused_total", "Number of versions that were refused before they served, by the check that they did not pass", float64(n))
	}
	for _, t := range c.Rollouts.Trials() {
		share := 0.0
		if t.Step < len(t.Plan.Steps) {
			share = t.Plan.Steps[t.Step].Percent / 100
		}
		labels := labelled{names: []string{"model", "version", "strategy"}, values: []string{t.Model, strconv.FormatInt(t.Version, 10), string(t.Plan.Strategy)}}
		labels.gauge(out, "galatea_rollout_share", "Share of the requests that a version on trial gets", share)
	}
	for k, h := range c.Front.Requests() {
		labels := labelled{names: []string{"route", "status"}, values: []string{k.Route, strconv.Itoa(k.Status)}}
		labels.counter(out, "galatea_http_requests_total", "Number of HTTP requests answered, by route and status", float64(h.Count()))
		labels.histogram(out, "galatea_http_request_duration_seconds", "Time from an HTTP request's headers to the end of its answer, by route and status", h)
	}
	if c.Calls != nil {
		for k, h := range c.Calls() {
			labels := labelled{names: []string{"method", "code"}, values: []string{k.Method, k.Code}}
			labels.counter(out, "galatea_grpc_requests_total", "Number of gRPC calls answered, by method and code", float64(h.Count()))
			labels.histogram(out, "galatea_grpc_request_duration_seconds", "Time from a gRPC call's arrival to its status, by method and code", h)
		}
	}
	none := labelled{}
	none.gauge(out, "galatea_http_inflight_bytes", "Bytes of request bodies held at the moment", float64(c.Front.InflightBytes()))
	ok := 0.0
	if c.ConfigOK() {
		ok = 1
	}
	none.gauge(out, "galatea_config_reload_success", "1 when the server's configuration file was applied when it was last read", ok)
}

// model writes one version's metrics; the nv_ names and their help are Triton's.
func model(out chan<- prometheus.Metric, info repository.Info) {
	l := labelled{names: []string{"model", "version"}, values: []string{info.ID.Name, strconv.FormatInt(info.ID.Version, 10)}}
	for tag, value := range info.Config.MetricTags {
		l = l.with("_"+tag, value)
	}
	s := info.Stats
	l.counter(out, "nv_inference_request_success", "Number of successful inference requests, all batch sizes", float64(s.Success.Count))
	for _, reason := range []string{"REJECTED", "CANCELED", "BACKEND", "OTHER"} {
		l.with("reason", reason).counter(out, "nv_inference_request_failure", "Number of failed inference requests, all batch sizes", float64(s.Failure[reason].Count))
	}
	for _, cause := range infer.RefusalCauses() {
		l.with("cause", cause).counter(out, "galatea_request_refused_total", "Number of requests that the queue refused, by cause", float64(s.Refused[cause]))
	}
	l.counter(out, "nv_inference_count", "Number of inferences performed (does not include cached requests)", float64(s.Rows))
	l.counter(out, "nv_inference_exec_count", "Number of model executions performed (does not include cached requests)", float64(s.Executions))
	for _, d := range []struct {
		name, help string
		d          infer.Duration
	}{
		{"nv_inference_request_duration_us", "Cumulative inference request duration in microseconds (includes cached requests)", s.Success},
		{"nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds (includes cached requests)", s.Queue},
		{"nv_inference_compute_input_duration_us", "Cumulative compute input duration in microseconds (does not include cached requests)", s.ComputeInput},
		{"nv_inference_compute_infer_duration_us", "Cumulative compute inference duration in microseconds (does not include cached requests)", s.ComputeInfer},
		{"nv_inference_compute_output_duration_us", "Cumulative inference compute output duration in microseconds (does not include cached requests)", s.ComputeOut},
	} {
		l.counter(out, d.name, d.help, float64(d.d.Total.Microseconds()))
	}
	l.gauge(out, "nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", float64(s.Pending))
	l.gauge(out, "nv_model_load_duration_secs", "Model load time in seconds", info.Loaded.Seconds())
	l.gauge(out, "galatea_model_weights_bytes", "Bytes that the model's weights take, once for each device", float64(info.Weights))
	l.gauge(out, "galatea_instances", "Number of instances", float64(len(s.Lanes)))
	l.gauge(out, "galatea_instance_longest_run_seconds", "How long the longest of the present executions has been going on", longest(s.Lanes).Seconds())
	l.histogram(out, "galatea_request_duration_seconds", "Time from a request's arrival to its answer", s.Latency)
	l.histogram(out, "galatea_queue_duration_seconds", "Time that a request waited for its execution", s.QueueTime)
	l.histogram(out, "galatea_batch_rows", "Rows of an execution", s.BatchSize)
}

func longest(lanes []infer.LaneStats) time.Duration {
	var most time.Duration
	for _, l := range lanes {
		if !l.BusySince.IsZero() {
			most = max(most, time.Since(l.BusySince))
		}
	}
	return most
}

// labelled writes metrics with the same labels.
type labelled struct{ names, values []string }

func (l labelled) with(name, value string) labelled {
	return labelled{append(slices.Clip(l.names), name), append(slices.Clip(l.values), value)}
}

func (l labelled) counter(out chan<- prometheus.Metric, name, help string, v float64) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, l.names, nil), prometheus.CounterValue, v, l.values...)
}

func (l labelled) gauge(out chan<- prometheus.Metric, name, help string, v float64) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, l.names, nil), prometheus.GaugeValue, v, l.values...)
}

func (l labelled) histogram(out chan<- prometheus.Metric, name, help string, h infer.Histogram) {
	out <- prometheus.MustNewConstHistogram(prometheus.NewDesc(name, help, l.names, nil), h.Count(), h.Sum(), h.Cumulative(), l.values...)
}
