package http1

import (
	"net"
	"sync"
)

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	read []byte
}

// Read returns first what was read already.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.read) > 0 {
		n := copy(p, b.read)
		b.read = b.read[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// CloseWrite closes one direction, where the connection can.
func (b *begun) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// rest is the listener that net/http gets its connections from.
type rest struct {
	address net.Addr
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

var _ net.Listener = (*rest)(nil)

func newRest(address net.Addr) *rest {
	return &rest{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// give hands a connection over.
func (r *rest) give(c net.Conn) {
	select {
	case r.conns <- c:
	case <-r.closed:
		_ = c.Close()
	}
}

// Accept returns the next connection.
func (r *rest) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (r *rest) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

// Addr is that of the listener behind.
func (r *rest) Addr() net.Addr { return r.address }
