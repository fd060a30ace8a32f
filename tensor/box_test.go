package tensor_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"galatea/tensor"
)

// at is the place of an element in a row-major array.
func at(shape tensor.Shape, index []int64) int64 {
	n := int64(0)
	for i, d := range shape {
		n = n*d + index[i]
	}
	return n
}

func FuzzCopyBox(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(77))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rank, size := rng.IntN(5), 1+rng.IntN(8)
		to, from := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for i := range to {
			to[i] = int64(rng.IntN(4))
			if from[i] = int64(rng.IntN(4)); rng.IntN(2) == 0 {
				from[i] = to[i]
			}
		}
		n, _ := to.Elements()
		m, _ := from.Elements()
		dst, src := bytes.Repeat([]byte{0xFF}, int(n)*size), make([]byte, int(m)*size)
		for i := range src {
			src[i] = byte(rng.IntN(200))
		}
		want := bytes.Clone(dst)
		index := make([]int64, rank)
		for i := range n {
			inside, rest := true, i
			for d := rank - 1; d >= 0; d-- {
				index[d] = rest % to[d]
				rest /= to[d]
				inside = inside && index[d] < from[d]
			}
			if inside {
				j := at(from, index)
				copy(want[int(i)*size:int(i+1)*size], src[int(j)*size:])
			}
		}
		tensor.CopyBox(dst, to, src, from, size)
		if !bytes.Equal(dst, want) {
			t.Fatalf("%v from %v: got %v, want %v", to, from, dst, want)
		}
	})
}
