package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/tensor"
)

// samples are four elements of each type: as JSON is asked and answered, and as bytes.
var samples = []struct {
	dtype        tensor.DType
	asked, given string // "": JSON does not carry the type
	bytes        string
}{
	{tensor.Bool, "[true,false,true,true]", "", "\x01\x00\x01\x01"},
	{tensor.Uint8, "[0,1,128,255]", "", "\x00\x01\x80\xff"},
	{tensor.Uint16, "[0,1,256,65535]", "", "\x00\x00\x01\x00\x00\x01\xff\xff"},
	{tensor.Uint32, "[0,1,65536,4294967295]", "", "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\xff\xff\xff\xff"},
	{tensor.Uint64, "[0,1,9007199254740993,18446744073709551615]", "", "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x20\x00\xff\xff\xff\xff\xff\xff\xff\xff"},
	{tensor.Int8, "[0,-1,127,-128]", "", "\x00\xff\x7f\x80"},
	{tensor.Int16, "[0,-1,32767,-32768]", "", "\x00\x00\xff\xff\xff\x7f\x00\x80"},
	{tensor.Int32, "[0,-1,2147483647,-2147483648]", "", "\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00\x80"},
	{tensor.Int64, "[0,-1,9223372036854775807,-9223372036854775808]", "", "\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00\x00\x00\x00\x00\x80"},
	{tensor.FP32, "[0.1,-0,1e38,NaN]", "[0.1,-0.0,1e+38,NaN]", "\xcd\xcc\xcc\x3d\x00\x00\x00\x80\x99\x76\x96\x7e\x00\x00\xc0\x7f"},
	{tensor.FP64, "[0.1,-Infinity,1e-300,3]", "[0.1,-Infinity,1e-300,3.0]", "\x9a\x99\x99\x99\x99\x99\xb9\x3f\x00\x00\x00\x00\x00\x00\xf0\xff\x59\xf3\xf8\xc2\x1f\x6e\xa5\x01\x00\x00\x00\x00\x00\x00\x08\x40"},
	{tensor.Bytes, `["","a\u0000b","Ünï","\"\\\n"]`, `["","a\u0000b","Ünï","\"\\\n"]`, "\x00\x00\x00\x00\x03\x00\x00\x00a\x00b\x05\x00\x00\x00Ünï\x03\x00\x00\x00\"\\\n"},
	{tensor.FP16, "", "", "\x00\x3c\x00\xbc\x00\x7c\x01\x00"},
	{tensor.BF16, "", "", "\x80\x3f\x80\xbf\x80\x7f\x01\x00"},
}

// tensorsOf splits an answer into its JSON and what follows.
func tensorsOf(t *testing.T, reply servetest.Reply) (head, tail []byte) {
	t.Helper()
	text := reply.Header.Get("Inference-Header-Content-Length")
	if text == "" {
		return reply.Body, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > len(reply.Body) || reply.Header.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("%v, %v", reply.Header, reply)
	}
	return reply.Body[:n], reply.Body[n:]
}

func TestEveryTypeGoesThroughBothEncodings(t *testing.T) {
	s := start(t, servetest.Options{}, func(root string) {
		for _, sample := range samples {
			onnxtest.Version(t, root, sample.dtype.String(), 1, onnxtest.Identity(sample.dtype, tensor.Shape{tensor.Dynamic, 4}))
		}
	})
	if len(samples) != len(tensor.DTypes()) {
		t.Errorf("%d of %d types", len(samples), len(tensor.DTypes()))
	}
	for _, sample := range samples {
		t.Run(sample.dtype.String(), func(t *testing.T) {
			path := "/v2/models/" + sample.dtype.String() + "/infer"
			head := binaryBody("[1,4]", sample.dtype.String(), len(sample.bytes))
			send := func(body string, header map[string]string) servetest.Reply {
				t.Helper()
				reply, err := s.Do(t.Context(), servetest.Request{Path: path, Header: header, Body: []byte(body)})
				if err != nil || reply.Status != http.StatusOK {
					t.Fatalf("%v, %v", reply, err)
				}
				return reply
			}
			// bytes in, bytes out
			asBytes := string(head[:len(head)-1]) + `,"parameters":{"binary_data_output":true}}`
			gotHead, gotTail := tensorsOf(t, send(asBytes+sample.bytes, headerOf([]byte(asBytes))))
			if string(gotTail) != sample.bytes || !bytes.Contains(gotHead, fmt.Appendf(nil, `{"name":"y","datatype":"%v","shape":[1,4],"parameters":{"binary_data_size":%d}}`, sample.dtype, len(sample.bytes))) {
				t.Errorf("bytes to bytes: %s %q", gotHead, gotTail)
			}
			if sample.asked == "" {
				return
			}
			given := sample.given
			if given == "" {
				given = sample.asked
			}
			// bytes in, JSON out
			want := fmt.Sprintf(`"outputs":[{"name":"y","datatype":"%v","shape":[1,4],"data":%s}]}`, sample.dtype, given)
			if got := send(string(head)+sample.bytes, headerOf(head)); !strings.HasSuffix(string(got.Body), want) {
				t.Errorf("bytes to JSON: %s, want %s", got.Body, want)
			}
			// JSON in, both out
			body := inputs(x("[1,4]", sample.dtype.String(), sample.asked))
			if got := send(body, nil); !strings.HasSuffix(string(got.Body), want) {
				t.Errorf("JSON to JSON: %s, want %s", got.Body, want)
			}
			if _, tail := tensorsOf(t, send(inputs(x("[1,4]", sample.dtype.String(), sample.asked), `"parameters":{"binary_data_output":true}`), nil)); string(tail) != sample.bytes {
				t.Errorf("JSON to bytes: %q, want %q", tail, sample.bytes)
			}
		})
	}
}

func TestAnswersHoldWhatWasAskedFor(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	a := `{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`
	b := `{"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2]}`
	const sum, difference = `{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3]}`, `{"name":"OUTPUT1","datatype":"INT32","shape":[1,16],"data":[-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1]}`
	const front = `{"model_name":"addsub","model_version":"1","outputs":[`
	threes, minuses := strings.Repeat("\x03\x00\x00\x00", 16), strings.Repeat("\xff", 64)
	size := func(name string) string {
		return `{"name":"` + name + `","datatype":"INT32","shape":[1,16],"parameters":{"binary_data_size":64}}`
	}
	for _, tt := range []struct {
		name, body, want, tail string
	}{
		{"all, where none is named", inputs(a + "," + b), front + sum + "," + difference + "]}", ""},
		{"inputs in any order", inputs(b + "," + a), front + sum + "," + difference + "]}", ""},
		{"an id comes back", inputs(a+","+b, `"id":"<me> & \"you\""`), `{"id":"<me> & \"you\"",` + front[1:] + sum + "," + difference + "]}", ""},
		{"an empty list of outputs is none", inputs(a+","+b, `"outputs":[]`), front + sum + "," + difference + "]}", ""},
		{"one of two", inputs(a+","+b, `"outputs":[{"name":"OUTPUT1"}]`), front + difference + "]}", ""},
		{"in the request's order", inputs(a+","+b, `"outputs":[{"name":"OUTPUT1"},{"name":"OUTPUT0"}]`), front + difference + "," + sum + "]}", ""},
		{"all as bytes", inputs(a+","+b, `"parameters":{"binary_data_output":true}`), front + size("OUTPUT0") + "," + size("OUTPUT1") + "]}", threes + minuses},
		{"bytes in the request's order", inputs(a+","+b, `"outputs":[{"name":"OUTPUT1","parameters":{"binary_data":true}},{"name":"OUTPUT0","parameters":{"binary_data":true}}]`), front + size("OUTPUT1") + "," + size("OUTPUT0") + "]}", minuses + threes},
		{"one as bytes, one as JSON", inputs(a+","+b, `"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT1","parameters":{"binary_data":true}}]`), front + sum + "," + size("OUTPUT1") + "]}", minuses},
		{"listed without binary_data is JSON whatever the request says", inputs(a+","+b, `"outputs":[{"name":"OUTPUT0"}]`, `"parameters":{"binary_data_output":true}`), front + sum + "]}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply := s.Post("/v2/models/addsub/infer", tt.body)
			if head, tail := tensorsOf(t, reply); reply.Status != http.StatusOK || string(head) != tt.want || string(tail) != tt.tail {
				t.Errorf("got  %d %s %q\nwant %s %q", reply.Status, head, tail, tt.want, tt.tail)
			}
		})
	}
	for path, want := range map[string]struct{ body, answer string }{
		"scalar": {inputs(x("[]", "FP32", "2.5")), `"outputs":[{"name":"y","datatype":"FP32","shape":[],"data":[2.5]}]}`},
		"free":   {inputs(x("[2,0]", "FP32", "[[],[]]")), `"outputs":[{"name":"y","datatype":"FP32","shape":[2,0],"data":[]}]}`},
		"bias":   {inputs(good), `"outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":[2.0,4.0,6.0,8.0]}]}`},
	} {
		if reply := s.Post("/v2/models/"+path+"/infer", want.body); reply.Status != http.StatusOK || !strings.HasSuffix(string(reply.Body), want.answer) {
			t.Errorf("%s: %v, want %s", path, reply, want.answer)
		}
	}
}
