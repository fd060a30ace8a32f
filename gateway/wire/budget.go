package wire

import "sync/atomic"

// Budget bounds the memory of all requests in flight. Its zero value has no limit.
type Budget struct {
	limit, held atomic.Int64
}

// SetLimit changes the limit, in bytes, for what is taken from now on; 0 is none.
func (b *Budget) SetLimit(bytes int64) { b.limit.Store(bytes) }

// Take takes n bytes, or fails where that is more than there is.
func (b *Budget) Take(n int64) error {
	held := b.held.Add(n)
	if limit := b.limit.Load(); limit > 0 && held > limit && n > 0 {
		b.held.Add(-n)
		return errFull
	}
	return nil
}

// Full returns an error when more is held than there is, as Count allows.
func (b *Budget) Full() error {
	if limit := b.limit.Load(); limit > 0 && b.held.Load() > limit {
		return errFull
	}
	return nil
}

var errFull = Unavailable("the server holds as many bytes of requests as it may (http.max_inflight_bytes): try again in a moment")

// Count takes n bytes whatever the limit, for memory that is there already. It counts
// against what is taken later.
func (b *Budget) Count(n int64) { b.held.Add(n) }

// Give gives n bytes back.
func (b *Budget) Give(n int64) { b.held.Add(-n) }

// Held returns the bytes that are held at the moment.
func (b *Budget) Held() int64 { return b.held.Load() }
