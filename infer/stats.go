package infer

import (
	"errors"
	"time"
)

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
	Refused      map[string]uint64   // those of REJECTED, by RefusalCauses
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

// refusals are the errors of requests that were not run, and their names in metrics.
var refusals = []struct {
	err  error
	name string
}{
	{ErrQueueFull, "queue_full"},
	{ErrOverQuota, "over_quota"},
	{ErrOverloaded, "overloaded"},
	{ErrTimeout, "timeout"},
	{ErrDeadline, "deadline"},
	{ErrStopping, "stopping"},
}

// RefusalCauses lists the names of the reasons for which requests are not run.
func RefusalCauses() []string {
	names := make([]string, len(refusals))
	for i, r := range refusals {
		names[i] = r.name
	}
	return names
}

// RefusalCause is the name of the reason that err gives; "" for an error that is no refusal.
func RefusalCause(err error) string {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return ""
}
