package config

import (
	"fmt"
	"slices"

	"galatea/tensor"
)

// Defaults is what Complete takes where the file is silent. Server.Defaults gives
// the server's; the zero value batches nothing automatically, limits no queue and knows no GPU.
type Defaults struct {
	MaxBatchSize int // of a model that batches automatically; 0: none does
	MaxQueueSize int // 0: without limit
	GPUs         int // how many GPUs the runtime can use; 0: none, or not known
	HostPolicies map[string]HostPolicy
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
	c.padding(r)
	r.Instances = c.instances()
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

// session completes how the runtime's session is made.
func (c *completer) session(r *Resolved) {
	if o := c.model.Optimization; o != nil && o.Graph != nil {
		r.Session.Graph = o.Graph.Level
	}
	if slices.ContainsFunc(r.Instances, func(i Instances) bool { return i.Kind == KindGPU }) {
		r.Session.GPUAccelerators = c.model.accelerators()
	}
	if r.Session.InterOpThreads > 1 && !r.Session.Parallel {
		c.note("inter_op_thread_count has no effect, since execution_mode is 0 (sequential)")
	}
}
