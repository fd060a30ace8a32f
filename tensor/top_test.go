package tensor_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"galatea/tensor"
)

func floats(values ...float32) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

func TestTheLargestComeFirstAndTheFirstAmongEqualsFirst(t *testing.T) {
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name string
		row  []float32
		k    int
		want []int
	}{
		{"none asked for", []float32{1, 2}, 0, []int{}},
		{"one", []float32{1, 3, 2}, 1, []int{1}},
		{"all, sorted", []float32{1, 3, 2}, 3, []int{1, 2, 0}},
		{"more than there are", []float32{1, 3}, 9, []int{1, 0}},
		{"equals", []float32{2, 2, 3, 2}, 3, []int{2, 0, 1}},
		{"NaNs last", []float32{nan, 1, nan, 2}, 4, []int{3, 1, 0, 2}},
		{"no element", nil, 3, []int{}},
	} {
		if got := tensor.Top(tensor.FP32, floats(tt.row...), tt.k); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := tensor.Top(tensor.Int8, []byte{255, 1, 128}, 3); !slices.Equal(got, []int{1, 0, 2}) {
		t.Errorf("signed: %v", got)
	}
	if got := tensor.Top(tensor.Uint8, []byte{255, 1, 128}, 2); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("unsigned: %v", got)
	}
}

func TestFewAndManyAreChosenAlike(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	row := make([]float32, 500)
	for i := range row {
		row[i] = float32(rnd.IntN(40))
		if rnd.IntN(20) == 0 {
			row[i] = float32(math.NaN())
		}
	}
	all := tensor.Top(tensor.FP32, floats(row...), len(row))
	for k := range 100 {
		if got := tensor.Top(tensor.FP32, floats(row...), k); !slices.Equal(got, all[:k]) {
			t.Fatalf("%d: got %v, want %v", k, got, all[:k])
		}
	}
}

func TestNumbersAreWrittenWithSixDigits(t *testing.T) {
	for _, tt := range []struct {
		d    tensor.DType
		v    float64
		want string
	}{
		{tensor.FP32, 3.3, "3.300000"}, {tensor.FP64, -0.25, "-0.250000"}, {tensor.Int8, -3, "-3"}, {tensor.Uint64, 7, "7"}, {tensor.FP16, 0.5, "0.500000"},
	} {
		element, ok := tensor.AppendNumber(nil, tt.d, tt.v)
		if got := tensor.AppendFixed(nil, tt.d, element); !ok || string(got) != tt.want {
			t.Errorf("%v of %v: got %s, want %s", tt.d, tt.v, got, tt.want)
		}
	}
}
