package repository

import (
	"context"
	"sync/atomic"

	"galatea/infer"
)

// version is a published generation. Its count lets it be closed only after the
// last request in it: bit 0 says that it is retired, the rest counts leases.
// Retired is one-way.
type version struct {
	id       infer.ID
	servable Servable
	count    atomic.Int64
	idle     chan struct{} // closed when it is retired and the last lease is back
}

const (
	retiredBit = 1
	oneLease   = 2
)

func newVersion(id infer.ID, s Servable) *version {
	return &version{id: id, servable: s, idle: make(chan struct{})}
}

// acquire takes a lease; it fails on a retired version.
func (v *version) acquire() bool {
	for {
		n := v.count.Load()
		if n&retiredBit != 0 {
			return false
		}
		if v.count.CompareAndSwap(n, n+oneLease) {
			return true
		}
	}
}

func (v *version) release() {
	switch n := v.count.Add(-oneLease); {
	case n == retiredBit:
		close(v.idle)
	case n < 0:
		panic("repository: lease released twice")
	}
}

// retire refuses leases from now on. It must be called once.
func (v *version) retire() {
	if v.count.Add(retiredBit) == retiredBit {
		close(v.idle)
	}
}

// lease is an acquired version.
type lease struct {
	*version
	released atomic.Bool
}

var _ infer.Lease = (*lease)(nil)

// Infer asks the leased version.
func (l *lease) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	return l.servable.Infer(ctx, req)
}

// ID names the leased version.
func (l *lease) ID() infer.ID { return l.id }

// Release gives the lease back; only the first call counts.
func (l *lease) Release() {
	if l.released.CompareAndSwap(false, true) {
		l.release()
	}
}
