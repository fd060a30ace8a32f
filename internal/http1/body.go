package http1

import (
	"io"
	"net/http"
)

// body is a request's body: what came along with the head, then what the connection
// brings.
type body struct {
	conn   *conn
	left   int64 // not yet read
	closed bool  // no longer to be read by the handler
}

var _ io.ReadCloser = (*body)(nil)

// Read reads from the body, straight into p once what came with the head is used up.
func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

func (b *body) read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	c := b.conn
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	var err error
	if n == 0 && len(p) > 0 {
		n, err = c.read(p)
		if err == io.EOF { //nolint:errorlint // Read's own
			err = io.ErrUnexpectedEOF
		}
	}
	if b.left -= int64(n); b.left == 0 {
		c.watch.allow()
		err = nil
	}
	return n, err
}

// Close makes an end of reading. What is left is the server's business.
func (b *body) Close() error {
	b.closed = true
	return nil
}

// mostDiscarded is how much of a body that nobody read is read to keep the connection.
const mostDiscarded = 256 << 10

// discard reads what is left, if that is little. It reports whether nothing is left.
func (b *body) discard() bool {
	if b.left > mostDiscarded {
		return false
	}
	scratch := takePiece()
	defer givePiece(scratch)
	for b.left > 0 {
		if _, err := b.read((*scratch)[:cap(*scratch)]); err != nil {
			return false
		}
	}
	return true
}
