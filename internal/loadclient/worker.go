package loadclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// worker is one goroutine's share of a load.
type worker struct {
	o      Options
	ctx    context.Context //nolint:containedctx // looked at between requests only
	poller *poller
	conns  []conn
	open   int    // connections
	busy   int    // requests outstanding
	left   uint64 // requests that may still be sent
	pace   pace
	idle   ring // of a paced load: connections without a request
	began  time.Time
	from   time.Duration // since began: the measured time
	until  time.Duration
	last   time.Duration // since began: the last answer that was measured
	result Result
}

// conn is one connection.
type conn struct {
	fd      int // -1: closed
	request int
	active  bool          // a request is outstanding
	sent    int           // bytes of it
	at      time.Duration // since began: when the request was begun, or due
	buf     []byte
	n       int // bytes of the answer in buf
	head    head
	checked bool
}

// answerRoom is the first size of a connection's buffer; it grows to the longest answer.
const answerRoom = 4 << 10

// wakeEvery bounds how long ctx may be over unnoticed.
const wakeEvery = 100 * time.Millisecond

func newWorker(ctx context.Context, o Options, index int) (*worker, error) {
	share := (o.Connections - index + o.Threads - 1) / o.Threads
	p, err := newPoller(share)
	if err != nil {
		return nil, err
	}
	w := &worker{o: o, ctx: ctx, poller: p, conns: make([]conn, 0, share), from: o.WarmUp, until: o.WarmUp + o.Duration}
	w.pace, w.idle = pace{rate: o.Rate, next: uint64(index), step: uint64(o.Threads)}, newRing(share)
	w.left = o.MaxRequests / uint64(o.Threads)
	if uint64(index) < o.MaxRequests%uint64(o.Threads) {
		w.left++
	}
	return w, nil
}

func (w *worker) add(fd, request int) error {
	w.conns = append(w.conns, conn{fd: fd, request: request, buf: make([]byte, answerRoom)})
	w.open++
	return w.poller.add(fd, len(w.conns)-1)
}

func (w *worker) close() {
	for i := range w.conns {
		if w.conns[i].fd >= 0 {
			_ = unix.Close(w.conns[i].fd)
			w.conns[i].fd = -1
		}
	}
	w.poller.close()
}

// run sends until the time is up, then takes in the answers that are outstanding.
func (w *worker) run(began time.Time) error {
	w.began = began
	for i := range w.conns {
		w.next(i, w.now())
	}
	ready := make([]int, 0, len(w.conns))
	for {
		now := w.now()
		w.sendDue(now)
		if w.open == 0 || w.busy == 0 && !w.more() {
			break
		}
		if w.ctx.Err() != nil {
			w.until = min(w.until, now)
		}
		if now > w.until+w.o.Patience {
			break
		}
		var err error
		if ready, err = w.poller.wait(w.pause(), ready[:0]); err != nil {
			return err
		}
		for _, i := range ready {
			w.serve(i)
		}
	}
	unanswered := w.busy
	for ; w.more(); w.pace.advance() {
		w.left--
		unanswered++
	}
	if unanswered > 0 {
		w.fault(fmt.Errorf("%d requests are still without an answer", unanswered))
	}
	end := min(w.now(), w.until)
	if w.pace.paced() && w.left > 0 {
		end = w.until // the schedule's, however soon its last request was answered
	}
	w.result.Elapsed = max(0, max(end, w.last)-w.from)
	return nil
}

func (w *worker) now() time.Duration { return time.Since(w.began) }

// next has a connection that is free send its next request: at once, unless the load is
// over, or, where the load is paced, when one is due.
func (w *worker) next(i int, now time.Duration) {
	switch {
	case w.pace.paced():
		w.idle.push(i)
	case w.left > 0 && now < w.until:
		w.begin(i, now)
	}
}

// more reports whether a paced load has a request left that is due before its end.
func (w *worker) more() bool {
	return w.pace.paced() && w.left > 0 && w.pace.due() < w.until
}

// sendDue sends what is due by now, as far as connections are free; the rest is late.
func (w *worker) sendDue(now time.Duration) {
	for w.idle.n > 0 && w.more() && w.pace.due() <= now {
		i := w.idle.pop()
		if w.conns[i].fd < 0 {
			continue // closed while it was idle
		}
		due := w.pace.due()
		w.pace.advance()
		w.begin(i, due)
	}
}

// pause is how long to wait for news.
func (w *worker) pause() time.Duration {
	if w.idle.n == 0 || !w.more() {
		return wakeEvery
	}
	return max(0, min(wakeEvery, w.pace.due()-w.now()))
}

// begin sends the connection's request; at is when its latency begins.
func (w *worker) begin(i int, at time.Duration) {
	w.left--
	w.busy++
	c := &w.conns[i]
	c.active, c.at, c.sent, c.n, c.head = true, at, 0, 0, head{}
	w.send(i)
}

func (w *worker) send(i int) {
	c := &w.conns[i]
	request := w.o.Requests[c.request]
	for c.sent < len(request) {
		n, err := unix.Write(c.fd, request[c.sent:])
		if again(err) {
			w.poller.sending(i, true)
			return
		}
		if err != nil {
			w.lose(i, err)
			return
		}
		c.sent += n
	}
	w.poller.sending(i, false)
}

// serve does what a connection with news lets it do.
func (w *worker) serve(i int) {
	c := &w.conns[i]
	if c.fd < 0 {
		return
	}
	if c.active && c.sent < len(w.o.Requests[c.request]) {
		w.send(i)
	}
	for c.fd >= 0 {
		if c.n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		n, err := unix.Read(c.fd, c.buf[c.n:])
		if again(err) {
			return
		}
		if err == nil && n == 0 {
			err = io.EOF
		}
		if err != nil {
			w.lose(i, err)
			return
		}
		c.n += n
		if w.received(i) {
			return
		}
		// Half an answer: the rest, or the end, may be there already, and is told of once.
	}
}

// received looks at what has come; it reports whether the answer is complete.
func (w *worker) received(i int) bool {
	c := &w.conns[i]
	if !c.active {
		w.lose(i, fmt.Errorf("%w: it answers what was not asked", ErrResponse))
		return true
	}
	if c.head.size == 0 {
		h, ok, err := readHead(c.buf[:c.n])
		if err != nil {
			w.lose(i, err)
			return true
		}
		if !ok {
			return false
		}
		c.head = h
	}
	if c.n < c.head.size+c.head.body {
		return false
	}
	now := w.now()
	w.answered(c, now)
	w.next(i, now)
	return true
}

func (w *worker) answered(c *conn, now time.Duration) {
	c.active = false
	w.busy--
	w.result.Total++
	switch {
	case c.n > c.head.size+c.head.body:
		w.fault(fmt.Errorf("%w: %d bytes too many", ErrResponse, c.n-c.head.size-c.head.body))
	case c.head.status != http.StatusOK:
		w.fault(fmt.Errorf("status %d: %s", c.head.status, c.buf[c.head.size:min(c.n, c.head.size+200)]))
		if w.measured(c, now) {
			w.result.refusal(c.head.status).Record(now - c.at)
		}
	default:
		if !c.checked && w.o.Check != nil {
			if err := w.o.Check(c.request, c.head.status, c.buf[c.head.size:c.n]); err != nil {
				w.fault(err)
			}
		}
		c.checked = true
		if w.measured(c, now) {
			w.result.Answers++
			w.result.Latency.Record(now - c.at)
			w.last = now
		}
	}
}

// measured reports whether an answer counts: of a paced load, one to what was due in
// the measured time.
func (w *worker) measured(c *conn, now time.Duration) bool {
	if w.pace.paced() {
		now = c.at
	}
	return now >= w.from && now < w.until
}

// lose gives up a connection. That a server closes one on which nothing is
// outstanding is no fault.
func (w *worker) lose(i int, err error) {
	c := &w.conns[i]
	w.poller.remove(c.fd, i)
	_ = unix.Close(c.fd)
	c.fd = -1
	w.open--
	if !c.active {
		if !errors.Is(err, io.EOF) {
			w.fault(fmt.Errorf("connection lost: %w", err))
		}
		return
	}
	c.active = false
	w.busy--
	w.fault(fmt.Errorf("connection lost: %w", err))
}

func (w *worker) fault(err error) {
	w.result.Errors++
	if w.result.First == nil {
		w.result.First = err
	}
}
