package scheduler

import (
	"fmt"
	"slices"

	"galatea/backend"
	"galatea/infer"
	"galatea/internal/mem"
	"galatea/tensor"
)

// gather puts the rows of the calls into a batch of the instance's. A sole call's
// bytes are used where they are.
func (l *lane) gather(calls []*call, rows int) (*backend.Batch, error) {
	first := calls[0].req
	l.inputs = append(l.inputs[:0], first.Inputs...)
	if len(calls) > 1 {
		for i := range l.inputs {
			l.inputs[i].Shape = slices.Clone(first.Inputs[i].Shape)
			l.inputs[i].Shape[0] = int64(rows)
		}
	}
	b, err := l.instance.Batch(l.inputs)
	if err != nil {
		return nil, err
	}
	for i := range b.Inputs {
		if len(calls) == 1 {
			b.Inputs[i].Data = first.Inputs[i].Data
			continue
		}
		for _, c := range calls {
			b.Inputs[i].Data = append(b.Inputs[i].Data, c.req.Inputs[i].Data...)
		}
	}
	for _, c := range calls {
		l.want(b, c.req.Outputs)
	}
	return b, nil
}

// want marks the outputs that a request asks for; none named means all.
func (l *lane) want(b *backend.Batch, names []string) {
	for i := range b.Want {
		b.Want[i] = b.Want[i] || len(names) == 0
	}
	for _, name := range names {
		if at := l.queue.o.Signature.Output(name); at >= 0 {
			b.Want[at] = true
		}
	}
}

// startScatter checks the batch's outputs. Outputs of a batch must have a row for
// each row that went in; anything else would give callers the rows of others.
func (l *lane) startScatter(b *backend.Batch, rows int) error {
	l.rows = append(l.rows[:0], make([]tensor.Scatterer, max(0, len(b.Outputs)-len(l.rows)))...)[:0]
	for i, out := range b.Outputs {
		l.rows = append(l.rows, tensor.Scatterer{})
		if !b.Want[i] || l.queue.o.MaxBatchSize == 0 {
			continue
		}
		if len(out.Shape) == 0 || out.Shape[0] != int64(rows) {
			return fmt.Errorf("output %q has shape %v for a batch of %d rows: expected a first dimension of %d: the model mixes or drops rows, set max_batch_size: 0 for it",
				out.Name, out.Shape, rows, rows)
		}
		var err error
		if l.rows[i], err = tensor.Scatter(out); err != nil {
			return err
		}
	}
	return nil
}

// scatter copies the call's rows of the outputs that it asked for into a response.
// It must be called for the batch's calls in order.
func (l *lane) scatter(c *call, b *backend.Batch) (*infer.Response, error) {
	resp := &infer.Response{Model: l.queue.o.ID}
	total := 0
	parts := make([]tensor.Tensor, 0, len(b.Outputs))
	for i, out := range b.Outputs {
		if !b.Want[i] {
			continue
		}
		if l.queue.o.MaxBatchSize > 0 {
			data, err := l.rows[i].Next(int64(c.rows))
			if err != nil {
				return nil, fmt.Errorf("output %q: %w", out.Name, err)
			}
			out.Data = data
			if int(out.Shape[0]) != c.rows {
				out.Shape = slices.Clone(out.Shape)
				out.Shape[0] = int64(c.rows)
			}
		}
		if asked(c.req.Outputs, out.Name) {
			parts = append(parts, out)
			total += len(out.Data)
		}
	}
	memory := mem.Get(total)
	at := 0
	for i := range parts {
		n := copy(memory.B[at:], parts[i].Data)
		parts[i].Data = memory.B[at : at+n : at+n]
		at += n
	}
	resp.Outputs = inOrder(parts, c.req.Outputs)
	resp.Own(memory)
	return resp, nil
}

func asked(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// inOrder sorts the outputs into the order in which the request named them.
func inOrder(parts []tensor.Tensor, names []string) []tensor.Tensor {
	if len(names) < 2 {
		return parts
	}
	slices.SortFunc(parts, func(a, b tensor.Tensor) int {
		return slices.Index(names, a.Name) - slices.Index(names, b.Name)
	})
	return parts
}
