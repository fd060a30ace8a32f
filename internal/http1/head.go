package http1

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// head is what a request says before its body. It keeps the last head that it has read:
// lines that are the same in the next one are not read again.
type head struct {
	method, target, host string
	url                  *url.URL
	length               int64 // of the body
	last                 bool  // the connection ends with the answer

	text  []byte // as it came
	lines []line // after the first
}

// line is one header.
type line struct {
	text  []byte   // as it came, in the head's text
	name  string   // canonical
	value []string // one
}

// mostLines is how many headers a head of the plain part has at most. What is kept of them
// with each connection takes many times their bytes.
const mostLines = 64

// headEnd ends a head.
var headEnd = []byte("\r\n\r\n")

// read reads a whole head, with the empty line at its end. It reports false for one that
// is not of the plain part, and the head is useless then, but for its method: it is the
// last head's, unless the text begins with another.
func (h *head) read(text []byte) bool {
	if len(h.lines) > 0 && bytes.Equal(text, h.text) {
		return true
	}
	rest := text[:len(text)-2] // without the empty line
	first, rest, _ := bytes.Cut(rest, crlf)
	old, _, _ := bytes.Cut(h.text, crlf)
	if len(h.lines) == 0 || !bytes.Equal(first, old) {
		if !h.readFirst(first) {
			return false
		}
	}
	known := h.lines
	h.lines = h.lines[:0]
	for i := 0; len(rest) > 0; i++ {
		var l line
		l.text, rest, _ = bytes.Cut(rest, crlf)
		switch {
		case i == mostLines:
			return false
		case i < len(known) && bytes.Equal(l.text, known[i].text):
			l.name, l.value = known[i].name, known[i].value
		case !l.read():
			return false
		}
		h.lines = append(h.lines, l)
	}
	h.keep(text, len(first)+len(crlf))
	return h.understand()
}

var crlf = []byte("\r\n")

// keep copies the text, which the lines begin in at some place, one after the other.
func (h *head) keep(text []byte, at int) {
	h.text = append(h.text[:0], text...)
	for i := range h.lines {
		n := len(h.lines[i].text)
		h.lines[i].text = h.text[at : at+n]
		at += n + len(crlf)
	}
}

// methods are those of the plain part.
var methods = []string{
	http.MethodPost, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch,
}

// readFirst reads METHOD /PATH HTTP/1.1.
func (h *head) readFirst(text []byte) bool {
	method, rest, _ := bytes.Cut(text, []byte(" "))
	target, protocol, _ := bytes.Cut(rest, []byte(" "))
	if len(target) == 0 || target[0] != '/' || string(protocol) != "HTTP/1.1" {
		return false
	}
	known := slices.IndexFunc(methods, func(m string) bool { return m == string(method) })
	if known < 0 {
		return false
	}
	h.method = methods[known]
	h.target = string(target)
	var err error
	h.url, err = url.ParseRequestURI(h.target)
	return err == nil
}

// read reads Name: value.
func (l *line) read() bool {
	name, value, found := bytes.Cut(l.text, []byte(":"))
	if !found || len(name) == 0 {
		return false
	}
	for _, c := range name {
		if c != '-' && c != '_' && !isAlphanumeric(c) {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	l.name = textproto.CanonicalMIMEHeaderKey(string(name))
	l.value = []string{textproto.TrimString(string(value))}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// understand reads what the headers say about the connection, the host and the body. It
// reports false for what is not of the plain part.
func (h *head) understand() bool {
	hosts, lengths := 0, 0
	h.length, h.last = 0, false
	for i := range h.lines {
		value := h.lines[i].value[0]
		switch h.lines[i].name {
		case "Host":
			hosts++
			h.host = value
			if !plainHost(value) {
				return false
			}
		case "Content-Length":
			lengths++
			var ok bool
			if h.length, ok = plainLength(value); !ok {
				return false
			}
		case "Connection":
			switch {
			case strings.EqualFold(value, "close"):
				h.last = true
			case !strings.EqualFold(value, "keep-alive"):
				return false
			}
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma", "Http2-Settings":
			return false
		}
	}
	return hosts == 1 && lengths <= 1
}

// plainHost reports whether a host is a name or an address, with or without a port.
func plainHost(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isAlphanumeric(c) && !strings.ContainsRune(".-_:[]", rune(c)) {
			return false
		}
	}
	return text != ""
}

// plainLength reads the length of a body.
func plainLength(text string) (int64, bool) {
	var n int64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(text[i]-'0')
	}
	return n, text != "" && len(text) <= 18
}

// fill sets the headers of a request.
func (h *head) fill(to http.Header) {
	for i := range h.lines {
		l := &h.lines[i]
		if l.name == "Host" {
			continue
		}
		if have := to[l.name]; have != nil {
			to[l.name] = append(have, l.value...) // which copies the first line's value
			continue
		}
		to[l.name] = l.value[:1:1]
	}
}
