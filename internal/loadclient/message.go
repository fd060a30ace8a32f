package loadclient

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Header is a line of an HTTP header.
type Header struct{ Name, Value string }

// Request returns the bytes of a request, its Host and Content-Length included.
func Request(method, host, path string, headers []Header, body []byte) []byte {
	b := make([]byte, 0, 256+len(body))
	b = fmt.Appendf(b, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, path, host, len(body))
	for _, h := range headers {
		b = fmt.Appendf(b, "%s: %s\r\n", h.Name, h.Value)
	}
	b = append(b, '\r', '\n')
	return append(b, body...)
}

// ErrResponse says that an answer is not what this client reads: HTTP/1.1 with a
// Content-Length.
var ErrResponse = errors.New("unreadable answer")

// head is what is read of an answer's header.
type head struct {
	status int
	size   int // of the header, its empty line included
	body   int // Content-Length
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("content-length:")
)

// readHead reads the header at the beginning of b. It reports false while the
// header is not complete.
func readHead(b []byte) (h head, ok bool, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return head{}, false, nil
	}
	h.size = end + len(headEnd)
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) || end < 12 {
		return head{}, false, fmt.Errorf("%w: it starts with %q", ErrResponse, b[:min(len(b), 16)])
	}
	if h.status, err = strconv.Atoi(string(b[9:12])); err != nil {
		return head{}, false, fmt.Errorf("%w: status %q", ErrResponse, b[9:12])
	}
	h.body = -1
	for rest := b[12:end]; h.body < 0; {
		line := bytes.IndexByte(rest, '\n')
		if line < 0 {
			return head{}, false, fmt.Errorf("%w: no Content-Length", ErrResponse)
		}
		rest = rest[line+1:]
		if len(rest) < len(contentLength) || !bytes.EqualFold(rest[:len(contentLength)], contentLength) {
			continue
		}
		value, _, _ := bytes.Cut(rest[len(contentLength):], []byte("\r"))
		if h.body, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || h.body < 0 {
			return head{}, false, fmt.Errorf("%w: Content-Length %q", ErrResponse, value)
		}
	}
	return h, true, nil
}
