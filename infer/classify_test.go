package infer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"galatea/infer"
	"galatea/tensor"
)

// classesOf asks for the k largest elements of a tensor and returns the strings.
func classesOf(t *testing.T, out tensor.Tensor, k uint64, batching bool, labels ...string) (tensor.Shape, []string, error) {
	t.Helper()
	m := &memory{}
	h := infer.Classes(batching, map[string][]string{"y": labels})(infer.HandlerFunc(func(context.Context, *infer.Request) (*infer.Response, error) {
		resp := &infer.Response{Outputs: []tensor.Tensor{out}}
		resp.Own(m)
		return resp, nil
	}))
	resp, err := h.Infer(t.Context(), &infer.Request{Outputs: []string{"y"}, Classes: []uint64{k}})
	if err != nil {
		if m.released.Load() != 1 {
			t.Error("the answer is not released")
		}
		return nil, nil, err
	}
	var all []string
	for data := resp.Outputs[0].Data; len(data) > 0; {
		var one []byte
		if one, data, err = tensor.NextString(data); err != nil {
			t.Fatal(err)
		}
		all = append(all, string(one))
	}
	return resp.Outputs[0].Shape, all, nil
}

func numbers(d tensor.DType, values ...float64) []byte {
	var data []byte
	for _, v := range values {
		data, _ = tensor.AppendNumber(data, d, v)
	}
	return data
}

func TestClassesAreTheLargestElementsOfEachRow(t *testing.T) {
	two := tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{2, 3}, Data: numbers(tensor.FP32, 1.5, 3.3, 2, 9, 7, 8)}
	for _, tt := range []struct {
		name     string
		out      tensor.Tensor
		k        uint64
		batching bool
		labels   []string
		shape    tensor.Shape
		want     []string
	}{
		{"two of a batch", two, 2, true, nil, tensor.Shape{2, 2}, []string{"3.300000:1", "2.000000:2", "9.000000:0", "8.000000:2"}},
		{"of the whole, without a batch", two, 2, false, nil, tensor.Shape{2}, []string{"9.000000:3", "8.000000:5"}},
		{"labels, as many as there are", two, 1, true, []string{"cat"}, tensor.Shape{2, 1}, []string{"3.300000:1", "9.000000:0:cat"}},
		{"more than there are", two, 1 << 60, true, nil, tensor.Shape{2, 3}, []string{"3.300000:1", "2.000000:2", "1.500000:0", "9.000000:0", "8.000000:2", "7.000000:1"}},
		{"integers", tensor.Tensor{Name: "y", DType: tensor.Int16, Shape: tensor.Shape{2}, Data: numbers(tensor.Int16, -1, 5)}, 1, false, nil, tensor.Shape{1}, []string{"5:1"}},
		{"no row", tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{0, 3}}, 1, true, nil, tensor.Shape{0, 0}, nil},
	} {
		shape, got, err := classesOf(t, tt.out, tt.k, tt.batching, tt.labels...)
		if err != nil || !shape.Equal(tt.shape) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v %v, %v", tt.name, shape, got, err)
		}
	}
}

func TestWhatHasNoOrderHasNoClasses(t *testing.T) {
	for d, text := range map[tensor.DType]string{
		tensor.FP16:  "class result not available for output due to unsupported type 'FP16'",
		tensor.Bytes: "class result not available for output due to unsupported type 'BYTES'",
	} {
		if _, _, err := classesOf(t, tensor.Tensor{Name: "y", DType: d, Shape: tensor.Shape{1}, Data: []byte{0, 0}}, 1, false); !errors.Is(err, infer.ErrInvalid) || err.Error() != text {
			t.Errorf("%v: %v", d, err)
		}
	}
	if _, _, err := classesOf(t, tensor.Tensor{Name: "y", DType: tensor.Int8, Shape: tensor.Shape{1_000_001}, Data: make([]byte, 1_000_001)}, 1, false); !errors.Is(err, infer.ErrInvalid) {
		t.Error(err)
	}
}
