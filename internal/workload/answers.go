package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"galatea/backend"
	"galatea/tensor"
)

// Answers are the right answers to the rows of a load, each run by itself.
func (m Model) Answers(ctx context.Context, loaded backend.Model) (answers [][]float32, err error) {
	instance, err := loaded.NewInstance(ctx, backend.Device{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	for _, row := range m.rows() {
		x := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{1}, m.Row...), Data: row}
		y, err := Run(ctx, instance, x)
		if err != nil {
			return nil, err
		}
		answer, err := Floats(y, m.Answer)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// Run runs x and returns the bytes of y, which are valid until the next run.
func Run(ctx context.Context, in backend.Instance, x tensor.Tensor) ([]byte, error) {
	b, err := in.Batch([]tensor.Tensor{x})
	if err != nil {
		return nil, err
	}
	b.Inputs[0].Data = x.Data
	b.Want[0] = true
	if err := in.Run(ctx, b); err != nil {
		return nil, err
	}
	return b.Outputs[0].Data, nil
}

// Floats reads the last n FP32 of an answer.
func Floats(answer []byte, n int) ([]float32, error) {
	if len(answer) < 4*n {
		return nil, fmt.Errorf("an answer of %d bytes: expected %d numbers", len(answer), n)
	}
	answer = answer[len(answer)-4*n:]
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(answer[4*i:]))
	}
	return values, nil
}

// Near reports whether two rows differ by no more than the tolerance in any element:
// another kernel, for another number of rows, rounds otherwise. NaN is near nothing.
func Near(a, b []float32, tolerance float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if d := math.Abs(float64(a[i]) - float64(b[i])); !(d <= tolerance) {
			return false
		}
	}
	return true
}
