package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/repository"
)

// restricted is a gateway whose every category asks for a header of its own name.
func restricted(t *testing.T) *Gateway {
	t.Helper()
	r := wire.Restrictions{}
	for c := range strings.FieldsSeq("health metadata inference shared-memory model-config model-repository statistics trace logging") {
		r[wire.Category(c)] = wire.Secret{Header: c, Value: "yes"}
	}
	return New(Options{Service: wire.New(wire.Options{Models: anyModel{}, Control: anyModel{}}), Decisions: (*repository.Reconciler)(nil), Restricted: r})
}

func TestEachRouteIsOfACategory(t *testing.T) {
	for path, want := range map[string]string{
		"GET /v2":                                 "metadata",
		"GET /v2/health/ready":                    "health",
		"GET /v2/models/m/ready":                  "health",
		"GET /v2/models/m/versions/1/ready":       "health",
		"GET /v2/models/m":                        "metadata",
		"GET /v2/models/m/labels/l":               "metadata",
		"GET /v2/models/m/config":                 "model-config",
		"GET /v2/models/stats":                    "statistics",
		"GET /v2/models/m/stats":                  "statistics",
		"POST /v2/models/m/infer":                 "inference",
		"POST /v2/models/m/labels/l/infer":        "inference",
		"POST /v2/models/m/generate":              "inference",
		"POST /v2/models/m/generate_stream":       "inference",
		"POST /v1/models/m:predict":               "inference",
		"POST /V1/models/m/versions/1:classify":   "inference",
		"GET /v1/models/m":                        "metadata",
		"GET /v1/models/m/metadata":               "metadata",
		"GET /v2/trace/setting":                   "trace",
		"POST /v2/models/m/trace/setting":         "trace",
		"POST /v2/logging":                        "logging",
		"GET /v2/systemsharedmemory/status":       "shared-memory",
		"POST /v2/cudasharedmemory/unregister":    "shared-memory",
		"POST /v2/repository/index":               "model-repository",
		"POST /v2/repository/r/index":             "model-repository",
		"POST /v2/repository/models/m/load":       "model-repository",
		"POST /v2/repository/models/m/rollback":   "model-repository",
		"DELETE /v2/repository/models/m/labels/l": "model-repository",
		"GET /v2/events":                          "model-repository",
	} {
		method, target, _ := strings.Cut(path, " ")
		w := httptest.NewRecorder()
		restricted(t).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
		if body := `{"error":"This API is restricted, expecting header '` + want + `'"}`; w.Code != http.StatusForbidden || w.Body.String() != body {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2", http.NoBody)
	r.Header.Set("Metadata", "yes")
	w := httptest.NewRecorder()
	if restricted(t).ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPathsSayWhatTheyMayBeAskedWith(t *testing.T) {
	g := newGateway(wire.Options{Models: anyModel{}, Control: anyModel{}})
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"OPTIONS", "/v2/models/m/infer", 204, "POST, OPTIONS"},
		{"OPTIONS", "/v2/health/live", 204, "GET, HEAD, OPTIONS"},
		{"PUT", "/v2/models/m/infer", 405, "POST, OPTIONS"},
		{"HEAD", "/v2/models/m/infer", 405, "POST, OPTIONS"},
		{"HEAD", "/v2/health/live", 200, ""},
		{"OPTIONS", "/v3", 404, ""},
	} {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, http.NoBody))
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestPagesOfOriginsThatMayAskAreToldSo(t *testing.T) {
	service := wire.New(wire.Options{Models: anyModel{}, Control: anyModel{}})
	ask := func(g *Gateway, method, origin string, header ...string) http.Header {
		r := httptest.NewRequestWithContext(t.Context(), method, "/v2/models/m/infer", http.NoBody)
		r.Header.Set("Origin", origin)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Header()
	}
	g := New(Options{Service: service, Origins: []string{"https://a.example"}})
	if h := ask(g, "POST", "https://a.example"); h.Get("Access-Control-Allow-Origin") != "https://a.example" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), headerLength) {
		t.Errorf("%v", h)
	}
	if h := ask(g, "OPTIONS", "https://a.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,inference-header-content-length"); h.Get("Access-Control-Allow-Methods") != "POST" || h.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("%v", h)
	}
	if h := ask(g, "POST", "https://b.example"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", h)
	}
	if h := ask(New(Options{Service: service}), "POST", "https://a.example"); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without a flag: %v", h)
	}
}

func TestTheNameOfARequestComesBack(t *testing.T) {
	g := newGateway(wire.Options{Models: anyModel{}, Control: anyModel{}})
	for _, id := range []string{"", "mine", strings.Repeat("x", maxRequestID), strings.Repeat("x", maxRequestID+1)} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2", http.NoBody)
		r.Header.Set(headerRequestID, id)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if want := id; len(id) > maxRequestID {
			if got := w.Header().Get(headerRequestID); got != "" {
				t.Errorf("%d bytes came back", len(got))
			}
		} else if got := w.Header().Get(headerRequestID); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
