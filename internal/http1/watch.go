package http1

import (
	"context"
	"sync"
	"time"
)

// noticeAfter is how long a request runs before somebody looks whether its caller is
// still there.
const noticeAfter = 50 * time.Millisecond

// longAgo is a deadline that ends a read under way.
var longAgo = time.Unix(1, 0)

// watch notices a caller who leaves while a request runs: the connection ends, so a read
// of it does. To read ahead costs a goroutine and two calls of the system, so it is done
// only for requests that take long enough.
type watch struct {
	conn   *conn
	timer  *time.Timer // calls look; it is not running between requests
	mu     sync.Mutex
	ended  sync.Cond          // of mu; the read has ended
	cancel context.CancelFunc // of the request under way; nil: there is none
	idle   bool               // the handler will not read from the connection any more
	reads  bool               // one byte is being read
	have   bool               // one was
	byte   [1]byte
}

func newWatch(c *conn) *watch {
	w := &watch{conn: c}
	w.ended.L = &w.mu
	return w
}

// begin watches over a request. Its body is here already, read or not, or will be read, and
// allow is called then.
func (w *watch) begin(cancel context.CancelFunc, idle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel, w.idle = cancel, idle
	if w.timer == nil {
		w.timer = time.AfterFunc(noticeAfter, w.look)
	} else {
		w.timer.Reset(noticeAfter)
	}
}

// allow says that the body has been read.
func (w *watch) allow() {
	w.mu.Lock()
	w.idle = true
	w.mu.Unlock()
}

// look reads one byte of the connection, which is the next request's, if it is not the end.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.cancel == nil || w.reads || w.have:
		return
	case !w.idle:
		w.timer.Reset(noticeAfter)
		return
	}
	w.reads = true
	w.conn.setRead(time.Time{})
	w.mu.Unlock()
	n, err := w.conn.net.Read(w.byte[:])
	w.mu.Lock()
	w.reads, w.have = false, n == 1
	if err != nil && w.cancel != nil {
		w.cancel()
	}
	w.ended.Signal()
}

// end ends the watch over a request. It returns the byte that was read ahead, if one was.
func (w *watch) end() (next []byte) {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = nil
	if w.reads {
		w.conn.setRead(longAgo)
		for w.reads {
			w.ended.Wait()
		}
	}
	if w.have {
		w.have = false
		return w.byte[:]
	}
	return nil
}
