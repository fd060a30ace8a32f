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
// bytes are used where they are, and as long as they are.
func (l *lane) gather(calls []*call, rows int) (*backend.Batch, error) {
	first := calls[0]
	l.inputs = append(l.inputs[:0], first.inputs...)
	l.bucket = 0
	if len(calls) > 1 {
		l.bucket = first.bucket
		for i := range l.inputs {
			t := &l.inputs[i]
			if l.bucket > 0 {
				t.Shape = l.queue.pad.shape(l.queue.o.Signature, t, l.bucket)
			}
			t.Shape = slices.Clone(t.Shape)
			t.Shape[0] = int64(rows)
		}
	}
	b, err := l.instance.Batch(l.inputs)
	if err != nil {
		return nil, err
	}
	for i := range b.Inputs {
		if len(calls) == 1 {
			b.Inputs[i].Data = first.inputs[i].Data
			continue
		}
		if err := l.gatherInput(calls, &b.Inputs[i], i); err != nil {
			return nil, err
		}
	}
	for _, c := range calls {
		l.want(b, c.req.Outputs)
	}
	return b, nil
}

// gatherInput appends the calls' rows of their input i.
func (l *lane) gatherInput(calls []*call, to *tensor.Tensor, i int) (err error) {
	place := 0
	if l.bucket > 0 {
		place = l.queue.o.Signature.Input(to.Name)
	}
	for _, c := range calls {
		t := &c.inputs[i]
		if l.bucket > 0 && c.length != l.bucket && l.queue.pad.axes[place] > 0 {
			if to.Data, err = l.queue.pad.appendPadded(to.Data, t, to.Shape, place); err != nil {
				return err
			}
			continue
		}
		to.Data = append(to.Data, t.Data...)
	}
	return nil
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

// answers is the memory of a batch's responses, got at once and left to the garbage
// collector: a response may live as long as its caller likes.
type answers struct {
	responses []infer.Response
	outputs   []tensor.Tensor // room for those of all responses
	shapes    []tensor.Shape  // of a response's outputs; calls of as many rows share them
	rows      int             // that shapes are for
}

func newAnswers(calls int, b *backend.Batch) answers {
	wanted := 0
	for _, w := range b.Want {
		if w {
			wanted++
		}
	}
	return answers{
		responses: make([]infer.Response, calls),
		outputs:   make([]tensor.Tensor, 0, calls*wanted),
		shapes:    make([]tensor.Shape, len(b.Outputs)),
	}
}

// shape is that of a call's rows of output i.
func (a *answers) shape(i int, out tensor.Shape, rows int) tensor.Shape {
	if a.rows != rows {
		clear(a.shapes)
		a.rows = rows
	}
	if a.shapes[i] == nil {
		a.shapes[i] = slices.Clone(out)
		a.shapes[i][0] = int64(rows)
	}
	return a.shapes[i]
}

// piece is a call's part of an output.
type piece struct {
	whole tensor.Shape // before it is cut back; nil: it is not
	size  int          // bytes in the answer
}

// scatter copies the call's rows of the outputs that it asked for into response n, cut
// back to the call's own length. It must be called for the batch's calls in order.
func (l *lane) scatter(c *call, b *backend.Batch, a *answers, n int) error {
	resp := &a.responses[n]
	resp.Model = l.queue.o.ID
	total, from := 0, len(a.outputs)
	l.pieces = l.pieces[:0]
	for i, out := range b.Outputs {
		if !b.Want[i] {
			continue
		}
		p, err := l.take(c, &out, i, a)
		if err != nil {
			return fmt.Errorf("output %q: %w", out.Name, err)
		}
		if asked(c.req.Outputs, out.Name) {
			a.outputs, l.pieces = append(a.outputs, out), append(l.pieces, p)
			total += p.size
		}
	}
	resp.Outputs = a.outputs[from:len(a.outputs):len(a.outputs)]
	memory := mem.Get(total)
	at := 0
	for i, p := range l.pieces {
		t := &resp.Outputs[i]
		to := memory.B[at : at+p.size : at+p.size]
		if p.whole != nil {
			tensor.CopyBox(to, t.Shape, t.Data, p.whole, t.DType.Size())
		} else {
			copy(to, t.Data)
		}
		t.Data = to
		at += p.size
	}
	inOrder(resp.Outputs, c.req.Outputs)
	resp.Own(memory)
	return nil
}

// take makes of the batch's output i the call's: its rows, not cut back yet, and the
// shape that they will have.
func (l *lane) take(c *call, out *tensor.Tensor, i int, a *answers) (p piece, err error) {
	if l.queue.o.MaxBatchSize == 0 {
		return piece{size: len(out.Data)}, nil
	}
	if out.Data, err = l.rows[i].Next(int64(c.rows)); err != nil {
		return p, err
	}
	p.size = len(out.Data)
	out.Shape = a.shape(i, out.Shape, c.rows)
	if l.bucket == 0 {
		return p, nil
	}
	if out.Shape, p.whole = l.queue.pad.cut(out.Shape, i, c.length, l.bucket); p.whole != nil {
		left, err := out.Shape.Bytes(out.DType)
		p.size = int(left)
		return p, err
	}
	return p, nil
}

func asked(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// inOrder sorts the outputs into the order in which the request named them.
func inOrder(parts []tensor.Tensor, names []string) {
	if len(names) > 1 {
		slices.SortFunc(parts, func(a, b tensor.Tensor) int {
			return slices.Index(names, a.Name) - slices.Index(names, b.Name)
		})
	}
}
