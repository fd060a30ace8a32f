package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/tensor"
)

// What is odd in Triton is so here, unless nobody counts on it.
func TestWhatIsOddInTritonIsAMatterOfChoice(t *testing.T) {
	const (
		exiting   = `{"error":"Server exiting"}`
		malformed = `{"error":"failed to parse the request JSON buffer: `
		missing   = `{"error":"Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"}`
	)
	type answer struct {
		status int
		body   string // what it begins with; "": it has none
	}
	for _, tt := range []struct {
		name, path, body string
		ready, ends      bool
		strict, lenient  answer
	}{
		{"live", "GET /v2/health/live", "", false, false, answer{200, ""}, answer{200, `{"live":true}`}},
		{"ready", "GET /v2/health/ready", "", true, false, answer{200, ""}, answer{200, `{"ready":true}`}},
		{"not ready", "GET /v2/health/ready", "", false, false, answer{400, ""}, answer{400, `{"ready":false}`}},
		{"live at the end", "GET /v2/health/live", "", false, true, answer{503, exiting}, answer{200, `{"live":true}`}},
		{"ready at the end", "GET /v2/health/ready", "", false, true, answer{503, exiting}, answer{400, `{"ready":false}`}},
		{"a model that is ready", "GET /v2/models/m/ready", "", true, false, answer{200, ""}, answer{200, `{"name":"m","ready":true}`}},
		{"malformed JSON", "POST /v2/models/m/infer", "{", true, false, answer{500, malformed}, answer{400, malformed}},
		{"a member that is missing", "POST /v2/models/m/infer", "{}", true, false, answer{500, missing}, answer{400, missing}},
		{"malformed JSON of generate", "POST /v2/models/m/generate", "{", true, false, answer{500, malformed}, answer{400, malformed}},
		{"malformed JSON of the index", "POST /v2/repository/index", "{", true, false, answer{500, malformed}, answer{400, malformed}},
	} {
		model := modelWith(nil, []tensor.Spec{spec("x", tensor.FP32, 1)}, []tensor.Spec{spec("y", tensor.FP32, 1)})
		service := wire.New(wire.Options{Models: model, Control: anyModel{}, Ready: func() bool { return tt.ready }, Exiting: func() bool { return tt.ends }})
		for lenient, want := range map[bool]answer{false: tt.strict, true: tt.lenient} {
			method, path, _ := strings.Cut(tt.path, " ")
			w := httptest.NewRecorder()
			New(Options{Service: service, Lenient: lenient}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(tt.body)))
			got := w.Body.String()
			if w.Code != want.status || !strings.HasPrefix(got, want.body) || want.body == "" && got != "" {
				t.Errorf("%s, lenient %v: %d %s, want %v", tt.name, lenient, w.Code, got, want)
			}
			if again := w.Header().Get("Retry-After"); (again != "") != (want.status == http.StatusServiceUnavailable) {
				t.Errorf("%s, lenient %v: Retry-After %q", tt.name, lenient, again)
			}
		}
	}
}
