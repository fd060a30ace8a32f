package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/gauge"
	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// seeds are bodies, the length of their JSON (0 for all), and how they are packed.
var seeds = []struct {
	body    string
	header  int
	packing uint8
}{
	{`{"id":"a","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2.5,-3e-2,NaN]}],"outputs":[{"name":"x"}]}`, 0, 0},
	{`{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a","\u00e9\ud83d\ude00"]}],"parameters":{"binary_data_output":true,"p":1}}`, 0, chunked},
	{`{"inputs":[{"name":"x","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}}]}abcd`, 92, 0},
	{`{"inputs":[{"name":"x","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}},{"name":"y","shape":[1],"datatype":"BOOL","data":[true]}]}abcd`, 147, chunked},
	{`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}],"outputs":[{"name":"x","parameters":{"binary_data":true}}]}` + "\x01\x00\x00\x00a", 149, 0},
	{`{"inputs":[{"name":"x","shape":[18446744073709551615,2],"datatype":"INT64","data":[]}]}`, 0, 0},
	{`{"inputs":[{"name":"x","shape":[4294967296,4294967296],"datatype":"UINT8","data":[]}]}`, -1, 0},
	{`{"inputs":[{"name":"x","shape":[0,9],"datatype":"FP64","data":[[]]}],"parameters":{"sequence_id":7,"priority":1,"timeout":2}}`, 0, 0},
	{`{"\u0069nputs":[{"name":"\u0078","shape":[],"datatype":"UINT64","data":18446744073709551615}]}`, 0, 0},
	{"{\"inputs\":[{\"name\":\"x\xff\"}]}", 0, 0},
	{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 0, gzipped},
	{"\x78\x9c\x03\x00\x00\x00\x00\x01", 0, deflated},
	{"", 0, 0},
}

// The ways to pack a body; what a fuzzed one says is the rest by their number.
const (
	chunked = 1 + iota
	gzipped
	deflated
	packings
)

// echo answers with the inputs, and looks whether they are what they say they are.
func echo(_ context.Context, req *infer.Request) (*infer.Response, error) {
	resp := &infer.Response{Model: infer.ID{Name: req.Model.Name, Version: 1}}
	for _, in := range req.Inputs {
		elements, err := in.Shape.Elements()
		if err != nil {
			panic(fmt.Sprintf("shape %v: %v", in.Shape, err))
		}
		size := int64(in.DType.Size())
		if in.DType == tensor.Bytes {
			n, err := tensor.CountStrings(in.Data)
			if err != nil || n != elements {
				return nil, infer.Invalidf("strings")
			}
		} else if int64(len(in.Data)) != elements*size {
			return nil, infer.Invalidf("bytes")
		}
		in.Data, in.Shape = slices.Clone(in.Data), slices.Clone(in.Shape)
		resp.Outputs = append(resp.Outputs, in)
	}
	return resp, nil
}

// post sends a body to a gateway in memory.
func post(t *testing.T, g *Gateway, body []byte, header int, packing uint8) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/models/m/infer", bytes.NewReader(body))
	if header != 0 {
		r.Header.Set(headerLength, strconv.Itoa(header))
	}
	switch packing % packings {
	case chunked:
		r.ContentLength = -1
	case gzipped:
		r.Header.Set("Content-Encoding", "gzip")
	case deflated:
		r.Header.Set("Content-Encoding", "deflate")
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// checkExchange makes sure that any body gets a proper answer, at a price that its
// size bounds, and that nothing of it is held afterwards.
func checkExchange(t *testing.T, g *Gateway, body []byte, header int, packing uint8) {
	var w *httptest.ResponseRecorder
	took := gauge.Allocated(func() { w = post(t, g, body, header, packing) })
	limit := uint64(8<<20) + 100*uint64(len(body))
	if packing%packings == gzipped || packing%packings == deflated {
		limit += 100 * fuzzInput
	}
	if took > limit {
		t.Errorf("%d bytes of memory for a body of %d", took, len(body))
	}
	if n := g.InflightBytes(); n != 0 {
		t.Fatalf("%d bytes are held", n)
	}
	answer := w.Body.Bytes()
	switch w.Code {
	case http.StatusOK:
		checkEcho(t, g, w)
	case http.StatusBadRequest, http.StatusInternalServerError, http.StatusNotImplemented:
		var e struct{ Error string }
		if err := json.Unmarshal(answer, &e); err != nil || e.Error == "" || !utf8.ValidString(e.Error) || len(answer) > maxErrorAnswer {
			t.Errorf("status %d with %q: %v", w.Code, answer, err)
		}
		if strings.Contains(e.Error, "internal error") {
			t.Errorf("status %d with %q", w.Code, answer)
		}
	default:
		t.Errorf("status %d with %q", w.Code, answer)
	}
}

// maxErrorAnswer is more than an error with a text of 4 KiB takes, escaped.
const maxErrorAnswer = 32 << 10

// checkEcho sends the answer's JSON tensors again: they must come back as they are.
func checkEcho(t *testing.T, g *Gateway, w *httptest.ResponseRecorder) {
	head := w.Body.Bytes()
	if text := w.Header().Get(headerLength); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n > len(head) {
			t.Fatalf("%s: %q in an answer of %d bytes", headerLength, text, len(head))
		}
		return
	}
	at := bytes.LastIndex(head, []byte(`"model_version":"1","outputs":[`))
	if at < 0 || bytes.Contains(head, []byte("binary_data_size")) {
		return
	}
	again := append([]byte(`{"inputs":`), head[at+len(`"model_version":"1","outputs":`):]...)
	second := post(t, g, again, 0, 0)
	at2 := bytes.LastIndex(second.Body.Bytes(), []byte(`"model_version":"1","outputs":[`))
	if second.Code != http.StatusOK || at2 < 0 || !bytes.Equal(second.Body.Bytes()[at2:], head[at:]) {
		t.Errorf("the answer %q, sent again, gives %d %q", head, second.Code, second.Body)
	}
}

// The server may send an answer's headers when the handler has returned, and another
// request is under way.
func TestTheHeadersOfAnAnswerAreItsOwn(t *testing.T) {
	g := fuzzed()
	ask := func(id string) *httptest.ResponseRecorder {
		head := fmt.Sprintf(`{"id":%q,"inputs":[{"name":"x","shape":[1],"datatype":"INT8","parameters":{"binary_data_size":1}}],"parameters":{"binary_data_output":true}}`, id)
		return post(t, g, []byte(head+"1"), len(head), 0)
	}
	for range 100 { // what is kept for the next request may be dropped in between
		first := ask("a")
		want := strconv.Itoa(first.Body.Len() - 1)
		ask("longer")
		if got := first.Header().Get(headerLength); got != want {
			t.Fatalf("after another request %s is %s, want %s", headerLength, got, want)
		}
	}
}

// fuzzInput is the largest body of these tests.
const fuzzInput = 1 << 20

func fuzzed() *Gateway {
	return New(Options{Service: wire.New(wire.Options{Handler: infer.HandlerFunc(echo), Models: anyModel{}, Control: anyModel{}}), Limits: Limits{MaxInputSize: fuzzInput}})
}

// FuzzBody sends anything as a request's body, with any length of its header.
func FuzzBody(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s.body), s.header, s.packing)
	}
	g := fuzzed()
	f.Fuzz(func(t *testing.T, body []byte, header int, packing uint8) {
		checkExchange(t, g, body, header, packing)
	})
}

// Each beginning of a body, and each body with one byte changed, has an answer.
func TestBrokenBodies(t *testing.T) {
	g := fuzzed()
	for _, s := range seeds {
		for i := range len(s.body) {
			checkExchange(t, g, []byte(s.body[:i]), s.header, s.packing)
			broken := []byte(s.body)
			for _, c := range []byte{0, '"', '9', ']', 0xff} {
				broken[i] = c
				checkExchange(t, g, broken, s.header, s.packing)
			}
		}
	}
}

func TestJSONBesideTheDataIsBounded(t *testing.T) {
	g := newGateway(wire.Options{Handler: infer.HandlerFunc(echo), Models: anyModel{}, Control: anyModel{}})
	data := strings.Repeat("1,", jsontensor.DefaultRest) + "1"
	large := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d],"datatype":"UINT8","data":[%s]}]}`, jsontensor.DefaultRest+1, data)
	if w := post(t, g, []byte(large), 0, 0); w.Code != http.StatusOK {
		t.Errorf("much data: %d %.200s", w.Code, w.Body)
	}
	for _, member := range []string{`"shape":[` + data + `]`, `"parameters":{"p":"` + data + data + `"}`, `"outputs":[` + strings.Repeat("{},", jsontensor.DefaultRest/2) + `{}]`} {
		w := post(t, g, []byte(`{"inputs":[{"name":"x","data":[1]}],`+member+`}`), 0, 0)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "too much JSON beside the tensors' data: expected at most 4194304 bytes") {
			t.Errorf("%.20s: %d %.200s", member, w.Code, w.Body)
		}
	}
}

// JSON values are decoded into memory that is got once, whatever their types.
func TestDecodedValuesAreAlignedAndApart(t *testing.T) {
	var got []tensor.Tensor
	keep := func(_ context.Context, req *infer.Request) (*infer.Response, error) {
		for _, in := range req.Inputs {
			in.Data = slices.Clone(in.Data)
			got = append(got, in)
		}
		return &infer.Response{}, nil
	}
	g := newGateway(wire.Options{Handler: infer.HandlerFunc(keep), Models: anyModel{}, Control: anyModel{}})
	body := `{"inputs":[{"name":"a","shape":[3],"datatype":"UINT8","data":[1,2,3]},
		{"name":"b","shape":[2],"datatype":"FP64","data":[0.5,-1e300]},
		{"name":"c","shape":[2],"datatype":"BYTES","data":["x","long\u0041"]},
		{"name":"d","shape":[1],"datatype":"INT64","data":[-2]},
		{"name":"e","shape":[0],"datatype":"FP32","data":[]}]}`
	if w := post(t, g, []byte(body), 0, 0); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := []string{"\x01\x02\x03", floats(0.5, -1e300), "\x01\x00\x00\x00x\x05\x00\x00\x00longA", "\xfe\xff\xff\xff\xff\xff\xff\xff", ""}
	for i, w := range want {
		if string(got[i].Data) != w {
			t.Errorf("%s: got %q, want %q", got[i].Name, got[i].Data, w)
		}
	}
}

func floats(all ...float64) string {
	var b []byte
	for _, f := range all {
		bits := math.Float64bits(f)
		for shift := 0; shift < 64; shift += 8 {
			b = append(b, byte(bits>>shift))
		}
	}
	return string(b)
}

func TestRequestsSayWhatTheyWant(t *testing.T) {
	var got *infer.Request
	keep := func(req *infer.Request) { // the request itself is the gateway's
		got = &infer.Request{
			Model: req.Model, ID: req.ID, Outputs: slices.Clone(req.Outputs), Priority: req.Priority, Timeout: req.Timeout,
			Sequence: req.Sequence, Received: req.Received,
		}
	}
	g := newGateway(wire.Options{Models: anyModel{}, Control: anyModel{}, Handler: infer.HandlerFunc(func(_ context.Context, req *infer.Request) (*infer.Response, error) {
		keep(req)
		return nil, infer.ErrQueueFull
	})})
	body := `{"id":"me","inputs":[],"outputs":[{"name":"b"},{"name":"a"}],"parameters":{"priority":18446744073709551615,"timeout":5,
		"sequence_id":"s \"1\"","sequence_start":true,"sequence_end":false,"headers":[1],"own":"x","half":0.5,"yes":true}}`
	w := post(t, g, []byte(body), 0, 0)
	if want := `{"error":"[request id: me] Exceeds maximum queue size"}`; w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got.ID != "me" || got.Priority != math.MaxUint64 || got.Timeout.Microseconds() != 5 || got.Sequence != (infer.Sequence{ID: `s "1"`, Start: true}) ||
		!slices.Equal(got.Outputs, []string{"b", "a"}) || got.Model.Name != "m" || got.Received.IsZero() {
		t.Errorf("got %+v", got)
	}
	for _, id := range []string{"7", "18446744073709551615"} {
		post(t, g, []byte(`{"inputs":[],"parameters":{"timeout":9223372036854775807,"sequence_id":`+id+`}}`), 0, 0)
		if got.Sequence.ID != id || got.Timeout <= 0 {
			t.Errorf("got %+v", got)
		}
	}
}
