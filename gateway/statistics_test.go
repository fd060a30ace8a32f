package gateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"galatea/gateway/wire"
	"galatea/internal/servetest"
)

func TestStatisticsAreTritonsInFull(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	before := time.Now().UnixMilli()
	for _, body := range []string{inputs(x("[1,4]", "FP32", "[1,2,3,4]")), inputs(x("[2,4]", "FP32", "[1,2,3,4,5,6,7,8]")), inputs(x("[2,4]", "FP32", "[1,2,3,4,5,6,7,8]"))} {
		if reply := s.Post("/v2/models/scale/infer", body); reply.Status != http.StatusOK {
			t.Fatal(reply)
		}
	}
	s.Post("/v2/models/lookup/infer", inputs(x("[1,1]", "INT64", "[7]")))
	one := func(model string) wire.ModelStatistics {
		t.Helper()
		reply := s.Get("/v2/models/" + model + "/versions/1/stats")
		var all struct {
			ModelStats []map[string]json.RawMessage `json:"model_stats"`
		}
		var stats struct {
			ModelStats []wire.ModelStatistics `json:"model_stats"`
		}
		if json.Unmarshal(reply.Body, &all) != nil || json.Unmarshal(reply.Body, &stats) != nil || len(all.ModelStats) != 1 {
			t.Fatal(reply)
		}
		for _, key := range []string{"name", "version", "last_inference", "inference_count", "execution_count", "inference_stats", "response_stats", "batch_stats", "memory_usage"} {
			if all.ModelStats[0][key] == nil {
				t.Errorf("%s has no %s", model, key)
			}
		}
		return stats.ModelStats[0]
	}
	got := one("scale")
	if got.Name != "scale" || got.Version != "1" || got.LastInference < before || got.LastInference > time.Now().UnixMilli() || got.InferenceCount != 5 || got.ExecutionCount != 3 {
		t.Errorf("%+v", got)
	}
	each := got.InferenceStats
	for name, d := range map[string]wire.Duration{"success": each.Success, "queue": each.Queue, "compute_input": each.ComputeInput, "compute_infer": each.ComputeInfer, "compute_output": each.ComputeOutput} {
		if d.Count != 3 || d.NS > each.Success.NS {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if each.Success.NS == 0 || each.ComputeInfer.NS == 0 || each.Fail.Count != 0 || each.CacheHit.Count != 0 || each.CacheMiss.Count != 0 {
		t.Errorf("%+v", each)
	}
	sizes := map[int]uint64{}
	for _, b := range got.BatchStats {
		sizes[b.BatchSize] = b.ComputeInfer.Count
		if b.ComputeInfer.NS == 0 || b.ComputeInput.Count != b.ComputeInfer.Count || b.ComputeOutput.Count != b.ComputeInfer.Count {
			t.Errorf("%+v", b)
		}
	}
	if len(sizes) != 2 || sizes[1] != 1 || sizes[2] != 2 {
		t.Errorf("batches by size: %v", sizes)
	}
	if !slices.ContainsFunc(got.MemoryUsage, func(m wire.MemoryUsage) bool { return m.Type == "CPU" && m.ByteSize > 0 }) {
		t.Errorf("%+v", got.MemoryUsage)
	}
	if failed := one("lookup").InferenceStats; failed.Fail.Count != 1 || failed.Fail.NS == 0 || failed.Success.Count != 0 {
		t.Errorf("%+v", failed)
	}
}
