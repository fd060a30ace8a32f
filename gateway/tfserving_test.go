package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"galatea/config"
	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/tfjson"
	"galatea/repository"
	"galatea/tensor"
)

func TestEverySentinelHasAStatusAndATextOfTensorFlowServing(t *testing.T) {
	latest, pinned, labelled := infer.Ref{Name: "m"}, infer.Ref{Name: "m", Version: 7}, infer.Ref{Name: "m", Label: "stable"}
	for _, tt := range []struct {
		err    error
		ref    infer.Ref
		status int
		text   string
	}{
		{infer.ErrUnknownModel, latest, 404, "Servable not found for request: Latest(m)"},
		{infer.ErrUnknownModel, pinned, 404, "Servable not found for request: Specific(m, 7)"},
		{infer.ErrUnknownVersion, pinned, 404, "Servable not found for request: Specific(m, 7)"},
		{infer.ErrUnknownVersion, latest, 404, "Servable not found for request: Specific(m, 0)"},
		{infer.ErrUnknownLabel, labelled, 400, "Unrecognized servable version label: stable"},
		{infer.ErrNoVersion, latest, 404, "Servable not found for request: Latest(m)"},
		{infer.ErrNotReady, pinned, 404, "Servable not found for request: Specific(m, 7)"},
		{infer.ErrNotReady, labelled, 404, "Servable not found for request: Specific(m, stable)"},
		{infer.Invalidf("odd input"), latest, 400, "odd input"},
		{infer.ErrQueueFull, latest, 503, "Exceeds maximum queue size"},
		{infer.ErrTimeout, latest, 504, "Request timeout expired"},
		{infer.ErrDeadline, latest, 504, "deadline exceeded: the answer would come too late, or did: allow the request more time, or the model more instances"},
		{infer.ErrOverloaded, latest, 503, "overloaded: the requests that wait already would make the answer come too late: try again later, or allow the request more time"},
		{infer.ErrOverQuota, latest, 429, "over quota: the caller has as many requests waiting as its share of the queue allows: wait for answers before asking more"},
		{infer.ErrStopping, latest, 503, "Server is stopping, scheduler for model has stopped accepting new inference requests"},
		{infer.ErrInstanceLost, latest, 503, "instance lost"},
		{infer.ErrExecution, latest, 500, "inference failed"},
		{context.Canceled, latest, 499, "context canceled"},
		{context.DeadlineExceeded, latest, 504, "context deadline exceeded"},
		{errors.New("odd"), latest, 500, "odd"},
		{wire.Unavailable("not yet"), latest, 503, "not yet"},
		{&tfjson.Error{Text: "odd body"}, latest, 400, "odd body"},
		{&tfjson.Error{Text: "odd type", Unsupported: true}, latest, 501, "odd type"},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("%w", tt.err)} {
			if status, text := tfStatusOf(err), tfTextOf(err, tt.ref); status != tt.status || text != tt.text {
				t.Errorf("%v of %v: %d %q, want %d %q", err, tt.ref, status, text, tt.status, tt.text)
			}
		}
	}
	for _, sentinel := range infer.Sentinels() {
		known := false
		for _, row := range tfStatuses {
			known = known || errors.Is(sentinel, row.err)
		}
		if !known {
			t.Errorf("%v has no row in the table of TensorFlow Serving's statuses", sentinel)
		}
	}
}

func TestPathsOfTensorFlowServing(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		call         tfCall
		route        string
		err          string
	}{
		{"POST", "/v1/models/m:predict", tfCall{tfPredict, infer.Ref{Name: "m"}, ""}, "/v1/models/:model:predict", ""},
		{"POST", "/v1/models/m:classify", tfCall{tfClassify, infer.Ref{Name: "m"}, ""}, "/v1/models/:model:classify", ""},
		{"POST", "/V1/mOdels/M/versions/007:REGRESS", tfCall{tfRegress, infer.Ref{Name: "M", Version: 7}, "007"}, "/v1/models/:model/versions/:version:regress", ""},
		{"POST", "/v1/models/a%2Fb%3Ac/labels/x%20y:predict", tfCall{tfPredict, infer.Ref{Name: "a/b:c", Label: "x y"}, ""}, "/v1/models/:model/labels/:label:predict", ""},
		{"GET", "/v1/models/m", tfCall{tfStatus, infer.Ref{Name: "m"}, ""}, "/v1/models/:model", ""},
		{"GET", "/v1/models/m/Versions/0", tfCall{tfStatus, infer.Ref{Name: "m"}, "0"}, "/v1/models/:model/versions/:version", ""},
		{"GET", "/v1/models/m/Metadata", tfCall{tfMetadata, infer.Ref{Name: "m"}, ""}, "/v1/models/:model/metadata", ""},
		{"GET", "/v1/models/m/labels/l/metadata", tfCall{tfMetadata, infer.Ref{Name: "m", Label: "l"}, ""}, "/v1/models/:model/labels/:label/metadata", ""},
		{"GET", "/v1/models/versions", tfCall{tfStatus, infer.Ref{Name: "versions"}, ""}, "/v1/models/:model", ""},
		{"GET", "/v1/models", tfCall{}, "/v1/*", "Missing model name in request."},
		{"GET", "/v1/models/", tfCall{}, "/v1/*", "Malformed request: GET /v1/models/"},
		{"GET", "/v1/models/m/", tfCall{}, "/v1/*", "Malformed request: GET /v1/models/m/"},
		{"GET", "/v1/models/m:predict?a=b", tfCall{}, "/v1/*", "Malformed request: GET /v1/models/m:predict"},
		{"OPTIONS", "/v1/models/m:predict", tfCall{}, "/v1/*", "Malformed request: OPTIONS /v1/models/m:predict"},
		{"POST", "/v1/models/m:explain", tfCall{}, "/v1/*", "Malformed request: POST /v1/models/m:explain"},
		{"POST", "/v1/models/m/versions/-1:predict", tfCall{}, "/v1/*", "Malformed request: POST /v1/models/m/versions/-1:predict"},
		{"POST", "/v1/models/m/versions/1/labels/l:predict", tfCall{}, "/v1/*", "Malformed request: POST /v1/models/m/versions/1/labels/l:predict"},
		{"POST", "/v1/models/m/versions/9223372036854775808:predict", tfCall{}, "/v1/*", "Failed to convert version: 9223372036854775808 to numeric."},
		{"POST", "/v1/models/m:predict%0A", tfCall{}, "/v1/*", "Malformed request: POST /v1/models/m:predict%0A"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
			call, err := tfCallOf(r)
			if tt.err == "" && (err != nil || call != tt.call) || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %+v, %v", call, err)
			}
			g := newGateway(wire.Options{Models: anyModel{}, Control: anyModel{}, Loaded: func() bool { return true }})
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if got := g.Requests(); len(got) != 1 || got[RouteStatus{tt.route, w.Code}].Count() != 1 {
				t.Errorf("it is counted as %v", got)
			}
		})
	}
}

func TestStatesOfTensorFlowServing(t *testing.T) {
	for _, tt := range []struct {
		row               repository.Status
		state, code, text string
	}{
		{repository.Status{State: repository.StateReady, Reason: "canary: 5 % of the requests"}, "AVAILABLE", "OK", ""},
		{repository.Status{State: repository.StateLoading, Reason: "attempt 2, after: so"}, "LOADING", "OK", ""},
		{repository.Status{State: repository.StateUnloading}, "UNLOADING", "OK", ""},
		{repository.Status{State: repository.StateUnavailable, Reason: "unloaded"}, "END", "OK", ""},
		{repository.Status{State: repository.StateUnavailable, Reason: "no model"}, "END", "UNKNOWN", "no model"},
		{repository.Status{}, "START", "OK", ""},
	} {
		tt.row.Version = 12
		if got := tfVersionStatusOf(tt.row); got.Version != "12" || got.State != tt.state || got.Status.Code != tt.code || got.Status.Text != tt.text {
			t.Errorf("%+v: %+v", tt.row, got)
		}
	}
}

// described is a model with an Info.
type described struct {
	anyModel
	info repository.Info
}

func (d described) Info(infer.Ref) (repository.Info, error) { return d.info, nil }

// modelWith returns a model of a signature.
func modelWith(labels map[string][]string, inputs, outputs []tensor.Spec) described {
	return described{info: repository.Info{
		ID: infer.ID{Name: "m", Version: 3}, Labels: labels,
		Config: &config.Resolved{Signature: tensor.Signature{Inputs: inputs, Outputs: outputs}},
	}}
}

func spec(name string, d tensor.DType, shape ...int64) tensor.Spec {
	return tensor.Spec{Name: name, DType: d, Shape: shape}
}

// halves answers two rows of the output that is asked for: 0.5 as y, else 0.5 and 0.25.
func halves(_ context.Context, req *infer.Request) (*infer.Response, error) {
	width, data := int64(2), "\x00\x00\x00\x3f\x00\x00\x80\x3e"
	if req.Outputs[0] == "y" {
		width, data = 1, data[:4]
	}
	return &infer.Response{Outputs: []tensor.Tensor{{Name: req.Outputs[0], DType: tensor.FP32, Shape: tensor.Shape{2, width}, Data: []byte(data + data)}}}, nil
}

func callTF(t *testing.T, g *Gateway, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body)))
	if n := g.InflightBytes(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
	return w
}

func TestResultsComeFromTheOutputThatHasThem(t *testing.T) {
	vector := []tensor.Spec{spec("x", tensor.FP32, -1, 2)}
	scores, more, label, value := spec("p", tensor.FP32, -1, 2), spec("q", tensor.FP64, -1, 2), spec("label", tensor.Int64, -1), spec("y", tensor.FP32, -1, 1)
	spare := spec("spare", tensor.FP32, 1)
	spare.Optional = true
	const classes, no = `{"results":[[["%s",0.5],["",0.25]],[["%s",0.5],["",0.25]]]}`, ""
	for _, tt := range []struct {
		name     string
		labels   map[string][]string
		inputs   []tensor.Spec
		outputs  []tensor.Spec
		classify string
		regress  string
	}{
		{"scores", nil, vector, []tensor.Spec{scores, label}, fmt.Sprintf(classes, "", ""), no},
		{"scores with labels", map[string][]string{"p": {"cat"}}, vector, []tensor.Spec{scores}, fmt.Sprintf(classes, "cat", "cat"), no},
		{"two scores", nil, vector, []tensor.Spec{scores, more}, no, no},
		{"two scores, one with labels", map[string][]string{"q": {"dog"}}, vector, []tensor.Spec{scores, more}, fmt.Sprintf(classes, "dog", "dog"), no},
		{"a value", nil, vector, []tensor.Spec{label, value}, `{"results":[[["",0.5]],[["",0.5]]]}`, `{"results":[0.5,0.5]}`},
		{"two inputs", nil, []tensor.Spec{vector[0], spec("z", tensor.FP32, -1, 2)}, []tensor.Spec{scores}, no, no},
		{"an input that may be left out", nil, []tensor.Spec{spare, vector[0]}, []tensor.Spec{value}, `{"results":[[["",0.5]],[["",0.5]]]}`, `{"results":[0.5,0.5]}`},
		{"an input of no examples", nil, []tensor.Spec{spec("x", tensor.FP32)}, []tensor.Spec{scores}, no, no},
		{"no floats", nil, vector, []tensor.Spec{label}, no, no},
	} {
		for verb, want := range map[string]string{"classify": tt.classify, "regress": tt.regress} {
			t.Run(tt.name+", "+verb, func(t *testing.T) {
				g := newGateway(wire.Options{Models: modelWith(tt.labels, tt.inputs, tt.outputs), Control: anyModel{}, Handler: infer.HandlerFunc(halves)})
				w := callTF(t, g, "/v1/models/m:"+verb, `{"examples":[{"x":[1,2]},{"x":[3,4]}]}`)
				if want == no {
					if w.Code != 501 || !strings.Contains(w.Body.String(), verb+" is not supported for model m: ") {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				} else if w.Code != 200 || w.Body.String() != want {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
	}
}

func TestTensorFlowServingsRequestsAreBoundedAsOthers(t *testing.T) {
	model := modelWith(nil, []tensor.Spec{spec("x", tensor.FP32, -1)}, []tensor.Spec{spec("y", tensor.FP32, -1)})
	refused := &infer.RetryError{Err: infer.ErrOverloaded, After: 1500 * time.Millisecond}
	held := int64(0)
	var g *Gateway
	echo := func(_ context.Context, req *infer.Request) (*infer.Response, error) {
		held = g.InflightBytes()
		return &infer.Response{Outputs: []tensor.Tensor{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{2}, Data: []byte{0, 0, 0, 0x3f, 0, 0, 0, 0x3f}}}}, nil
	}
	for _, tt := range []struct {
		name    string
		handler infer.HandlerFunc
		admit   error
		limits  Limits
		status  int
		text    string
		after   string
	}{
		{"an answer", echo, nil, Limits{}, 200, `{"predictions":[0.5,0.5]}`, ""},
		{"a body too large", echo, nil, Limits{MaxInputSize: 20}, 400, `{"error":"request JSON size of 21 bytes exceeds the maximum allowed input size of 20 bytes. Use --http-max-input-size to increase the limit."}`, ""},
		{"too many bytes at a time", echo, nil, Limits{MaxInflightBytes: 20}, 503, `{"error":"the server holds as many bytes of requests as it may (http.max_inflight_bytes): try again in a moment"}`, "1"},
		{"not admitted", echo, refused, Limits{}, 503, `{"error":"` + wire.Reason(infer.ErrOverloaded) + `"}`, "2"},
		{"a panic", func(context.Context, *infer.Request) (*infer.Response, error) { panic("oh") }, nil, Limits{}, 500, `{"error":"internal error: see the server's log"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g = New(Options{Limits: tt.limits, Service: wire.New(wire.Options{
				Models: model, Control: anyModel{}, Handler: tt.handler,
				Admit: func(infer.Ref, time.Time, time.Time) error { return tt.admit },
			})})
			held = 0
			w := callTF(t, g, "/v1/models/m:predict", `{"instances":[1,2.5]}`)
			if w.Code != tt.status || w.Body.String() != tt.text || w.Header().Get("Retry-After") != tt.after {
				t.Errorf("%d %s, %v", w.Code, w.Body, w.Header())
			}
			if tt.status == 200 && (held < 8 || held > 100) { // the body is gone by then
				t.Errorf("%d bytes are held for a tensor of 8", held)
			}
			if got := g.Requests(); got[RouteStatus{"/v1/models/:model:predict", tt.status}].Count() != 1 {
				t.Errorf("it is counted as %v", got)
			}
		})
	}
}
