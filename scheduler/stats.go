package scheduler

import (
	"maps"
	"sync"
	"time"

	"galatea/infer"
)

// Reasons of failure, with Triton's names.
const (
	reasonRejected = "REJECTED" // by the queue: full, too late, stopping
	reasonCanceled = "CANCELED" // the caller left
	reasonBackend  = "BACKEND"  // the runtime failed
)

// Bucket bounds, upper ends included.
var (
	timeBounds = []float64{ // seconds
		0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
	}
	batchBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024} // rows
)

// stats is updated once a batch, under one lock.
type stats struct {
	mu sync.Mutex
	s  infer.Stats
}

func (s *stats) waiting(n int) {
	s.mu.Lock()
	s.s.Pending = n
	s.mu.Unlock()
}

func (s *stats) busy(lane int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.s.Lanes) <= lane {
		s.s.Lanes = append(s.s.Lanes, infer.LaneStats{})
	}
	s.s.Lanes[lane].BusySince = since
}

func (s *stats) failed(reason string, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addFailureLocked(reason, after)
}

func (s *stats) addFailureLocked(reason string, after time.Duration) {
	if s.s.Failure == nil {
		s.s.Failure = map[string]infer.Duration{}
	}
	d := s.s.Failure[reason]
	d.Add(after)
	s.s.Failure[reason] = d
}

// refused records a request that the queue did not let run.
func (s *stats) refused(err error, after time.Duration) {
	cause := infer.RefusalCause(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.Refused == nil {
		s.s.Refused = map[string]uint64{}
	}
	s.s.Refused[cause]++
	s.addFailureLocked(reasonRejected, after)
}

// ran records a batch that succeeded.
func (s *stats) ran(calls []*call, t infer.Timing) {
	input, compute, output := t.Input.Sub(t.Started), t.Infer.Sub(t.Input), t.Done.Sub(t.Infer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.LastInference = t.Done
	s.s.Rows += uint64(t.Rows)
	s.s.Executions++
	s.s.BatchSize.Observe(batchBounds, float64(t.Rows))
	if s.s.Batches == nil {
		s.s.Batches = map[int]infer.BatchStats{}
	}
	b := s.s.Batches[t.Rows]
	b.Executions++
	b.ComputeInput += input
	b.ComputeInfer += compute
	b.ComputeOut += output
	s.s.Batches[t.Rows] = b
	for _, c := range calls {
		received := c.queued
		if !c.req.Received.IsZero() {
			received = c.req.Received
		}
		s.s.Success.Add(t.Done.Sub(received))
		s.s.Queue.Add(t.Started.Sub(c.queued))
		s.s.ComputeInput.Add(input)
		s.s.ComputeInfer.Add(compute)
		s.s.ComputeOut.Add(output)
		s.s.Latency.Observe(timeBounds, t.Done.Sub(received).Seconds())
		s.s.QueueTime.Observe(timeBounds, t.Started.Sub(c.queued).Seconds())
	}
}

// Stats returns a snapshot that shares nothing with the queue.
func (q *Queue) Stats() infer.Stats {
	q.stats.mu.Lock()
	defer q.stats.mu.Unlock()
	s := q.stats.s
	s.Failure = maps.Clone(s.Failure)
	s.Refused = maps.Clone(s.Refused)
	s.Batches = maps.Clone(s.Batches)
	s.Lanes = append(make([]infer.LaneStats, 0, len(q.lanes)), s.Lanes...)
	for len(s.Lanes) < len(q.lanes) {
		s.Lanes = append(s.Lanes, infer.LaneStats{})
	}
	return s
}
