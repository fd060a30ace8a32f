package http1

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// response is an answer on its way. What is written is kept as long as it fits into a
// small buffer, so that most answers have a length and leave in one piece.
type response struct {
	conn   *conn
	head   bool  // the request's method was HEAD
	status int   // 0: not known yet
	length int64 // of the body, as the handler says; -1: it does not

	body    []byte // written and not yet sent
	written int64  // of the body, sent or not
	sent    bool   // the head is on its way
	chunked bool
	last    bool  // the connection ends with it
	err     error // of the connection
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
	_ io.StringWriter     = (*response)(nil)
)

// keptBody is how much of an answer is kept until it ends. It is as much as net/http
// keeps at least.
const keptBody = 4 << 10

// pieces are buffers for bodies and for heads.
var pieces = sync.Pool{New: func() any {
	b := make([]byte, 0, keptBody)
	return &b
}}

// Header returns the headers of the answer.
func (w *response) Header() http.Header { return w.conn.reply }

// WriteHeader sets the status, once.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("invalid status " + strconv.Itoa(status))
	}
	if w.status != 0 || status < 200 {
		return
	}
	w.status, w.length = status, -1
	if text := w.conn.reply.Get("Content-Length"); text != "" {
		n, ok := plainLength(text)
		if ok {
			w.length = n
		} else {
			w.conn.reply.Del("Content-Length")
		}
	}
}

// hasBody reports whether an answer of this status may have one.
func (w *response) hasBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Write writes a piece of the body.
func (w *response) Write(p []byte) (int, error) {
	if err := w.room(len(p)); err != nil {
		return 0, err
	}
	free := cap(w.body) - len(w.body)
	if len(p) <= free {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	if w.head { // what is kept says of what type the body would be
		w.body = append(w.body, p[:free]...)
		return len(p), nil
	}
	w.push(p)
	return len(p), w.err
}

// WriteString writes a piece of the body.
func (w *response) WriteString(p string) (int, error) {
	if len(w.body)+len(p) > cap(w.body) {
		return w.Write([]byte(p))
	}
	if err := w.room(len(p)); err != nil {
		return 0, err
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// room counts n bytes that are to be written.
func (w *response) room(n int) error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.written += int64(n)
	switch {
	case w.err != nil:
		return w.err
	case !w.hasBody():
		return http.ErrBodyNotAllowed
	case w.length >= 0 && w.written > w.length:
		return http.ErrContentLength
	}
	return nil
}

// Flush sends what was written so far.
func (w *response) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.sent || len(w.body) > 0 {
		w.push(nil)
	}
}

// SetReadDeadline sets until when the rest of the request's body may come.
func (w *response) SetReadDeadline(t time.Time) error {
	w.conn.readAt = t
	return nil
}

// SetWriteDeadline sets until when the answer may be sent.
func (w *response) SetWriteDeadline(t time.Time) error { return w.conn.setWrite(t) }

// push sends what was kept, and more, before the answer has ended.
func (w *response) push(more []byte) {
	if w.err != nil {
		return
	}
	scratch := takePiece()
	defer givePiece(scratch)
	out := (*scratch)[:0]
	if !w.sent {
		w.chunked = w.length < 0 && w.hasBody() && !w.head
		out = w.appendHead(out, more)
	}
	size := len(w.body) + len(more)
	framed := w.chunked && size > 0
	if framed {
		out = append(strconv.AppendInt(out, int64(size), 16), crlf...)
	}
	out = w.appendKept(out)
	w.body = w.body[:0]
	parts := net.Buffers{out, more}
	switch {
	case len(more) == 0 && framed:
		parts = net.Buffers{append(out, crlf...)}
	case len(more) == 0:
		parts = parts[:1]
	case framed:
		parts = append(parts, crlf)
	}
	*scratch = out
	_, w.err = parts.WriteTo(w.conn.net)
}

// finish sends what has not been sent. It reports whether the connection may go on.
func (w *response) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	scratch := takePiece()
	defer givePiece(scratch)
	out := (*scratch)[:0]
	whole := w.length < 0 || w.head || w.written == w.length || !w.hasBody()
	switch {
	case w.err != nil:
		return false
	case !w.sent:
		if w.length < 0 && w.hasBody() && (!w.head || w.written > 0) {
			w.length = w.written
		}
		out = w.appendKept(w.appendHead(out, nil))
	case w.chunked:
		out = w.appendLastChunk(out)
	default:
		out = w.appendKept(out)
	}
	*scratch = out
	if len(out) > 0 {
		_, w.err = w.conn.net.Write(out)
	}
	return w.err == nil && whole && !w.last
}

// appendKept appends what was kept of the body, which only describes the answer to a HEAD.
func (w *response) appendKept(out []byte) []byte {
	if w.head {
		return out
	}
	return append(out, w.body...)
}

func (w *response) appendLastChunk(out []byte) []byte {
	if len(w.body) > 0 {
		out = append(strconv.AppendInt(out, int64(len(w.body)), 16), crlf...)
		out = append(append(out, w.body...), crlf...)
	}
	return append(out, "0\r\n\r\n"...)
}

// appendHead appends the status and the headers. The body begins with what was kept,
// then comes more.
func (w *response) appendHead(out, more []byte) []byte {
	w.sent = true
	h := w.conn.reply
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(w.status), 10)
	out = append(out, ' ')
	if text := http.StatusText(w.status); text != "" {
		out = append(out, text...)
	} else {
		out = strconv.AppendInt(append(out, "status code "...), int64(w.status), 10)
	}
	out = append(out, crlf...)
	if _, set := h["Date"]; !set {
		out = appendHeader(out, "Date", w.conn.server.date())
	}
	if w.hasBody() {
		out = w.appendBodyHeaders(out, more)
	}
	names := w.conn.names[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range names {
		if name == "Content-Length" || name == "Transfer-Encoding" {
			continue // ours
		}
		for _, value := range h[name] {
			if name == "Connection" && strings.EqualFold(value, "close") {
				w.last = true
				continue // once, below
			}
			out = appendHeader(out, name, value)
		}
	}
	w.conn.names = names
	if w.last = w.last || w.conn.ending(); w.last {
		out = append(out, "Connection: close\r\n"...)
	}
	return append(out, crlf...)
}

// appendBodyHeaders appends how long the body is, and of what type, where the handler
// does not say.
func (w *response) appendBodyHeaders(out, more []byte) []byte {
	switch {
	case w.chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	case w.length >= 0:
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), w.length, 10), crlf...)
	}
	begin := w.body
	if len(begin) == 0 {
		begin = more
	}
	h := w.conn.reply
	if _, set := h["Content-Type"]; !set && len(begin) > 0 && h.Get("Content-Encoding") == "" {
		out = appendHeader(out, "Content-Type", http.DetectContentType(begin))
	}
	return out
}

// appendHeader appends a header. A name that is none is left out, and the ends of lines
// in a value become spaces: what a handler passes on must not become a header.
func appendHeader(out []byte, name, value string) []byte {
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return out
		}
	}
	out = append(append(out, name...), ": "...)
	at := len(out)
	out = append(out, value...)
	for i, c := range out[at:] {
		if c == '\r' || c == '\n' {
			out[at+i] = ' '
		}
	}
	return append(out, crlf...)
}

func takePiece() *[]byte {
	b, _ := pieces.Get().(*[]byte)
	return b
}

// givePiece gives a buffer back, unless it has grown.
func givePiece(b *[]byte) {
	if cap(*b) <= 2*keptBody {
		pieces.Put(b)
	}
}
