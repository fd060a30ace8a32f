package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// headRoom is the longest head of the plain part, and what is read at one time.
const headRoom = 8 << 10

// Where a connection is.
const (
	fresh  = iota // nothing has been read
	idle          // between requests
	active        // a request has begun
	ended         // closed, or handed over
)

// conn is a connection and what its goroutine keeps from one request to the next.
type conn struct {
	server *Server
	net    net.Conn
	remote string
	base   context.Context //nolint:containedctx // the parent of every request's
	watch  *watch
	place  atomic.Int32 // fresh, idle, ...; Shutdown moves it from idle to ended

	buf   []byte // what was read and not used is buf[r:w]
	r, w  int
	head  head
	asked http.Header // of the request under way
	reply http.Header // of its answer
	names []string    // of that

	readAt            time.Time // until when the handler, or the server, wants to read
	readSet, writeSet time.Time // the connection's deadlines
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc, remote: nc.RemoteAddr().String(), buf: make([]byte, headRoom), asked: http.Header{}, reply: http.Header{}}
	c.base = context.WithValue(s.base, http.LocalAddrContextKey, nc.LocalAddr())
	c.watch = newWatch(c)
	return c
}

// serve answers requests until the connection ends or is handed over.
func (c *conn) serve() {
	for {
		size, err := c.readHead()
		switch {
		case errors.Is(err, errNotPlain):
			c.handOver()
			return
		case err != nil:
			c.close()
			return
		}
		c.r += size
		if !c.exchange() {
			c.linger()
			return
		}
		if !c.place.CompareAndSwap(active, idle) || c.ending() {
			c.close()
			return
		}
	}
}

// errNotPlain says that what comes is for net/http.
var errNotPlain = errors.New("not of the plain part")

// readHead reads until a whole head is there, which it understands, and returns its size.
func (c *conn) readHead() (int, error) {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	first := c.place.Load() == fresh // its time counts from the connection's beginning
	switch {
	case first:
		c.await(c.server.http.ReadHeaderTimeout)
	case c.w == 0:
		c.await(c.server.http.IdleTimeout)
	}
	looked := c.r
	for {
		have := c.buf[c.r:c.w]
		began := len(have) > 0 && c.place.Load() != active
		if began && !c.begin() {
			return 0, net.ErrClosed
		}
		if at := bytes.Index(c.buf[looked:c.w], headEnd); at >= 0 {
			size := looked + at + len(headEnd) - c.r
			if !c.head.read(have[:size]) {
				return 0, errNotPlain
			}
			return size, nil
		}
		looked = max(c.r, c.w-len(headEnd)+1)
		if c.w == len(c.buf) {
			if c.r == 0 {
				return 0, errNotPlain
			}
			looked -= c.r
			c.w, c.r = copy(c.buf, have), 0
		}
		if began && !first {
			c.await(c.server.http.ReadHeaderTimeout)
		}
		n, err := c.read(c.buf[c.w:])
		c.w += n
		if n == 0 && err != nil {
			return 0, err
		}
	}
}

// begin says that a request has begun. It reports false if the connection was ended just
// before.
func (c *conn) begin() bool {
	place := c.place.Load()
	if place == ended || !c.place.CompareAndSwap(place, active) {
		return false
	}
	if place == fresh && c.ending() { // the deadline for its coming may be set this moment
		c.server.mu.Lock()
		c.setRead(time.Time{})
		c.server.mu.Unlock()
	}
	return true
}

// await sets until when something must come. A deadline of about that time, which may
// have been set for an earlier request, is as good.
func (c *conn) await(limit time.Duration) {
	if limit <= 0 {
		c.readAt = time.Time{}
		return
	}
	now := time.Now()
	if left := c.readSet.Sub(now); left > limit || left < limit-limit/16 {
		c.readAt = now.Add(limit)
		return
	}
	c.readAt = c.readSet
}

// awaitReader sets until when an answer must be sent; an earlier handler may have set it
// otherwise.
func (c *conn) awaitReader() error {
	limit := c.server.http.WriteTimeout
	if limit <= 0 {
		if c.writeSet.IsZero() {
			return nil
		}
		return c.setWrite(time.Time{})
	}
	now := time.Now()
	if left := c.writeSet.Sub(now); left > limit || left < limit-limit/16 {
		return c.setWrite(now.Add(limit))
	}
	return nil
}

// read reads from the connection, until readAt.
func (c *conn) read(p []byte) (int, error) {
	if !c.readAt.Equal(c.readSet) {
		c.setRead(c.readAt)
		if c.place.Load() == fresh && c.ending() {
			c.setRead(time.Now().Add(firstRequest))
		}
	}
	return c.net.Read(p)
}

func (c *conn) setRead(t time.Time) {
	c.readSet = t
	_ = c.net.SetReadDeadline(t) // fails for a closed connection, which reading tells
}

func (c *conn) setWrite(t time.Time) error {
	c.writeSet = t
	return c.net.SetWriteDeadline(t)
}

// exchange answers the request whose head was read. It reports whether the connection
// may go on.
func (c *conn) exchange() bool {
	if c.awaitReader() != nil {
		return false
	}
	c.readAt = time.Time{}
	clear(c.asked)
	clear(c.reply)
	c.head.fill(c.asked)
	x := struct { // one piece of memory
		response
		body
	}{
		response{conn: c, head: c.head.method == http.MethodHead, last: c.head.last, length: -1},
		body{conn: c, left: c.head.length},
	}
	w, b := &x.response, &x.body
	kept := takePiece()
	defer givePiece(kept)
	w.body = (*kept)[:0]
	ctx, cancel := context.WithCancel(c.base)
	defer cancel()
	c.watch.begin(cancel, b.left <= int64(c.w-c.r))
	completed := c.call(w, c.request(ctx, b))
	return c.endWatch() && completed && c.conclude(w, b)
}

// request is what the handler gets.
func (c *conn) request(ctx context.Context, b *body) *http.Request {
	h := &c.head
	r := http.Request{
		Method: h.method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: c.asked, Body: http.NoBody,
		ContentLength: h.length, Close: h.last, Host: h.host, RemoteAddr: c.remote, RequestURI: h.target,
	}
	if h.length > 0 {
		r.Body = b
	}
	target := *h.url
	r.URL = &target
	return r.WithContext(ctx)
}

// call calls the handler. It reports false when the handler panicked.
func (c *conn) call(w *response, r *http.Request) (completed bool) {
	defer func() {
		if p := recover(); p != nil {
			if err, is := p.(error); !is || !errors.Is(err, http.ErrAbortHandler) {
				c.server.logf("http1: panic serving %v: %v\n%s", c.remote, p, debug.Stack())
			}
		}
	}()
	c.server.http.Handler.ServeHTTP(w, r)
	return true
}

// endWatch takes over what was read ahead.
func (c *conn) endWatch() bool {
	next := c.watch.end()
	if len(next) == 0 {
		return true
	}
	if c.w == len(c.buf) {
		c.w, c.r = copy(c.buf, c.buf[c.r:c.w]), 0
	}
	n := copy(c.buf[c.w:], next)
	c.w += n
	return n == len(next)
}

// conclude reads what is left of the body, since who still sends may not see an answer,
// and sends the rest of the answer.
func (c *conn) conclude(w *response, b *body) bool {
	if b.left > 0 && !b.discard() {
		w.last = true
	}
	return w.finish() && b.left == 0
}

// ending reports whether the server is about to end.
func (c *conn) ending() bool { return c.server.ending.Load() }

// lingering is how long a caller who still sends may take to see his answer, before the
// connection is reset.
const lingering = 500 * time.Millisecond

// linger ends a connection whose caller may still send: to close it at once would reset
// it, and the answer with it.
func (c *conn) linger() {
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.setRead(time.Now().Add(lingering))
		_, _ = io.Copy(io.Discard, c.net)
	}
	c.close()
}

func (c *conn) close() {
	c.place.Store(ended)
	_ = c.net.Close() // nobody is left to be told
}

// handOver gives the connection to net/http, with what was read of it.
func (c *conn) handOver() {
	c.place.Store(ended)
	c.setRead(time.Time{})
	if c.setWrite(time.Time{}) != nil {
		_ = c.net.Close()
		return
	}
	if c.head.method == http.MethodPost { // net/http, which would know it, forgives old clients
		c.skipLineEnds()
	}
	c.server.rest.give(&begun{Conn: c.net, read: bytes.Clone(c.buf[c.r:c.w])})
}

// skipLineEnds skips what old clients send after a body: up to four bytes, as net/http does.
func (c *conn) skipLineEnds() {
	for range min(4, c.w-c.r) {
		if b := c.buf[c.r]; b != '\r' && b != '\n' {
			return
		}
		c.r++
	}
}
