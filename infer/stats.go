package infer

import "time"

// Duration is a count of events and the time that they took together.
type Duration struct {
	Count uint64
	Total time.Duration
}

// Add counts one more event.
func (d *Duration) Add(t time.Duration) { d.Count++; d.Total += t }

// BatchStats is what batches of one size cost.
type BatchStats struct {
	Executions                             uint64
	ComputeInput, ComputeInfer, ComputeOut time.Duration
}

// LaneStats says what an instance does.
type LaneStats struct {
	BusySince time.Time // zero: idle
}

// Stats is a snapshot of what a version has done since it was loaded.
type Stats struct {
	Pending       int // waiting requests
	LastInference time.Time
	Rows          uint64 // rows executed
	Executions    uint64 // runs of the model

	Success      Duration            // from arrival to answer
	Failure      map[string]Duration // by Triton's reasons: REJECTED, CANCELED, BACKEND
	Queue        Duration            // requests that succeeded only, as the three below
	ComputeInput Duration
	ComputeInfer Duration
	ComputeOut   Duration

	Batches map[int]BatchStats // by rows
	Lanes   []LaneStats

	Latency   Histogram // seconds from arrival to answer
	QueueTime Histogram // seconds in the queue
	BatchSize Histogram // rows of a run
}
