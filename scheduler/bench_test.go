package scheduler

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"galatea/backend"
	"galatea/infer"
	"galatea/tensor"
)

// idle is an instance that computes nothing, so that what is left is ours: it
// gathers into memory that it keeps, and its outputs are zeros.
type idle struct {
	batch backend.Batch
	in    []byte
	out   []byte
}

var (
	benchRow       = tensor.Shape{784}
	benchSignature = tensor.Signature{
		Inputs:  []tensor.Spec{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{-1, benchRow[0]}}},
		Outputs: []tensor.Spec{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{-1, 10}}},
	}
)

const benchRows = 64

func newIdle() *idle {
	return &idle{
		batch: backend.Batch{Inputs: make([]tensor.Tensor, 1), Outputs: make([]tensor.Tensor, 1), Want: make([]bool, 1)},
		in:    make([]byte, benchRows*benchRow[0]*4), out: make([]byte, benchRows*10*4),
	}
}

func (i *idle) Batch(inputs []tensor.Tensor) (*backend.Batch, error) {
	clear(i.batch.Want)
	i.batch.Inputs = append(i.batch.Inputs[:0], inputs...)
	i.batch.Inputs[0].Data = i.in[:0]
	return &i.batch, nil
}

func (i *idle) Run(_ context.Context, b *backend.Batch) error {
	rows := b.Inputs[0].Shape[0]
	shape := b.Outputs[0].Shape
	if len(shape) == 0 || shape[0] != rows {
		shape = tensor.Shape{rows, 10}
	}
	b.Outputs[0] = tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: shape, Data: i.out[:rows*40]}
	return nil
}

func (i *idle) Close() error { return nil }

func benchRequest() *infer.Request {
	return &infer.Request{Rows: 1, Inputs: []tensor.Tensor{
		{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{1, benchRow[0]}, Data: make([]byte, 4*benchRow[0])},
	}}
}

// BenchmarkQueue is a request's whole way through the queue and back, in ns of wall
// time for each request of all callers.
func BenchmarkQueue(b *testing.B) {
	for _, callers := range []int{1, 8, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			lanes := func(context.Context, int) (backend.Instance, error) { return newIdle(), nil }
			q, err := Start(b.Context(), lanes, Options{Signature: benchSignature, MaxBatchSize: benchRows})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					req := benchRequest()
					for n := i; n < b.N; n += callers {
						resp, err := q.Infer(b.Context(), req)
						if err != nil {
							b.Error(err)
							return
						}
						resp.Release()
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			s := q.Stats()
			b.ReportMetric(float64(s.Rows)/float64(s.Executions), "rows/batch")
			if err := q.Close(b.Context()); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkGather copies 64 requests of one row, 3 KB each, into a batch, and the
// answers out of it.
func BenchmarkGather(b *testing.B) {
	q := &Queue{o: Options{Signature: benchSignature, MaxBatchSize: benchRows}}
	l := newLane(q, 0, newIdle(), nil)
	calls := make([]*call, benchRows)
	for i := range calls {
		calls[i] = &call{req: benchRequest(), rows: 1}
		calls[i].inputs = calls[i].req.Inputs
	}
	b.Run("gather", func(b *testing.B) {
		b.SetBytes(benchRows * benchRow[0] * 4)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := l.gather(calls, benchRows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gather, run nothing, scatter", func(b *testing.B) {
		b.SetBytes(benchRows * benchRow[0] * 4)
		b.ReportAllocs()
		for b.Loop() {
			var t infer.Timing
			answers, err := l.answers(b.Context(), calls, &t)
			if err != nil {
				b.Fatal(err)
			}
			for _, a := range answers {
				a.Release()
			}
		}
	})
}

// BenchmarkPending is the loop's share: 64 calls come and leave as one batch.
func BenchmarkPending(b *testing.B) {
	p := newPending(policy{maxRows: benchRows})
	now := time.Now()
	calls := make([]call, benchRows)
	for i := range calls {
		calls[i].rows, calls[i].queued = 1, now
	}
	var batch []*call
	b.ReportAllocs()
	for b.Loop() {
		for i := range calls {
			if _, err := p.push(&calls[i]); err != nil {
				b.Fatal(err)
			}
		}
		if batch = p.next(now, batch[:0]); len(batch) != benchRows {
			b.Fatal(len(batch))
		}
		p.settle(0, batch[0].account, len(batch), 0)
	}
}
