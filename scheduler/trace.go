package scheduler

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"galatea/infer"
)

// traceBatch writes, for the calls whose requests are traced, the time in the queue
// and in the batch; the batch's own span links them all.
func (q *Queue) traceBatch(ctx context.Context, calls []*call, t infer.Timing) {
	var links []trace.Link
	for _, c := range calls {
		span := trace.SpanFromContext(c.ctx) //nolint:contextcheck // the caller's, not the batch's
		if !span.IsRecording() {
			continue
		}
		links = append(links, trace.Link{SpanContext: span.SpanContext()})
		_, queued := q.o.Tracer.Start(c.ctx, "queue", trace.WithTimestamp(c.queued))
		queued.End(trace.WithTimestamp(t.Started))
		_, execute := q.o.Tracer.Start(c.ctx, "execute", trace.WithTimestamp(t.Started),
			trace.WithAttributes(attribute.String("triton.model_name", q.o.ID.Name), attribute.Int64("triton.model_version", q.o.ID.Version), attribute.Int("galatea.batch.rows", t.Rows)))
		execute.AddEvent("COMPUTE_INPUT_END", trace.WithTimestamp(t.Input))
		execute.AddEvent("COMPUTE_OUTPUT_START", trace.WithTimestamp(t.Infer))
		execute.End(trace.WithTimestamp(t.Done))
	}
	if len(links) == 0 {
		return
	}
	_, span := q.o.Tracer.Start(ctx, "batch", trace.WithNewRoot(), trace.WithLinks(links...), trace.WithTimestamp(t.Started),
		trace.WithAttributes(attribute.String("triton.model_name", q.o.ID.Name), attribute.Int64("triton.model_version", q.o.ID.Version),
			attribute.Int("galatea.batch.rows", t.Rows), attribute.Int("galatea.batch.requests", len(calls))))
	span.End(trace.WithTimestamp(t.Done))
}

// traceFailed writes the failed run of a traced call.
func (q *Queue) traceFailed(c *call, t infer.Timing, err error) {
	if !trace.SpanFromContext(c.ctx).IsRecording() {
		return
	}
	_, span := q.o.Tracer.Start(c.ctx, "execute", trace.WithTimestamp(t.Started))
	span.SetStatus(codes.Error, err.Error())
	span.End()
}
