package gateway

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/internal/mem"
)

// body is a request's body in memory, counted against the limit on all bodies in
// flight until it is released.
type body struct {
	*mem.Buffer
	gateway *Gateway
	counted int64
}

// Release gives the memory and the count back.
func (b *body) Release() {
	b.gateway.inflight.Add(-b.counted)
	b.Buffer.Release()
}

// A sender must keep up with slowestSender after a grace, so that stalled uploads
// do not hold memory and connections.
const (
	senderGrace   = 30 * time.Second
	slowestSender = 64 << 10 // bytes a second
	bodyAlign     = 64       // what tensors after the JSON header are aligned to
	firstRead     = 64 << 10 // of a body whose length is not given
)

// readBody reads the whole body, decompressed. When the first header bytes are a
// header of that length, what follows them lies aligned in memory, so that the
// runtime can read tensors in place.
func (g *Gateway) readBody(c *gin.Context, header int) (*body, error) {
	control := http.NewResponseController(c.Writer)
	size := c.Request.ContentLength
	allowed := senderGrace + time.Duration(max(0, size)/slowestSender)*time.Second
	if err := control.SetReadDeadline(time.Now().Add(allowed)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	b := &body{gateway: g}
	err := g.fill(b, c.Request, header)
	if err != nil {
		if b.Buffer != nil {
			b.Release()
		}
		return nil, err
	}
	// A deadline that stays would end the request's context while the model runs.
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		b.Release()
		return nil, err
	}
	return b, nil
}

func (g *Gateway) fill(b *body, r *http.Request, header int) error {
	limit := g.limits.Load().MaxInputSize
	size := r.ContentLength
	if size > limit {
		return tooLarge(size, limit)
	}
	pad := 0
	if header > 0 {
		pad = -header & (bodyAlign - 1)
	}
	from, err := decompressed(r)
	if err != nil {
		return err
	}
	if from == io.Reader(r.Body) && size >= 0 {
		if err := b.take(g, int(size)+pad); err != nil {
			return err
		}
		b.B = b.B[pad : pad+int(size)]
		if _, err := io.ReadFull(from, b.B); err != nil {
			return readError(err)
		}
		return nil
	}
	return b.grow(g, from, pad, limit)
}

// grow reads a body of unknown length.
func (b *body) grow(g *Gateway, from io.Reader, pad int, limit int64) error {
	if err := b.take(g, firstRead); err != nil {
		return err
	}
	n := pad
	for {
		if n == len(b.B) {
			larger := body{gateway: g}
			if err := larger.take(g, 2*len(b.B)); err != nil {
				return err
			}
			copy(larger.B, b.B)
			b.Release()
			*b = larger
		}
		got, err := from.Read(b.B[n:])
		n += got
		if int64(n-pad) > limit {
			return tooLarge(int64(n-pad), limit)
		}
		if errors.Is(err, io.EOF) {
			b.B = b.B[pad:n]
			return nil
		}
		if err != nil {
			return readError(err)
		}
	}
}

// take gets n bytes of memory within the limit on all bodies in flight.
func (b *body) take(g *Gateway, n int) error {
	if limit := g.limits.Load().MaxInflightBytes; g.inflight.Add(int64(n)) > limit {
		g.inflight.Add(-int64(n))
		return &wireError{http.StatusServiceUnavailable, "the server holds as many bytes of requests as it may (http.max_inflight_bytes): try again in a moment"}
	}
	b.Buffer, b.counted = mem.Get(n), int64(n)
	return nil
}

func decompressed(r *http.Request) (io.Reader, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, badRequest("failed to decompress the request body as gzip: %v", err)
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, badRequest("failed to decompress the request body as deflate: %v", err)
		}
		return z, nil
	default:
		return nil, &wireError{http.StatusNotImplemented, "Unsupported compression type"}
	}
}

func tooLarge(size, limit int64) error {
	return badRequest("request JSON size of %d bytes exceeds the maximum allowed input size of %d bytes. Use --http-max-input-size to increase the limit.", size, limit)
}

func readError(err error) error {
	return badRequest("failed to read the request body: %v", err)
}
