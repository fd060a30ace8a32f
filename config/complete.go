package config

import (
	"fmt"
	"slices"
	"time"

	"galatea/tensor"
)

// Defaults is what Complete takes where the file is silent. Server.Defaults gives
// the server's; the zero value batches nothing automatically, limits no queue and knows no GPU.
type Defaults struct {
	MaxBatchSize int // of a model that batches automatically; 0: none does
	MaxQueueSize int // 0: without limit
	GPUs         int // how many GPUs the runtime can use; 0: none, or not known
}

// Complete makes a configuration whole: from the file, from the signature that the
// ONNX file has, and from the defaults. It is pure. The error joins everything in
// the file that the graph contradicts, each an *Error with the file's line.
//
// Without a max_batch_size in the file, a model batches when each of its inputs and
// outputs has a first dimension, and that is dynamic.
func Complete(m *Model, graph tensor.Signature, d Defaults) (*Resolved, error) {
	c := completer{model: m, defaults: d, report: &report{source: m.source}}
	r := &Resolved{
		Name:          m.Name,
		ModelFile:     m.DefaultModelFilename,
		VersionPolicy: m.Policy(),
		MetricTags:    m.MetricTags,
		Session:       m.Parameters.session(c.report),
		model:         m,
	}
	if r.ModelFile == "" {
		r.ModelFile = "model.onnx"
	}
	c.tensors(graph)
	c.batch(r)
	r.Signature = c.signature(r)
	c.queue(r)
	r.Instances = []Instances{c.instances()}
	c.session(r)
	r.Notes = c.notes
	if err := c.err(); err != nil {
		return nil, err
	}
	return r, nil
}

// completer is the state of one Complete.
type completer struct {
	*report
	model    *Model
	defaults Defaults
	served   []served
	unserved string // why nothing can be served by rows: no required input, no output; "" if both are there
	notes    []string
}

func (c *completer) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// batch decides about batching.
func (c *completer) batch(r *Resolved) {
	blocker := c.blocker()
	switch size := c.model.MaxBatchSize; {
	case size != nil && *size == 0:
		return
	case size != nil:
		r.MaxBatchSize, r.Insisted = *size, true
		c.demandRows()
		return
	case blocker != "":
		r.batching = "off, since " + blocker
	case c.defaults.MaxBatchSize == 0:
		r.batching = "off, since the server's default_max_batch_size is 0"
	default:
		r.MaxBatchSize = c.defaults.MaxBatchSize
		r.batching = "on, since every input and output starts with a dynamic dimension"
		c.note("%s%s; max_batch_size %d by default", batchingNote, r.batching, r.MaxBatchSize)
		return
	}
	c.note("%s%s", batchingNote, r.batching)
}

// queue completes how requests wait and are put together.
func (c *completer) queue(r *Resolved) {
	r.Queue.MaxSize = c.defaults.MaxQueueSize
	b := c.model.DynamicBatching
	if b == nil || b.DefaultQueuePolicy == nil || b.DefaultQueuePolicy.MaxQueueSize == nil {
		c.note("queue: %s by default", requests(r.Queue.MaxSize))
	}
	if b == nil {
		return
	}
	if p := b.DefaultQueuePolicy; p != nil {
		if p.MaxQueueSize != nil {
			r.Queue.MaxSize = *p.MaxQueueSize
		}
		r.Queue.Timeout, r.Queue.TimeoutOverride = microseconds(p.DefaultTimeoutMicroseconds), p.AllowTimeoutOverride
		if r.Queue.TimeoutOverride && r.Queue.Timeout == 0 {
			c.note("allow_timeout_override has no effect, since default_timeout_microseconds is 0")
		}
	}
	if !r.Batching() {
		for _, field := range b.wantsBatches() {
			c.fail(field, "batching is %s: expected a model that batches, or only default_queue_policy", r.batching)
		}
		return
	}
	if !r.Insisted {
		checkPreferred(c.report, b.PreferredBatchSize, r.MaxBatchSize, "the max_batch_size that the server has by default")
	}
	r.PreferredBatchSizes = slices.Sorted(slices.Values(b.PreferredBatchSize))
	r.MaxQueueDelay = microseconds(b.MaxQueueDelayMicroseconds)
}

func requests(limit int) string {
	if limit == 0 {
		return "without limit"
	}
	return fmt.Sprintf("%d requests", limit)
}

func microseconds(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Microsecond
}

// instances completes the group of instances.
func (c *completer) instances() Instances {
	var g InstanceGroup
	if len(c.model.InstanceGroup) > 0 {
		g = c.model.InstanceGroup[0]
	}
	i := Instances{Name: g.Name, Kind: g.Kind, Count: 1}
	if i.Name == "" {
		i.Name = c.model.Name + "_0"
	}
	if g.Count != nil {
		i.Count = *g.Count
	}
	usable := c.defaults.GPUs > 0 && !slices.ContainsFunc(g.GPUs, func(gpu int) bool { return gpu >= c.defaults.GPUs })
	switch {
	case i.Kind == KindGPU || i.Kind == KindCPU:
	case usable:
		i.Kind = KindGPU
		c.note("instances: on the GPU, since KIND_AUTO takes the GPUs where they can be used")
	default:
		i.Kind = KindCPU
		if g.Kind == KindAuto || len(g.GPUs) > 0 || len(c.model.accelerators()) > 0 {
			c.note("instances: on the CPU, since KIND_AUTO takes the GPUs only where all of them can be used")
		}
	}
	if i.Kind == KindGPU {
		i.GPUs = c.gpus(g.GPUs, usable)
	}
	return i
}

// gpus returns the GPUs listed, or all.
func (c *completer) gpus(listed []int, usable bool) []int {
	if len(listed) > 0 && c.defaults.GPUs > 0 && !usable {
		c.fail("instance_group[0].gpus", "not all of these GPUs are there: expected numbers from 0 to %d", c.defaults.GPUs-1)
	}
	if len(listed) > 0 {
		return listed
	}
	var all []int
	for n := range c.defaults.GPUs {
		all = append(all, n)
	}
	return all
}

// session completes how the runtime's session is made.
func (c *completer) session(r *Resolved) {
	if o := c.model.Optimization; o != nil && o.Graph != nil {
		r.Session.Graph = o.Graph.Level
	}
	if r.Instances[0].Kind == KindGPU {
		r.Session.GPUAccelerators = c.model.accelerators()
	}
	if r.Session.InterOpThreads > 1 && !r.Session.Parallel {
		c.note("inter_op_thread_count has no effect, since execution_mode is 0 (sequential)")
	}
}
