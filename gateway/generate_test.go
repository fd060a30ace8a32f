package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"galatea/config"
	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/gauge"
	"galatea/repository"
	"galatea/tensor"
)

// newDescribed returns a gateway of a model that answers what it is sent.
func newDescribed(t testing.TB, inputs ...tensor.Spec) *Gateway {
	t.Helper()
	c, err := config.Complete(&config.Model{Name: "m"}, tensor.Signature{Inputs: inputs, Outputs: inputs}, config.Defaults{MaxBatchSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	return newGateway(wire.Options{Models: described{info: repository.Info{ID: infer.ID{Name: "m", Version: 1}, Config: c}}, Control: anyModel{}, Handler: infer.HandlerFunc(echo)})
}

// FuzzGenerate demands that any object gets a proper answer, at a price that its size
// bounds, and that nothing of it is held afterwards.
func FuzzGenerate(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, 2.5], "b": "text", "c": 7, "id": "me", "priority": 1, "parameters": {"x": true}}`,
		`{"a": [], "b": ["x", "y"], "c": [[1]]}`, `{"b": "\ud800", "a": NaN}`, `{"parameters": {"a": [1]}}`, `[]`, `{`, `{"a": {"a": {}}}`, `{"a": 1, "a": 2}`,
	} {
		f.Add([]byte(seed))
	}
	const free = tensor.Dynamic
	g := newDescribed(f, tensor.Spec{Name: "a", DType: tensor.FP32, Shape: tensor.Shape{free, free}},
		tensor.Spec{Name: "b", DType: tensor.Bytes, Shape: tensor.Shape{free, 1}, Optional: true}, tensor.Spec{Name: "c", DType: tensor.Int8, Shape: tensor.Shape{free}, Optional: true})
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		took := gauge.Allocated(func() {
			g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/models/m/generate", bytes.NewReader(body)))
		})
		if took > uint64(8<<20)+20*uint64(len(body)) {
			t.Errorf("%d bytes of memory for a body of %d", took, len(body))
		}
		if n := g.InflightBytes(); n != 0 {
			t.Fatalf("%d bytes are held", n)
		}
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusInternalServerError, http.StatusNotImplemented:
		default:
			t.Errorf("status %d with %q", w.Code, w.Body)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("internal error")) {
			t.Errorf("status %d with %q", w.Code, w.Body)
		}
		if w.Code != http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d with %q", w.Code, w.Body)
		}
	})
}

// An input takes more memory than its name: without a limit on how many there are, an
// object of the same again and again would take that of the machine.
func TestAnObjectOfOneInputAgainAndAgainTakesLittleMemory(t *testing.T) {
	const times = 100_000
	g := newDescribed(t, tensor.Spec{Name: "a", DType: tensor.Int8, Shape: tensor.Shape{tensor.Dynamic, 1}})
	body := []byte(`{"a":1` + strings.Repeat(`,"a":1`, times) + `}`)
	w := httptest.NewRecorder()
	took := gauge.Allocated(func() {
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/models/m/generate", bytes.NewReader(body)))
	})
	if w.Code != http.StatusBadRequest || took > uint64(1<<20+4*len(body)) {
		t.Errorf("%d %.100s, with %d bytes of memory for a body of %d", w.Code, w.Body, took, len(body))
	}
}

func TestAnObjectBecomesInputsAndParameters(t *testing.T) {
	const free = tensor.Dynamic
	g := newDescribed(t, tensor.Spec{Name: "a", DType: tensor.FP32, Shape: tensor.Shape{free, 2, free}}, tensor.Spec{Name: "b", DType: tensor.Bytes, Shape: tensor.Shape{free}})
	for body, want := range map[string]string{
		`{"a": [1, 2, 3, 4], "b": "x", "mine": 1}`: `{"model_name":"m","model_version":"1","a":[1.0,2.0,3.0,4.0],"b":"x"}`,
		`{"b": ["y"], "a": [1, 2], "id": "me"}`:    `{"id":"me","model_name":"m","model_version":"1","b":"y","a":[1.0,2.0]}`,
		`{"a": [1, 2, 3], "b": "x"}`:               `{"error":"The schema can not convert input 'a' to tensor with proper shape"}`,
		`{"a": [1, "2"], "b": "x"}`:                `{"error":"Unable to parse 'data': input 'a': `,
		`{"a": [1, 2], "b": "x", "mine": [1]}`:     `{"error":"parameter 'mine' has invalid type. It should be either 'int', 'bool', or 'string'."}`,
		`{"a": [1, 2], "b": "x", "triton_x": 1}`:   `{"error":"parameter keys starting with 'triton_' are reserved`,
		`{"a": [1, 2], "parameters": [1]}`:         `{"error":"failed to parse the request JSON buffer: expected an object, got array"}`,
		`{"a": [1, 2], "a": [1, 2]}`:               `{"error":"[request id: <id_unknown>] input 'a' already exists in request"}`,
		`{"a": [1, 2]`:                             `{"error":"failed to parse the request JSON buffer: `,
	} {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/models/m/generate", bytes.NewReader([]byte(body))))
		if !bytes.HasPrefix(w.Body.Bytes(), []byte(want)) {
			t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, want)
		}
	}
}
