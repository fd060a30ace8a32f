package app

import (
	"context"
	"fmt"
	"math"

	"galatea/backend"
	"galatea/tensor"
)

// A leading dynamic dimension need not be a batch: it may be a sequence, or the
// graph may look at all rows together. Before rows of different callers share a
// run, two rows are run together and apart, and the results compared.

// innerSizes are tried for dynamic dimensions past the first, until the model
// runs: an image network needs more than one pixel, a table lookup takes any.
var innerSizes = []int64{8, 1, 32, 224, 2, 3, 64}

// rowsDepend returns why the rows of a batch cannot be taken apart, or "" when
// they can. The error is ctx's.
func rowsDepend(ctx context.Context, in backend.Instance, s tensor.Signature) (reason string, err error) {
	var failure error
	for _, size := range innerSizes {
		rows := [2][]tensor.Tensor{sample(s, size, 0), sample(s, size, 1)}
		first, err := runOnce(ctx, in, rows[0], s)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err != nil {
			failure = err
			if !hasInner(s) {
				break
			}
			continue
		}
		return compareRows(ctx, in, s, rows, first)
	}
	return fmt.Sprintf("a trial run of one row failed, so whether rows are independent could not be checked: %v", failure), nil
}

func compareRows(ctx context.Context, in backend.Instance, s tensor.Signature, rows [2][]tensor.Tensor, first []tensor.Tensor) (string, error) {
	second, err := runOnce(ctx, in, rows[1], s)
	if err == nil {
		var both []tensor.Tensor
		if both, err = runOnce(ctx, in, join(rows), s); err == nil {
			var reason string
			if reason, err = differ(ctx, in, s, rows, [2][]tensor.Tensor{first, second}, both); err == nil {
				return reason, nil
			}
		}
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return fmt.Sprintf("a trial run of two rows failed: %v", err), nil
}

func hasInner(s tensor.Signature) bool {
	for _, in := range s.Inputs {
		if !in.Shape[1:].Static() {
			return true
		}
	}
	return false
}

// sample makes one row of small values, other ones for each row.
func sample(s tensor.Signature, inner int64, row int) []tensor.Tensor {
	var all []tensor.Tensor
	for _, spec := range s.Inputs {
		if spec.Optional {
			continue
		}
		t := tensor.Tensor{Name: spec.Name, DType: spec.DType, Shape: make(tensor.Shape, len(spec.Shape))}
		t.Shape[0] = 1
		for i, d := range spec.Shape[1:] {
			t.Shape[i+1] = d
			if d < 0 {
				t.Shape[i+1] = inner
			}
		}
		n, _ := t.Shape.Elements() // of a declared shape
		for i := range n {
			t.Data = appendSample(t.Data, spec.DType, int(i), row)
		}
		all = append(all, t)
	}
	return all
}

// appendSample appends one element. Floats of the second row are ten times those of
// the first, so that a scale that is taken over both shows; integers, which may be
// indices into small tables, are 0 or 1.
func appendSample(dst []byte, d tensor.DType, i, row int) []byte {
	f := (0.1 + 0.05*float64(i%7)) * math.Pow(10, float64(row))
	bit := uint64(i+row) % 2
	switch d {
	case tensor.Bytes:
		return tensor.AppendString(dst, []string{"a b", "c"}[bit])
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		dst, _ = tensor.AppendNumber(dst, d, f) // it fits all of them
	default:
		dst, _ = tensor.AppendNumber(dst, d, float64(bit)) // so here
	}
	return dst
}

func join(rows [2][]tensor.Tensor) []tensor.Tensor {
	both := make([]tensor.Tensor, len(rows[0]))
	for i, t := range rows[0] {
		t.Shape = append(tensor.Shape{2}, t.Shape[1:]...)
		t.Data = append(append([]byte{}, t.Data...), rows[1][i].Data...)
		both[i] = t
	}
	return both
}

// runOnce runs the inputs and returns copies of all outputs.
func runOnce(ctx context.Context, in backend.Instance, inputs []tensor.Tensor, s tensor.Signature) ([]tensor.Tensor, error) {
	b, err := in.Batch(inputs)
	if err != nil {
		return nil, err
	}
	for i := range b.Inputs {
		b.Inputs[i].Data = append(b.Inputs[i].Data, inputs[i].Data...)
	}
	for i := range s.Outputs {
		b.Want[i] = true
	}
	if err := in.Run(ctx, b); err != nil {
		return nil, err
	}
	outputs := make([]tensor.Tensor, len(b.Outputs))
	for i, t := range b.Outputs {
		t.Data = append([]byte{}, t.Data...)
		outputs[i] = t
	}
	return outputs, nil
}

// differ says how two rows run together are not the rows run apart; "" when they are.
//
// A row run alone may have been rounded otherwise: on a GPU whose matrix units keep 10 bits
// of a float, kernels for one row and for two differ by more than what a row may lend to
// another. So when the results differ a little, each row is run in two places of a batch
// beside itself. What differs between batches of one size is not the kernel's.
func differ(ctx context.Context, in backend.Instance, s tensor.Signature, rows, apart [2][]tensor.Tensor, both []tensor.Tensor) (string, error) {
	for _, out := range both {
		if len(out.Shape) == 0 || out.Shape[0] != 2 {
			return fmt.Sprintf("output %q has shape %v for two rows: it has no row for each", out.Name, out.Shape), nil
		}
	}
	name, err := firstApart(apart, both, tensor.DefaultTolerance)
	if err != nil || name == "" {
		return "", err
	}
	depends := fmt.Sprintf("output %q of a row depends on the other rows of its batch", name)
	if name, err = firstApart(apart, both, coarse); err != nil || name != "" {
		return depends, err
	}
	var beside [2][]tensor.Tensor // the row's place in a batch of two that are both it
	for r := range rows {
		twice, err := runOnce(ctx, in, join([2][]tensor.Tensor{rows[r], rows[r]}), s)
		if err != nil {
			return "", err
		}
		for _, out := range twice {
			row, err := rowOf(out, r)
			if err != nil {
				return depends, nil //nolint:nilerr // it has no row for each
			}
			beside[r] = append(beside[r], row)
		}
	}
	if name, err = firstApart(beside, both, tensor.DefaultTolerance); err != nil || name == "" {
		return "", err
	}
	return depends, nil
}

// coarse is what another kernel changes at most in floats.
func coarse(d tensor.DType) tensor.Tolerance {
	switch d {
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		return tensor.Tolerance{Absolute: 2e-2, Relative: 5e-2}
	default:
		return tensor.Tolerance{}
	}
}

// firstApart returns the name of the first output whose rows are not those of single runs,
// and "" when all are.
func firstApart(apart [2][]tensor.Tensor, both []tensor.Tensor, tolerance func(tensor.DType) tensor.Tolerance) (string, error) {
	for i, out := range both {
		for r := range apart {
			row, err := rowOf(out, r)
			if err != nil {
				return "", err
			}
			found, err := tensor.Compare(row, apart[r][i], tolerance(out.DType))
			if err != nil || found.Beyond > 0 { // an error: of another shape
				return out.Name, nil //nolint:nilerr // so it is
			}
		}
	}
	return "", nil
}

// rowOf cuts a row out of a batch of two.
func rowOf(out tensor.Tensor, r int) (tensor.Tensor, error) {
	rows, err := tensor.Scatter(out)
	if err != nil {
		return tensor.Tensor{}, err
	}
	var data []byte
	for range r + 1 {
		if data, err = rows.Next(1); err != nil {
			return tensor.Tensor{}, err
		}
	}
	return tensor.Tensor{Name: out.Name, DType: out.DType, Shape: append(tensor.Shape{1}, out.Shape[1:]...), Data: data}, nil
}
