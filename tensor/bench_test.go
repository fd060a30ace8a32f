package tensor_test

import (
	"testing"

	"galatea/tensor"
)

// BenchmarkScatter cuts a batch of 64 rows into its rows.
func BenchmarkScatter(b *testing.B) {
	const rows = 64
	var strings []byte
	for range rows * 4 {
		strings = tensor.AppendString(strings, "a word of text")
	}
	for _, bench := range []struct {
		name string
		t    tensor.Tensor
	}{
		{"FP32x10", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{rows, 10}, Data: make([]byte, rows*10*4)}},
		{"FP32x3x224x224", tensor.Tensor{DType: tensor.FP32, Shape: tensor.Shape{rows, 3, 224, 224}, Data: make([]byte, rows*3*224*224*4)}},
		{"BYTESx4", tensor.Tensor{DType: tensor.Bytes, Shape: tensor.Shape{rows, 4}, Data: strings}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := tensor.Scatter(bench.t)
				if err != nil {
					b.Fatal(err)
				}
				for range rows {
					if _, err := s.Next(1); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
