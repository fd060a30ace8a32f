package gateway

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/internal/mem"
)

// held is memory of a request, counted against the limit on all that is in flight
// until it is released.
type held struct {
	*mem.Buffer // nil: there is none
	budget      *wire.Budget
	counted     int64
}

// release gives the memory and the count back.
func (h *held) release() {
	if h.Buffer == nil {
		return
	}
	h.budget.Give(h.counted)
	h.Buffer.Release()
	h.Buffer, h.counted = nil, 0
}

// resize moves what is held to memory of n bytes, within the limit on all that is in
// flight. While it moves it is counted once.
func (h *held) resize(n int) error {
	if err := h.budget.Take(int64(n) - h.counted); err != nil {
		return err
	}
	old := h.Buffer
	h.Buffer, h.counted = mem.Get(n), int64(n)
	if old != nil {
		copy(h.B, old.B)
		old.Release()
	}
	return nil
}

// A sender must keep up with slowestSender after a grace, so that stalled uploads
// do not hold memory and connections.
const (
	senderGrace   = 30 * time.Second
	slowestSender = 64 << 10 // bytes a second
	bodyAlign     = 64       // what tensors after the JSON header are aligned to
	firstRead     = 64 << 10 // of a body whose length is not given
)

// expectBody gives the sender of a body the grace to begin with. The deadline stays
// for handlers that do not read the body: the server reads what is left of it.
func expectBody(c *gin.Context) {
	if c.Request.ContentLength != 0 {
		// Whoever reads the body tries again, and does not go on without.
		_ = setReadDeadline(c, time.Now().Add(senderGrace))
	}
}

func setReadDeadline(c *gin.Context, at time.Time) error {
	err := http.NewResponseController(c.Writer).SetReadDeadline(at)
	if errors.Is(err, http.ErrNotSupported) {
		return nil // not a network connection
	}
	return err
}

// paced reads a body of up to limit bytes and extends the sender's time by what has
// arrived.
type paced struct {
	c       *gin.Context
	limit   int64
	began   time.Time
	got     int64
	granted int64 // bytes that the deadline allows for
}

func (p *paced) Read(to []byte) (int, error) {
	if p.got > p.limit {
		return 0, tooLarge(p.got, p.limit)
	}
	if p.got-p.granted >= slowestSender {
		p.granted = p.got
		if err := setReadDeadline(p.c, p.began.Add(senderGrace+time.Duration(p.got/slowestSender)*time.Second)); err != nil {
			return 0, err
		}
	}
	n, err := p.c.Request.Body.Read(to)
	p.got += int64(n)
	return n, err
}

// done says that the body has been read to its end. A deadline that stays would end
// the request's context while the model runs.
func (p *paced) done() error { return setReadDeadline(p.c, time.Time{}) }

// readBody reads the whole body, decompressed. When the first header bytes are a
// header of that length, what follows them lies aligned in memory, so that the
// runtime can read tensors in place.
func (x *exchange) readBody(c *gin.Context, header int) error {
	x.from = paced{c: c, limit: x.gateway.limits.Load().MaxInputSize, began: time.Now()}
	if err := x.body.fill(&x.from, header); err != nil {
		return err
	}
	return x.from.done()
}

// fill reads a body.
func (h *held) fill(from *paced, header int) error {
	size := from.c.Request.ContentLength
	if size > from.limit {
		return tooLarge(size, from.limit)
	}
	pad := 0
	if header > 0 && header != wholeBody {
		pad = -header & (bodyAlign - 1)
	}
	plain, err := decompressed(from)
	switch {
	case err != nil:
		return err
	case plain != io.Reader(from):
		if err := h.grow(plain, pad, from.limit); err != nil {
			return err
		}
		return finished(from)
	case size < 0:
		return h.grow(from, pad, from.limit)
	}
	if err := h.resize(int(size) + pad); err != nil {
		return err
	}
	h.B = h.B[pad:]
	if _, err := io.ReadFull(from, h.B); err != nil {
		return readError(err)
	}
	return nil
}

// grow reads a body of unknown length.
func (h *held) grow(from io.Reader, pad int, limit int64) error {
	if err := h.resize(firstRead); err != nil {
		return err
	}
	for n := pad; ; {
		to := h.B[n:]
		if n == len(h.B) {
			if most := int(limit) + pad; n < most {
				if err := h.resize(min(2*n, most)); err != nil {
					return err
				}
				continue
			}
			to = make([]byte, 1) // only an end may follow
		}
		got, err := from.Read(to)
		n += got
		switch {
		case int64(n-pad) > limit:
			return tooLarge(int64(n-pad), limit)
		case errors.Is(err, io.EOF):
			h.B = h.B[pad:n]
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// take gets memory of n bytes, whatever the limit: what it holds is made of a body that
// was within it. It counts against those that come later.
func (h *held) take(n int) {
	h.budget.Count(int64(n))
	h.Buffer, h.counted = mem.Get(n), int64(n)
}

// decompressed returns a reader of the body as it was before compression.
func decompressed(from *paced) (io.Reader, error) {
	encoding := strings.ToLower(from.c.Request.Header.Get("Content-Encoding"))
	var z io.Reader
	var err error
	switch encoding {
	case "", "identity":
		return from, nil
	case "gzip":
		z, err = gzip.NewReader(from)
	case "deflate":
		z, err = zlib.NewReader(from)
	default:
		from.c.Header("Accept-Encoding", "gzip, deflate")
		return nil, wire.Unsupported("Unsupported compression type")
	}
	if err != nil {
		return nil, readError(err)
	}
	return z, nil
}

// finished makes sure that nothing follows a compressed body. Only then does the
// server notice when the caller leaves.
func finished(from *paced) error {
	var rest [1]byte
	n, err := io.ReadFull(from, rest[:])
	if n > 0 {
		return wire.Invalid("failed to read the request body: there is more behind the end of the compressed data")
	}
	if !errors.Is(err, io.EOF) {
		return readError(err)
	}
	return nil
}

func tooLarge(size, limit int64) error {
	return wire.Invalid("request JSON size of %d bytes exceeds the maximum allowed input size of %d bytes. Use --http-max-input-size to increase the limit.", size, limit)
}

func readError(err error) error {
	var w *wire.Error
	switch {
	case errors.As(err, &w):
		return w
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &wire.Error{Status: http.StatusRequestTimeout, Text: "failed to read the request body: it came too slowly"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wire.Invalid("failed to read the request body: it ended too soon")
	default:
		return wire.Invalid("failed to read the request body: %v", err)
	}
}
