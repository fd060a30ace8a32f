package openapi_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

// bodies are what operations are asked with, by the ends of their paths. What is not
// listed has no body.
var bodies = []struct{ end, body string }{
	{"/infer", `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}],"outputs":[{"name":"y","parameters":{"classification":2}}],"id":"mine","parameters":{"timeout":1000000,"mine":true}}`},
	{"/generate", `{"x":[1,2,3,4],"mine":"yes"}`},
	{"/generate_stream", `{"x":[1,2,3,4]}`},
	{":predict", `{"instances":[[1,2,3,4],[5,6,7,8]]}`},
	{":classify", `{"examples":[{"x":[1,2,3,4]}]}`},
	{":regress", `{"examples":[{"x":[1,2,3,4]}],"signature_name":"serving_default"}`},
	{"/v2/trace/setting", `{"trace_rate":"7","trace_count":null}`},
	{"{model}/trace/setting", `{"trace_rate":["5"]}`},
	{"/logging", `{"log_verbose_level":1,"log_info":true,"log_format":"ISO8601"}`},
	{"systemsharedmemory/region/{region}/register", `{"key":"/galatea_openapi_none","byte_size":8}`},
	{"cudasharedmemory/region/{region}/register", `{"raw_handle":{"b64":"AAAA"},"device_id":0,"byte_size":8}`},
	{"/v2/repository/index", `{"ready":true}`},
	{"/load", `{"parameters":{"force":true}}`},
	{"/unload", `{"parameters":{"unload_dependents":false}}`},
	{"/rollback", `{"reason":"a test"}`},
	{"/promote", `{"version":1,"reason":"a test"}`},
	{"models/{model}/labels/{label}", `{"version":1}`},
	{"/default", `{"version":1}`},
}

// refused are the operations that fail here, with their statuses: what they are for is not there.
var refused = map[string]int{
	"POST /v1/models/{model}:regress":                        501, // the output is no single value
	"POST /v1/models/{model}/versions/{version}:regress":     501,
	"POST /v1/models/{model}/labels/{label}:regress":         501,
	"GET /v2/systemsharedmemory/region/{region}/status":      404,
	"POST /v2/systemsharedmemory/region/{region}/register":   500,
	"GET /v2/cudasharedmemory/region/{region}/status":        404,
	"POST /v2/cudasharedmemory/region/{region}/register":     501,
	"POST /v2/repository/{repository}/index":                 501,
	"POST /v2/repository/{repository}/models/{model}/load":   501,
	"POST /v2/repository/{repository}/models/{model}/unload": 501,
}

func TestEachOperationOfTheServerIsAnsweredAsItsDocumentSays(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "m", 2, onnxtest.Scale(3))
	for _, name := range []string{"m", "n"} {
		onnxtest.Write(t, filepath.Join(root, name, "config.yaml"), []byte("version_policy: {all: {}}\nlabels: {stable: 1}\n"))
	}
	onnxtest.Version(t, root, "n", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "n", 2, onnxtest.Scale(2))
	s := servetest.Start(t, servetest.Options{
		Repositories: []string{root}, Control: "explicit", LoadModels: []string{"m", "n"}, ClientSharedMemory: true,
	})
	s.Ready()
	d := read(t, s, "/v2/openapi.json")
	var all []string
	d.each(func(method, path string, _ map[string]any) { all = append(all, method+" "+path) })
	slices.Sort(all)
	for _, operation := range all {
		method, path, _ := strings.Cut(operation, " ")
		model := "m"
		if strings.HasPrefix(path, "/v2/repository/") {
			model = "n" // what is decided of it changes nothing for the others
		}
		request := servetest.Request{Method: method, Path: strings.NewReplacer("{model}", model, "{version}", "1", "{label}", "stable", "{region}", "r", "{repository}", "other").Replace(path)}
		for _, b := range bodies {
			if method == http.MethodPost && strings.HasSuffix(path, b.end) {
				request.Body = []byte(b.body)
			}
		}
		schema := d.schemaAt(t, method, path, "requestBody", "content", "application/json")
		switch {
		case schema == nil && request.Body != nil && !strings.Contains(path, "{repository}"):
			t.Errorf("%s: the document has no body", operation)
		case schema != nil && request.Body == nil:
			t.Errorf("%s: nothing to ask it with", operation)
		case schema != nil:
			if err := schema.Validate(decode(t, request.Body)); err != nil {
				t.Errorf("%s: %v", operation, err)
			}
		}
		reply := ask(t, s, request)
		want := http.StatusOK
		if refused[operation] != 0 {
			want = refused[operation]
		}
		if reply.Status != want {
			t.Errorf("%s: %v, expected %d", operation, reply, want)
		}
		d.answered(t, method, path, reply)
	}
	for operation := range refused {
		if !slices.Contains(all, operation) {
			t.Errorf("%s is not in the document", operation)
		}
	}
}

func TestARolloutIsAnsweredAsTheDocumentSays(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(2))
	onnxtest.Write(t, filepath.Join(root, "m", "config.yaml"), []byte("rollout: {strategy: canary, canary: {steps: [{percent: 20, requests: 30}]}}\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	onnxtest.Version(t, root, "m", 2, onnxtest.Scale(2))
	d := read(t, s, "/v2/openapi.json")
	var reply servetest.Reply
	s.Eventually("the rollout has begun", func() error {
		if reply = s.Get("/v2/repository/rollouts"); len(reply.Body) < 10 {
			return errors.New("there is none")
		}
		return nil
	})
	d.answered(t, "GET", "/v2/repository/rollouts", reply)
	d.answered(t, "GET", "/v2/repository/models", s.Get("/v2/repository/models"))
}
