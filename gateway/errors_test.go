package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/repository"
)

// control answers loads and unloads with an error.
type control struct{ err error }

func (c control) Load(context.Context, string) error                    { return c.err }
func (c control) LoadWith(context.Context, string, wire.Override) error { return c.err }
func (c control) Reload(context.Context, string) error                  { return nil }
func (c control) Unload(context.Context, string) error                  { return c.err }

func TestLoadAndUnloadAnswerAsTritonDoes(t *testing.T) {
	failed := &repository.LoadError{Name: "m", Failures: []repository.Failure{{Version: 1, Text: "no model"}, {Version: 2, Text: "so"}}}
	for _, tt := range []struct {
		name   string
		path   string
		body   string
		err    error
		status int
		text   string
	}{
		{"loaded", "/v2/repository/models/m/load", "", nil, 200, ""},
		{"loaded, with empty parameters", "/v2/repository/models/m/load", `{"parameters":{}}`, nil, 200, ""},
		{"unloaded", "/v2/repository/models/m/unload", "", nil, 200, ""},
		{"unloaded with what depends on it", "/v2/repository/models/m/unload", `{"parameters":{"unload_dependents":true}}`, nil, 200, ""},
		{"not in this mode", "/v2/repository/models/m/load", "", repository.ErrMode, 503, "explicit model load / unload is not allowed if polling is enabled"},
		{"unloading not in this mode", "/v2/repository/models/m/unload", "", repository.ErrMode, 503, "explicit model load / unload is not allowed if polling is enabled"},
		{"no such model", "/v2/repository/models/m/load", "", infer.ErrUnknownModel, 500, "failed to load 'm', failed to poll from model repository"},
		{"it fails", "/v2/repository/models/m/load", "", failed, 400, "load failed for model 'm': version 1 is at UNAVAILABLE state: no model;\nversion 2 is at UNAVAILABLE state: so;\n"},
		{"the end", "/v2/repository/models/m/load", "", infer.ErrStopping, 503, "[request id: <id_unknown>] Server is stopping, scheduler for model has stopped accepting new inference requests"},
		{"a name that leaves the repository", "/v2/repository/models/..%2Fm/load", "", nil, 400, "invalid model name '../m', model name must not contain path traversal characters"},
		{"a hidden name", "/v2/repository/models/.m/load", "", nil, 400, "invalid model name '.m', model name must not contain path traversal characters"},
		{"no name", "/v2/repository/models//load", "", nil, 400, "Model name cannot be empty. Please enter a valid name to deploy."},
		{"a config that is no text", "/v2/repository/models/m/load", `{"parameters":{"config":{}}}`, nil, 500, "unexpected error on creating Triton parameter: 'config': expected a text"},
		{"a file without a config", "/v2/repository/models/m/load", `{"parameters":{"file:1/model.onnx":"AA=="}}`, nil, 400, "Load parameter 'config' must be specified for model file override"},
		{"a file that is no base64", "/v2/repository/models/m/load", `{"parameters":{"file:1/model.onnx":"%"}}`, nil, 400, "load parameter 'file:1/model.onnx': expected base64: illegal base64 data at input byte 0"},
		{"a config in a mode without loads", "/v2/repository/models/m/load", `{"parameters":{"config":"{}"}}`, repository.ErrMode, 503, wire.ErrOnlyExplicit.Error()},
		{"force that is no yes", "/v2/repository/models/m/load", `{"parameters":{"force":1}}`, nil, 500, "Unable to parse 'force': attempt to access JSON non-boolean as boolean"},
		{"a parameter of somebody else's", "/v2/repository/models/m/load", `{"parameters":{"so":1}}`, nil, 500, "unexpected error on creating Triton parameter: 'so': expected config, file:VERSION/NAME, force or persist"},
		{"an unload parameter of the wrong type", "/v2/repository/models/m/unload", `{"parameters":{"unload_dependents":1}}`, nil, 500, "unexpected error on creating Triton parameter: 'unload_dependents': expected unload_dependents, true or false"},
		{"malformed", "/v2/repository/models/m/load", `{`, nil, 500, "failed to parse the request JSON buffer: unexpected end of JSON input"},
		{"parameters that are none", "/v2/repository/models/m/load", `{"parameters":[]}`, nil, 500, "Unable to parse 'parameters': attempt to access JSON non-object as object"},
		{"too large", "/v2/repository/models/m/unload", strings.Repeat(" ", maxControlBody+1), nil, 400, "request of 1048577 bytes or more: expected at most 1048576"},
		{"of one repository", "/v2/repository/here/models/m/load", "", nil, 501, "'repository_name' specification is not supported"},
		{"unload of one repository", "/v2/repository/here/models/m/unload", "", nil, 501, "'repository_name' specification is not supported"},
		{"index of one repository", "/v2/repository/here/index", "", nil, 501, "'repository_name' specification is not supported"},
		{"index", "/v2/repository/index", `{"ready":"yes"}`, nil, 400, "Invalid value for 'ready': expected a boolean"},
		{"index of a list", "/v2/repository/index", `[]`, nil, 500, "failed to parse the request JSON buffer: expected an object, got array"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(wire.Options{Models: anyModel{}, Control: control{tt.err}})
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, tt.path, strings.NewReader(tt.body)))
			want := ""
			if tt.text != "" {
				want = fmt.Sprintf(`{"error":%q}`, tt.text)
			}
			if w.Code != tt.status || w.Body.String() != want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, want)
			}
		})
	}
}

func TestAPanicIsOneFailedRequest(t *testing.T) {
	g := newGateway(wire.Options{Models: anyModel{}, Control: anyModel{}, Handler: infer.HandlerFunc(func(context.Context, *infer.Request) (*infer.Response, error) { panic("oh") })})
	head := `{"inputs":[{"name":"x","shape":[1],"datatype":"INT8","parameters":{"binary_data_size":1}}]}`
	w := post(t, g, []byte(head+"1"), len(head), 0)
	if want := `{"error":"internal error: see the server's log"}`; w.Code != 500 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := g.InflightBytes(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
	if got := g.Requests(); got[RouteStatus{"/v2/models/:model/infer", 500}].Count() != 1 {
		t.Errorf("the requests are %v", got)
	}
}

func TestNoModelIsThereBeforeAllWereLookedAt(t *testing.T) {
	loaded := false
	g := newGateway(wire.Options{Models: noModel{}, Control: anyModel{}, Loaded: func() bool { return loaded }})
	for _, want := range []string{`{"error":"Server not ready"}`, `{"error":"Request for unknown model: 'm' is not found"}`} {
		for _, path := range []string{"", "/ready", "/config"} {
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/models/m"+path, http.NoBody))
			if w.Body.String() != want {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if w := post(t, g, nil, 0, 0); w.Body.String() != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		loaded = true
	}
}

// noModel knows no model.
type noModel struct{ anyModel }

func (noModel) Find(infer.Ref) error { return infer.ErrUnknownModel }
