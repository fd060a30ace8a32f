package gateway

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"galatea/infer"
	"galatea/repository"
)

// Statistics, in Triton's form.
type (
	statDuration struct {
		Count uint64 `json:"count"`
		NS    uint64 `json:"ns"`
	}
	inferenceStats struct {
		Success       statDuration `json:"success"`
		Fail          statDuration `json:"fail"`
		Queue         statDuration `json:"queue"`
		ComputeInput  statDuration `json:"compute_input"`
		ComputeInfer  statDuration `json:"compute_infer"`
		ComputeOutput statDuration `json:"compute_output"`
		CacheHit      statDuration `json:"cache_hit"`
		CacheMiss     statDuration `json:"cache_miss"`
	}
	batchStats struct {
		BatchSize     int          `json:"batch_size"`
		ComputeInput  statDuration `json:"compute_input"`
		ComputeInfer  statDuration `json:"compute_infer"`
		ComputeOutput statDuration `json:"compute_output"`
	}
	memoryUsage struct {
		Type     string `json:"type"`
		ID       int    `json:"id"`
		ByteSize int64  `json:"byte_size"`
	}
	modelStats struct {
		Name           string         `json:"name"`
		Version        string         `json:"version"`
		LastInference  int64          `json:"last_inference"` // ms since the epoch
		InferenceCount uint64         `json:"inference_count"`
		ExecutionCount uint64         `json:"execution_count"`
		InferenceStats inferenceStats `json:"inference_stats"`
		ResponseStats  struct{}       `json:"response_stats"`
		BatchStats     []batchStats   `json:"batch_stats"`
		MemoryUsage    []memoryUsage  `json:"memory_usage"`
	}
)

func duration(d infer.Duration) statDuration { return statDuration{d.Count, uint64(d.Total)} }

func (g *Gateway) allStats(c *gin.Context) {
	var all []modelStats
	for _, s := range g.o.Models.Index() {
		if s.State != repository.StateReady {
			continue
		}
		if info, err := g.o.Models.Info(infer.Ref{Name: s.Name, Version: s.Version}); err == nil {
			all = append(all, statsOf(info))
		}
	}
	replyStats(c, all)
}

func (g *Gateway) modelStats(c *gin.Context) {
	ref, err := refOf(c)
	if err != nil {
		fail(c, err, ref, "")
		return
	}
	versions := g.o.Models.Versions(ref.Name)
	if ref.Label != "" {
		info, err := g.o.Models.Info(ref)
		if err != nil {
			fail(c, g.known(err), ref, "")
			return
		}
		ref.Version = info.ID.Version
	}
	if ref.Version != 0 {
		versions = []int64{ref.Version}
	}
	var all []modelStats
	for _, v := range versions {
		info, err := g.o.Models.Info(infer.Ref{Name: ref.Name, Version: v})
		switch {
		case err == nil:
			all = append(all, statsOf(info))
		case ref.Version != 0 && !errors.Is(err, infer.ErrUnknownModel):
			fail(c, badRequest("requested model version is not available for model '%s'", ref.Name), ref, "")
			return
		}
	}
	if len(all) == 0 {
		fail(c, badRequest("requested model '%s' is not available", ref.Name), ref, "")
		return
	}
	replyStats(c, all)
}

func replyStats(c *gin.Context, all []modelStats) {
	if all == nil {
		all = []modelStats{}
	}
	replyJSON(c, struct {
		Stats []modelStats `json:"model_stats"`
	}{all})
}

func statsOf(info repository.Info) modelStats {
	s := info.Stats
	out := modelStats{
		Name: info.ID.Name, Version: strconv.FormatInt(info.ID.Version, 10),
		InferenceCount: s.Rows, ExecutionCount: s.Executions,
		InferenceStats: inferenceStats{
			Success: duration(s.Success), Queue: duration(s.Queue),
			ComputeInput: duration(s.ComputeInput), ComputeInfer: duration(s.ComputeInfer), ComputeOutput: duration(s.ComputeOut),
		},
		BatchStats:  []batchStats{},
		MemoryUsage: []memoryUsage{{"CPU", 0, info.Weights}},
	}
	if !s.LastInference.IsZero() {
		out.LastInference = s.LastInference.UnixMilli()
	}
	for _, d := range s.Failure {
		out.InferenceStats.Fail.Count += d.Count
		out.InferenceStats.Fail.NS += uint64(d.Total)
	}
	for _, rows := range slices.Sorted(maps.Keys(s.Batches)) {
		b := s.Batches[rows]
		out.BatchStats = append(out.BatchStats, batchStats{
			rows, statDuration{b.Executions, uint64(b.ComputeInput)}, statDuration{b.Executions, uint64(b.ComputeInfer)}, statDuration{b.Executions, uint64(b.ComputeOut)},
		})
	}
	return out
}
