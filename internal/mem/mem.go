package mem

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers are pooled in classes of a power of two from minClass to maxClass
// bytes. Larger ones are left to the garbage collector: they are rare, and
// keeping one would hold its memory for good.
const (
	minClass = 9  // 512 bytes
	maxClass = 24 // 16 MiB
)

var pools [maxClass + 1]sync.Pool

// Buffer is a counted slice of bytes.
type Buffer struct {
	B     []byte // the bytes; may be resliced and appended to by a holder who shares it with nobody
	refs  atomic.Int32
	class int
	whole []byte // the bytes as they came from the pool
}

// Get returns a buffer of n bytes with undefined content and one reference.
func Get(n int) *Buffer {
	class := minClass
	if n > 1<<minClass {
		class = bits.Len(uint(n - 1))
	}
	var b *Buffer
	if class > maxClass {
		b = &Buffer{class: -1, whole: make([]byte, n)}
	} else if v := pools[class].Get(); v != nil {
		b = v.(*Buffer)
	} else {
		b = &Buffer{class: class, whole: make([]byte, 1<<class)}
	}
	b.B = b.whole[:n]
	b.refs.Store(1)
	return b
}

// Retain adds a reference.
func (b *Buffer) Retain() { b.refs.Add(1) }

// Release drops a reference; the last one gives the bytes back. Releasing more
// often than retaining panics: it would lend the same bytes to two callers.
func (b *Buffer) Release() {
	switch n := b.refs.Add(-1); {
	case n > 0:
	case n < 0:
		panic("mem: buffer released twice")
	case b.class >= 0:
		b.B = nil
		pools[b.class].Put(b)
	}
}
