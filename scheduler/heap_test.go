package scheduler

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func FuzzHeap(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		type item struct{ value, at int }
		h := heap[*item]{before: func(a, b *item) bool { return a.value < b.value }, placed: func(x *item, at int) { x.at = at }}
		var inside []*item
		for range 200 {
			switch n := len(inside); {
			case n == 0 || rng.IntN(2) == 0:
				x := &item{value: rng.IntN(50)}
				h.push(x)
				inside = append(inside, x)
			case rng.IntN(2) == 0:
				x := inside[rng.IntN(n)]
				x.value = rng.IntN(50)
				h.fix(x.at)
			default:
				i := rng.IntN(n)
				h.remove(inside[i].at)
				inside = slices.Delete(inside, i, i+1)
			}
			if len(h.items) != len(inside) {
				t.Fatalf("%d items, want %d", len(h.items), len(inside))
			}
			for i, x := range h.items {
				if x.at != i || !slices.Contains(inside, x) || i > 0 && x.value < h.items[(i-1)/2].value {
					t.Fatalf("item %d of %d is out of place", i, len(inside))
				}
			}
		}
	})
}
