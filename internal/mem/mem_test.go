package mem_test

import (
	"sync"
	"testing"

	"galatea/internal/mem"
)

func TestBuffersHaveTheSizeThatWasAskedFor(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 1 << 12, 1<<12 + 1, 1 << 24, 1<<24 + 1} {
		b := mem.Get(n)
		if len(b.B) != n {
			t.Errorf("asked for %d bytes, got %d", n, len(b.B))
		}
		if room := cap(b.B); room > max(512, 2*n) {
			t.Errorf("%d bytes lie in %d", n, room)
		}
		b.Release()
	}
}

func TestABufferThatGrewComesBackAsItWas(t *testing.T) {
	for range 100 { // the pool may drop what it is given
		b := mem.Get(600)
		b.B = append(b.B[:0], make([]byte, 5000)...)
		b.Release()
		if again := mem.Get(600); len(again.B) != 600 || cap(again.B) != 1024 {
			t.Fatalf("%d bytes of %d", len(again.B), cap(again.B))
		}
	}
}

func TestAReferenceKeepsABuffer(t *testing.T) {
	b := mem.Get(10)
	copy(b.B, "reference!")
	b.Retain()
	b.Release()
	if string(b.B) != "reference!" {
		t.Errorf("the bytes are %q", b.B)
	}
	b.Release()
	if b.B != nil {
		t.Error("the bytes can still be reached")
	}
}

func TestReleasingTwicePanics(t *testing.T) {
	for _, n := range []int{10, 1<<24 + 1} {
		b := mem.Get(n)
		b.Release()
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes were given back twice", n)
				}
			}()
			b.Release()
		}()
	}
}

// Holders on different goroutines let go in any order; the bytes are lent again only
// when all have.
func TestHoldersMayLetGoFromAnywhere(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 50 {
		b := mem.Get(4096)
		for j := range b.B {
			b.B[j] = byte(i)
		}
		for range 4 {
			b.Retain()
			wg.Go(func() {
				defer b.Release()
				for _, c := range b.B {
					if c != byte(i) {
						t.Error("somebody else writes into a buffer that is held")
						return
					}
				}
			})
		}
		b.Release()
	}
	wg.Wait()
}
