package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// heads are of the plain part.
var heads = []string{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: 12\r\nContent-Length: 100\r\n\r\n",
	"post-it /",
	"DELETE /a%2Fb?c=d HTTP/1.1\r\nhost: [::1]:80\r\nX:\t y \t\r\nx: z\r\nConnection: Close\r\n\r\n",
	"PATCH /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	"HEAD //a//b HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\nconnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
	"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nPragma: no-cache\r\n\r\n",
	"GET /?a;b HTTP/1.1\r\nHost: x\r\nX-Long_Name: \r\n\r\n",
}

// sameAsReadRequest compares a head that was accepted with net/http's reading of it.
func sameAsReadRequest(t *testing.T, h *head, text []byte) {
	t.Helper()
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatalf("%q is accepted, but net/http says %v", text, err)
	}
	header := http.Header{}
	h.fill(header)
	if h.method != want.Method || h.target != want.RequestURI || h.host != want.Host || *h.url != *want.URL || h.last != want.Close || h.length != want.ContentLength {
		t.Errorf("%q: got %+v, want %+v", text, h, want)
	}
	if !maps.EqualFunc(header, want.Header, slices.Equal) {
		t.Errorf("%q: got %q, want %q", text, header, want.Header)
	}
	if want.Proto != "HTTP/1.1" || len(want.TransferEncoding) > 0 || want.Trailer != nil {
		t.Errorf("%q: is not of the plain part", text)
	}
}

func FuzzHead(f *testing.F) {
	for _, h := range heads {
		f.Add([]byte(h), []byte(heads[0]))
	}
	f.Add([]byte(heads[1]), []byte(strings.ReplaceAll(heads[1], "100", "200")))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var h head
		for _, text := range [][]byte{first, second, second, first} {
			at := bytes.Index(text, headEnd)
			if at < 0 {
				return
			}
			text = text[:at+len(headEnd)]
			if !h.read(text) {
				return
			}
			sameAsReadRequest(t, &h, text)
		}
	})
}

func TestWhatIsPlain(t *testing.T) {
	for text, plain := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                         true,
		"PUT /a HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\n\r\n":                 true,
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                    true,
		"GET / HTTP/1.1\r\n\r\n":                                                    false,
		"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n":                              false,
		"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n":                                       false,
		"GET / HTTP/1.0\r\nHost: x\r\n\r\n":                                         false,
		"PRI * HTTP/2.0\r\n\r\n":                                                    false,
		"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n":                                 false,
		"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n":                                   false,
		"BREW / HTTP/1.1\r\nHost: x\r\n\r\n":                                        false,
		"GET  / HTTP/1.1\r\nHost: x\r\n\r\n":                                        false,
		"GET / HTTP/1.1 \r\nHost: x\r\n\r\n":                                        false,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n":          false,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n":                false,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n":                  false,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n": false,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n":                false,
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\n\r\n":           false,
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n":                         false,
		"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n":                              false,
		"GET / HTTP/1.1\r\nHost: x\r\nA: \n\r\n\r\n":                                false,
		"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n":                                  false,
	} {
		var h head
		if got := h.read([]byte(text)); got != plain {
			t.Errorf("%q: %v, want %v", text, got, plain)
		}
	}
}

func TestTheLinesOfTheLastHeadAreNotReadAgain(t *testing.T) {
	head1, head2 := []byte(heads[1]), []byte(strings.ReplaceAll(heads[1], "100", "200"))
	var h head
	if !h.read(head1) {
		t.Fatal("not read")
	}
	if n := testing.AllocsPerRun(100, func() { h.read(head1) }); n != 0 {
		t.Errorf("the same head: %v allocations", n)
	}
	swap := func() {
		h.read(head2)
		h.read(head1)
	}
	if n := testing.AllocsPerRun(100, swap); n > 8 { // the changed line: its name is known, its text and value are not
		t.Errorf("two heads that differ in a line: %v allocations", n)
	}
	sameAsReadRequest(t, &h, head1)
}

func TestManyLinesAreNotKept(t *testing.T) {
	many := func(lines int) []byte {
		var b strings.Builder
		b.WriteString("GET / HTTP/1.1\r\nHost: x\r\n")
		for i := range lines - 1 {
			fmt.Fprintf(&b, "%x:\r\n", i)
		}
		return []byte(b.String() + "\r\n")
	}
	var h head
	if text := many(mostLines); !h.read(text) {
		t.Error("as many as may be are refused")
	} else {
		sameAsReadRequest(t, &h, text)
	}
	if h.read(many(mostLines + 1)) {
		t.Error("one more is accepted")
	}
}

func TestLinesOfOneNameAreCollectedAtOnce(t *testing.T) {
	text := []byte("GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a:\r\n", mostLines-1) + "\r\n")
	var h head
	if !h.read(text) {
		t.Fatal("not read")
	}
	header := http.Header{}
	fill := func() {
		clear(header)
		h.fill(header)
	}
	if n := testing.AllocsPerRun(100, fill); n > 8 { // as it doubles
		t.Errorf("%v allocations", n)
	}
	sameAsReadRequest(t, &h, text)
}
