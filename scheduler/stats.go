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

// Duration is a count of events and the time that they took together.
type Duration struct {
	Count uint64
	Total time.Duration
}

func (d *Duration) add(t time.Duration) { d.Count++; d.Total += t }

// BatchStats is what batches of one size cost.
type BatchStats struct {
	Executions                             uint64
	ComputeInput, ComputeInfer, ComputeOut time.Duration
}

// LaneStats says what an instance does.
type LaneStats struct {
	BusySince time.Time // zero: idle
}

// Stats is a snapshot of a queue's counters since Start.
type Stats struct {
	Pending       int // waiting requests
	LastInference time.Time
	Rows          uint64 // rows executed
	Executions    uint64 // runs of the model

	Success      Duration            // from arrival to answer
	Failure      map[string]Duration // by reason: REJECTED, CANCELED, BACKEND
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

// stats is updated once a batch, under one lock.
type stats struct {
	mu sync.Mutex
	s  Stats
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
		s.s.Lanes = append(s.s.Lanes, LaneStats{})
	}
	s.s.Lanes[lane].BusySince = since
}

func (s *stats) failed(reason string, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.Failure == nil {
		s.s.Failure = map[string]Duration{}
	}
	d := s.s.Failure[reason]
	d.add(after)
	s.s.Failure[reason] = d
}

// ran records a batch that succeeded.
func (s *stats) ran(calls []*call, t infer.Timing) {
	input, compute, output := t.Input.Sub(t.Started), t.Infer.Sub(t.Input), t.Done.Sub(t.Infer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.LastInference = t.Done
	s.s.Rows += uint64(t.Rows)
	s.s.Executions++
	s.s.BatchSize.observe(batchBounds, float64(t.Rows))
	if s.s.Batches == nil {
		s.s.Batches = map[int]BatchStats{}
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
		s.s.Success.add(t.Done.Sub(received))
		s.s.Queue.add(t.Started.Sub(c.queued))
		s.s.ComputeInput.add(input)
		s.s.ComputeInfer.add(compute)
		s.s.ComputeOut.add(output)
		s.s.Latency.observe(timeBounds, t.Done.Sub(received).Seconds())
		s.s.QueueTime.observe(timeBounds, t.Started.Sub(c.queued).Seconds())
	}
}

// Stats returns a snapshot that shares nothing with the queue.
func (q *Queue) Stats() Stats {
	q.stats.mu.Lock()
	defer q.stats.mu.Unlock()
	s := q.stats.s
	s.Failure = maps.Clone(s.Failure)
	s.Batches = maps.Clone(s.Batches)
	s.Lanes = append(make([]LaneStats, 0, len(q.lanes)), s.Lanes...)
	for len(s.Lanes) < len(q.lanes) {
		s.Lanes = append(s.Lanes, LaneStats{})
	}
	return s
}
