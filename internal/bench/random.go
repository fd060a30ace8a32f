package bench

import (
	"math/rand/v2"

	"galatea/tensor"
)

// seed makes every run ask the same.
const seed = 1

// Random makes n different requests of so many rows, of random floats, integers of 0 and 1,
// and short texts. Dynamic dimensions but a batch's first are one.
func Random(specs []tensor.Spec, batching bool, rows, n int) ([]Request, error) {
	rnd := rand.New(rand.NewPCG(seed, seed))
	all := make([]Request, n)
	for i := range all {
		for _, s := range specs {
			t := tensor.Tensor{Name: s.Name, DType: s.DType, Shape: append(tensor.Shape{}, s.Shape...)}
			for at, d := range t.Shape {
				if d < 0 {
					t.Shape[at] = 1
				}
			}
			if batching && len(t.Shape) > 0 {
				t.Shape[0] = int64(rows)
			}
			count, err := t.Shape.Elements()
			if err != nil {
				return nil, err
			}
			for range count {
				t.Data = appendRandom(t.Data, s.DType, rnd)
			}
			all[i] = append(all[i], t)
		}
	}
	return all, nil
}

var words = []string{"the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog"}

func appendRandom(dst []byte, d tensor.DType, rnd *rand.Rand) []byte {
	switch d {
	case tensor.Bytes:
		return tensor.AppendString(dst, words[rnd.IntN(len(words))]+" "+words[rnd.IntN(len(words))])
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		dst, _ = tensor.AppendNumber(dst, d, rnd.Float64())
	default:
		dst, _ = tensor.AppendNumber(dst, d, float64(rnd.IntN(2)))
	}
	return dst
}
