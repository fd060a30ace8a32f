package config

import (
	"slices"
	"strings"
	"time"

	"galatea/tensor"
)

// Resolved is a model's configuration with nothing left open: what the file says,
// completed from the graph and the server's defaults. Complete makes one. It is
// immutable: nobody changes it, or what its slices and maps hold.
type Resolved struct {
	Name      string
	ModelFile string // in the version folder

	// Signature has the inputs and outputs that are served, in the graph's order,
	// with full shapes: the batch dimension, where there is one, is the first and
	// Dynamic. The Shape of an output is nil where neither the graph nor the file gives
	// it; such a model does not batch.
	Signature tensor.Signature

	MaxBatchSize        int           // rows; 0: nothing is batched, and shapes are what one request has
	Insisted            bool          // the file itself demands batching, so that no check may turn it off
	PreferredBatchSizes []int         // ascending; empty: MaxBatchSize alone
	MaxQueueDelay       time.Duration // how long the oldest request may be held back for more
	Queue               Queue
	RequestTimeout      time.Duration // from arrival to answer; 0: without limit
	Padding             *Padding      // nil: only requests of the same shapes share a batch

	Instances     []Instances // never empty
	Session       Session
	VersionPolicy Policy
	MetricTags    map[string]string // without the underscore in front

	// Notes says, for people, what was decided automatically and what of the file has no effect.
	Notes []string

	model    *Model                  // what the file says
	callers  map[string]tensor.Shape // of "input NAME" or "output NAME", where callers have another shape than the model
	batching string                  // why batching is on or off, unless the file says so
}

// Queue says how requests wait.
type Queue struct {
	Levels           []Level       // of priority, the highest first; never empty
	DefaultLevel     int           // the number, from 1 up, of the level of requests that name none
	Ageing           time.Duration // after which a request counts as one of the next higher level; 0: never
	PreserveOrdering bool          // answers go out in the order in which the requests came
	AimP99           time.Duration // batches are chosen for this 99th percentile; 0: they are as configured
}

// Level is how requests of a priority level wait.
type Level struct {
	MaxSize         int           // requests; 0: without limit
	Timeout         time.Duration // 0: without limit
	TimeoutOverride bool          // a request's own timeout counts where it is shorter
	Delay           bool          // what has waited too long goes behind the others instead of being refused
}

// Instances is a group of instances.
type Instances struct {
	Name  string
	Kind  Kind  // KindCPU or KindGPU
	Count int   // on each GPU, or on the CPU
	GPUs  []int // for KindGPU; empty: all, where the number was not known

	HostPolicy string // "": none
	CPUs       []int  // that its threads run on, ascending; nil: all

	Resources []Resource // that an execution needs; counts of 1 and more
	Priority  int        // among those that wait for resources, 1 and more; 0: it needs none
}

// Lanes returns how many instances the group has in all.
func (i Instances) Lanes() int { return i.Count * max(1, len(i.GPUs)) }

// Policy says which versions are served: the Latest newest ones, or All, or the Specific ones.
type Policy struct {
	Latest   int
	All      bool
	Specific []int64 // ascending
}

// Policy returns the file's version policy, or the newest version only where it has none.
func (m *Model) Policy() Policy {
	p := m.VersionPolicy
	switch {
	case p != nil && p.All != nil:
		return Policy{All: true}
	case p != nil && p.Specific != nil:
		return Policy{Specific: slices.Sorted(slices.Values(p.Specific.Versions))}
	case p != nil && p.Latest != nil && p.Latest.NumVersions != nil:
		return Policy{Latest: *p.Latest.NumVersions}
	}
	return Policy{Latest: 1}
}

// Select returns those of the versions that the policy serves, ascending. It changes nothing.
func (p Policy) Select(versions []int64) []int64 {
	sorted := slices.Compact(slices.Sorted(slices.Values(versions)))
	switch {
	case p.All:
		return sorted
	case p.Specific != nil:
		return slices.DeleteFunc(sorted, func(v int64) bool { return !slices.Contains(p.Specific, v) })
	}
	return sorted[max(0, len(sorted)-p.Latest):]
}

// Batching reports whether requests are put together into batches; every input and output then has rows.
func (r *Resolved) Batching() bool { return r.MaxBatchSize > 0 }

// Lanes returns how many instances the model has in all.
func (r *Resolved) Lanes() int {
	n := 0
	for _, group := range r.Instances {
		n += group.Lanes()
	}
	return n
}

// Threads returns the intra-op threads of a session that the given number of
// instances share, on a machine with procs processors for this process. Where the
// file does not say: each running instance brings the thread that calls the runtime,
// and the session's pool has one thread less than its count, so the total is procs
// when all instances run at once.
func (r *Resolved) Threads(instances, procs int) int {
	if r.Session.IntraOpThreads > 0 {
		return r.Session.IntraOpThreads
	}
	return max(1, procs-instances+1)
}

// file returns what the file says; a Resolved that Complete did not make has none.
func (r *Resolved) file() *Model {
	if r.model == nil {
		return &Model{}
	}
	return r.model
}

const batchingNote = "batching: "

// WithoutBatching returns a copy whose batching is off for the reason, which reads
// on from "off, since". It is for rows that turned out to influence each other; it
// is the caller who minds Insisted.
func (r *Resolved) WithoutBatching(reason string) *Resolved {
	off := *r
	off.MaxBatchSize, off.Insisted, off.PreferredBatchSizes, off.MaxQueueDelay = 0, false, nil, 0
	off.Queue.AimP99, off.Padding = 0, nil
	off.batching = "off, since " + reason
	off.Notes = []string{batchingNote + off.batching}
	for _, note := range r.Notes {
		if !strings.HasPrefix(note, batchingNote) {
			off.Notes = append(off.Notes, note)
		}
	}
	for _, field := range r.file().wantsBatches() {
		off.Notes = append(off.Notes, field+" has no effect, since nothing is batched")
	}
	return &off
}
