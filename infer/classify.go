package infer

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"galatea/tensor"
)

// Classes returns a middleware that answers the largest elements of an output in place of
// its tensor, where a request asks for them in its Classes. labels are those of the
// elements, by the outputs' names. batching says that the first dimension is the batch.
func Classes(batching bool, labels map[string][]string) Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, req *Request) (*Response, error) {
			resp, err := next.Infer(ctx, req)
			if err != nil || len(req.Classes) == 0 {
				return resp, err
			}
			for i, k := range req.Classes {
				if k == 0 {
					continue
				}
				t := &resp.Outputs[i]
				if *t, err = classify(*t, k, batching, labels[t.Name]); err != nil {
					resp.Release()
					return nil, err
				}
			}
			return resp, nil
		})
	}
}

// maxClassified is the most elements of an output whose classes are given; Triton's limit.
const maxClassified = 1_000_000

// unclassified says why an output has no classes.
func unclassified(format string, args ...any) error {
	return &InvalidError{Text: fmt.Sprintf(format, args...), Plain: true}
}

// classify returns the k largest elements of each row of t, as BYTES elements of the form
// VALUE:INDEX or VALUE:INDEX:LABEL, the largest first and the first among equals first. The
// shape is [k], led by the number of rows where the model batches; k is cut to what a row
// has. It is the classification extension of the KServe v2 protocol.
func classify(t tensor.Tensor, k uint64, batching bool, labels []string) (tensor.Tensor, error) {
	switch t.DType {
	case tensor.Bool, tensor.Bytes, tensor.FP16, tensor.BF16, tensor.Invalid:
		return t, unclassified("class result not available for output due to unsupported type '%v'", t.DType)
	default:
	}
	n, err := t.Shape.Elements()
	if err != nil || n > maxClassified {
		return t, unclassified("class result not available for output '%s': its %d elements exceed the maximum of %d", t.Name, n, maxClassified)
	}
	rows, shape := int64(1), tensor.Shape{}
	if batching && len(t.Shape) > 0 {
		rows = t.Shape[0]
		shape = append(shape, rows)
	}
	size := t.DType.Size()
	width := 0
	if rows > 0 {
		width = int(n/rows) * size
	}
	k = min(k, uint64(width/size), math.MaxInt32)
	out := tensor.Tensor{Name: t.Name, DType: tensor.Bytes, Shape: append(shape, int64(k))}
	var class []byte
	for row := range int(rows) {
		values := t.Data[row*width:][:width]
		for _, i := range tensor.Top(t.DType, values, int(k)) {
			class = tensor.AppendFixed(class[:0], t.DType, values[i*size:])
			class = strconv.AppendInt(append(class, ':'), int64(i), 10)
			if i < len(labels) {
				class = append(append(class, ':'), labels[i]...)
			}
			out.Data = tensor.AppendString(out.Data, class)
		}
	}
	return out, nil
}
