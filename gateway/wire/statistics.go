package wire

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"galatea/infer"
	"galatea/repository"
)

// Statistics of models, in Triton's form.
type (
	// Duration is how often something happened, and the nanoseconds that it took altogether.
	Duration struct {
		Count uint64 `json:"count"`
		NS    uint64 `json:"ns"`
	}
	// InferenceStatistics are requests by outcome, and where the time of those that succeeded went.
	InferenceStatistics struct {
		Success       Duration `json:"success"`
		Fail          Duration `json:"fail"`
		Queue         Duration `json:"queue"`
		ComputeInput  Duration `json:"compute_input"`
		ComputeInfer  Duration `json:"compute_infer"`
		ComputeOutput Duration `json:"compute_output"`
		CacheHit      Duration `json:"cache_hit"`
		CacheMiss     Duration `json:"cache_miss"`
	}
	// BatchStatistics are executions of one batch size.
	BatchStatistics struct {
		BatchSize     int      `json:"batch_size"`
		ComputeInput  Duration `json:"compute_input"`
		ComputeInfer  Duration `json:"compute_infer"`
		ComputeOutput Duration `json:"compute_output"`
	}
	// MemoryUsage is the bytes that a model holds in one place.
	MemoryUsage struct {
		Type     string `json:"type"`
		ID       int    `json:"id"`
		ByteSize int64  `json:"byte_size"`
	}
	// ModelStatistics is what one version has done since it was loaded.
	ModelStatistics struct {
		Name           string              `json:"name"`
		Version        string              `json:"version"`
		LastInference  int64               `json:"last_inference"` // ms since the epoch
		InferenceCount uint64              `json:"inference_count"`
		ExecutionCount uint64              `json:"execution_count"`
		InferenceStats InferenceStatistics `json:"inference_stats"`
		// ResponseStats is for models that give several answers to a request; none does yet.
		ResponseStats struct{}          `json:"response_stats"`
		BatchStats    []BatchStatistics `json:"batch_stats"`
		MemoryUsage   []MemoryUsage     `json:"memory_usage"`
	}
)

func duration(d infer.Duration) Duration { return Duration{d.Count, uint64(d.Total)} }

// AllStatistics returns the statistics of every version that is ready.
func (s *Service) AllStatistics() []ModelStatistics {
	all := []ModelStatistics{}
	for _, row := range s.o.Models.Index() {
		if row.State != repository.StateReady {
			continue
		}
		if info, err := s.o.Models.Info(infer.Ref{Name: row.Name, Version: row.Version}); err == nil {
			all = append(all, statisticsOf(info))
		}
	}
	return all
}

// Statistics returns those of the versions of a model that are ready, or of the one that
// ref names.
func (s *Service) Statistics(ref infer.Ref) ([]ModelStatistics, error) {
	versions := s.o.Models.Versions(ref.Name)
	if ref.Label != "" {
		info, err := s.Info(ref)
		if err != nil {
			return nil, err
		}
		ref.Version = info.ID.Version
	}
	if ref.Version != 0 {
		versions = []int64{ref.Version}
	}
	var all []ModelStatistics
	for _, v := range versions {
		info, err := s.o.Models.Info(infer.Ref{Name: ref.Name, Version: v})
		switch {
		case err == nil:
			all = append(all, statisticsOf(info))
		case ref.Version != 0 && !errors.Is(err, infer.ErrUnknownModel):
			return nil, Invalid("requested model version is not available for model '%s'", ref.Name)
		}
	}
	if len(all) == 0 {
		return nil, Invalid("requested model '%s' is not available", ref.Name)
	}
	return all, nil
}

func statisticsOf(info repository.Info) ModelStatistics {
	s := info.Stats
	out := ModelStatistics{
		Name: info.ID.Name, Version: strconv.FormatInt(info.ID.Version, 10),
		InferenceCount: s.Rows, ExecutionCount: s.Executions,
		InferenceStats: InferenceStatistics{
			Success: duration(s.Success), Queue: duration(s.Queue),
			ComputeInput: duration(s.ComputeInput), ComputeInfer: duration(s.ComputeInfer), ComputeOutput: duration(s.ComputeOut),
		},
		BatchStats:  []BatchStatistics{},
		MemoryUsage: []MemoryUsage{{"CPU", 0, info.Weights}},
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
		out.BatchStats = append(out.BatchStats, BatchStatistics{
			rows, Duration{b.Executions, uint64(b.ComputeInput)}, Duration{b.Executions, uint64(b.ComputeInfer)}, Duration{b.Executions, uint64(b.ComputeOut)},
		})
	}
	return out
}
