package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/tensor"
)

// serve starts a server over samples of every kind of model, and returns their names.
func serve(t *testing.T) (*servetest.Server, []string) {
	t.Helper()
	root := t.TempDir()
	module, err := servetest.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(root, os.DirFS(filepath.Join(module, "model_repo"))); err != nil {
		t.Fatal(err)
	}
	names := []string{"digits", "digits_int8", "language", "padded", "odd name: {a%b}", "images", "numerals", "pool", "labelled"}
	for name, model := range onnxtest.Servable() {
		onnxtest.Version(t, root, name, 1, model)
		names = append(names, name)
	}
	onnxtest.Version(t, root, "padded", 1, onnxtest.Masked())
	onnxtest.Write(t, filepath.Join(root, "padded", "config.yaml"), []byte("batching: {pad: {x: 0}, mask: mask}\n"))
	onnxtest.Version(t, root, "odd name: {a%b}", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "images", 1, onnxtest.CNN(1))
	onnxtest.Write(t, filepath.Join(root, "images", "config.yaml"), []byte("max_batch_size: 2\n")) // warming up larger ones takes long
	onnxtest.Version(t, root, "pool", 1, pool())
	onnxtest.Version(t, root, "labelled", 1, onnxtest.Classifier(0))
	onnxtest.Write(t, filepath.Join(root, "labelled", "labels.txt"), []byte("north\neast\nsouth\nwest\n"))
	onnxtest.Write(t, filepath.Join(root, "labelled", "config.yaml"), []byte("output: [{name: y, data_type: TYPE_FP32, dims: [4], label_filename: labels.txt}]\n"))
	onnxtest.Version(t, root, "numerals", 1, onnxtest.AddSubCast(tensor.Bytes))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	return s, names
}

// pool takes images of any size from 2x2 up, of which one below 3x3 is answered by nothing.
func pool() []byte {
	shape := tensor.Shape{tensor.Dynamic, 1, tensor.Dynamic, tensor.Dynamic}
	g := onnxtest.NewGraph("pool")
	g.Input("x", onnxtest.TensorOf(tensor.FP32, shape))
	g.Node("AveragePool", "x", "y", onnxtest.Ints("kernel_shape", 3, 3))
	g.Output("y", onnxtest.TensorOf(tensor.FP32, shape))
	return onnxtest.Model{Graph: g}.Bytes()
}

func escaped(name string) string {
	return strings.NewReplacer("%", "%25", " ", "%20", "{", "%7B", "}", "%7D").Replace(name)
}

// unexampled are the operations that can have no example: lists of lists without elements
// have no shape, and of a flat list only one dimension can follow.
var unexampled = []string{"identity_empty predict", "pool generate", "pool generate_stream"}

func TestTheExampleOfEachModelIsAnswered(t *testing.T) {
	s, names := serve(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			d := read(t, s, "/v2/models/"+escaped(name)+"/openapi.json")
			asked := []string{}
			d.each(func(method, path string, operation map[string]any) {
				id := get[string](operation, "operationId")
				request, is := exampleOf(t, path, operation)
				if !is {
					if !slices.Contains(unexampled, name+" "+id) {
						t.Errorf("%s has no example", path)
					}
					return
				}
				asked = append(asked, id)
				if request.Header == nil {
					if err := d.schemaAt(t, method, path, "requestBody", "content", "application/json").Validate(decode(t, request.Body)); err != nil {
						t.Errorf("the example does not fit: %v", err)
					}
				}
				reply := ask(t, s, request)
				if reply.Status != http.StatusOK {
					t.Errorf("%s %s: %v", path, request.Body, reply)
				}
				d.answered(t, method, path, reply)
			})
			if !slices.Contains(asked, "infer") {
				t.Errorf("%v were asked", asked)
			}
			d.exampleAnswer(t, "/v2/models/"+escaped(name)+"/infer")
		})
	}
}

// exampleAnswer looks at the example of an answer.
func (d *doc) exampleAnswer(t *testing.T, path string) {
	t.Helper()
	media := []string{"responses", "200", "content", "application/json"}
	example := get[any](d.root, append(append([]string{"paths", path, "post"}, media...), "example")...)
	if err := d.schemaAt(t, "POST", path, media...).Validate(example); err != nil {
		t.Errorf("the answer's example: %v", err)
	}
}

// exampleOf is an operation's example as a request; it is false where there is none.
func exampleOf(t *testing.T, path string, operation map[string]any) (servetest.Request, bool) {
	t.Helper()
	content := get[map[string]any](operation, "requestBody", "content")
	if example := get[any](content, "application/json", "example"); example != nil {
		text, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		return servetest.Request{Path: path, Body: text}, true
	}
	text := get[string](content, "application/octet-stream", "example")
	for _, p := range get[[]any](operation, "parameters") {
		if n := get[json.Number](p, "example"); n != "" {
			return servetest.Request{Path: path, Body: []byte(text), Header: map[string]string{get[string](p, "name"): n.String()}}, true
		}
	}
	return servetest.Request{}, false
}

func ask(t *testing.T, s *servetest.Server, r servetest.Request) servetest.Reply {
	t.Helper()
	reply, err := s.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// wrongs are ways to make a request wrong, each of which changes the example of an
// inference, or reports that it cannot. dims are the model's own of the first input.
var wrongs = map[string]func(request, first map[string]any, dims []any) bool{
	"an input is missing": func(request, _ map[string]any, _ []any) bool {
		request["inputs"] = request["inputs"].([]any)[1:]
		return true
	},
	"an input comes twice": func(request, first map[string]any, _ []any) bool {
		request["inputs"] = append(request["inputs"].([]any), maps.Clone(first))
		return true
	},
	"an input that the model does not have": func(_, first map[string]any, _ []any) bool {
		first["name"] = "nobody"
		return true
	},
	"another type": func(_, first map[string]any, _ []any) bool {
		if first["datatype"] == "FP64" {
			return false
		}
		first["datatype"] = "FP64"
		first["data"] = []any{json.Number("1")}
		return true
	},
	"a dimension too many": func(_, first map[string]any, _ []any) bool {
		first["shape"] = append(first["shape"].([]any), json.Number("1"))
		return true
	},
	"another fixed dimension": func(_, first map[string]any, dims []any) bool {
		for i, n := range dims {
			if n != json.Number("-1") {
				first["shape"].([]any)[i] = "7" + n.(json.Number)
				return true
			}
		}
		return false
	},
	"an element that is none": func(_, first map[string]any, _ []any) bool {
		data := first["data"].([]any)
		if len(data) == 0 {
			return false
		}
		if _, text := data[0].(string); text {
			data[0] = json.Number("1")
		} else {
			data[0] = "one"
		}
		return true
	},
	"no data": func(_, first map[string]any, _ []any) bool {
		delete(first, "data")
		return true
	},
	"no inputs": func(request, _ map[string]any, _ []any) bool {
		delete(request, "inputs")
		return true
	},
	"an output that the model does not have": func(request, _ map[string]any, _ []any) bool {
		request["outputs"] = []any{map[string]any{"name": "nobody"}}
		return true
	},
}

func TestAWrongRequestFitsNeitherTheDocumentNorTheModel(t *testing.T) {
	s, names := serve(t)
	tried := map[string]int{}
	for _, name := range names {
		d := read(t, s, "/v2/models/"+escaped(name)+"/openapi.json")
		path := "/v2/models/" + escaped(name) + "/infer"
		example, is := exampleOf(t, path, get[map[string]any](d.root, "paths", path, "post"))
		inputs := get[[]any](decode(t, s.Get("/v2/models/"+escaped(name)).Body), "inputs")
		if !is || example.Header != nil || len(inputs) == 0 {
			continue
		}
		if get[[]any](get[[]any](decode(t, example.Body), "inputs")[0], "data") == nil {
			continue // it is of a type that JSON does not carry
		}
		schema := d.schemaAt(t, "POST", path, "requestBody", "content", "application/json")
		for what, spoil := range wrongs {
			request := decode(t, example.Body).(map[string]any)
			if !spoil(request, request["inputs"].([]any)[0].(map[string]any), get[[]any](inputs[0], "shape")) {
				continue
			}
			tried[what]++
			body, err := json.Marshal(request)
			if err != nil {
				t.Fatal(err)
			}
			reply := ask(t, s, servetest.Request{Path: path, Body: body})
			if reply.Status == http.StatusOK {
				t.Errorf("%s: %s: %v", name, what, reply)
			}
			d.answered(t, "POST", path, reply)
			if schema.Validate(request) == nil {
				t.Errorf("%s: %s: %s fits the document", name, what, body)
			}
		}
	}
	for what := range wrongs {
		if tried[what] == 0 {
			t.Errorf("%s: no model was asked", what)
		}
	}
}

func TestTheDocumentSaysWhichVersionItIsFor(t *testing.T) {
	s, _ := serve(t)
	for _, place := range []string{"digits", "digits/versions/1", "digits/versions/2"} {
		d := read(t, s, "/v2/models/"+place+"/openapi.json")
		version := "2"
		if strings.HasSuffix(place, "1") {
			version = "1"
		}
		if got := get[string](d.root, "info", "version"); got != version {
			t.Errorf("%s: version %s, expected %s", place, got, version)
		}
		for _, path := range []string{"/v2/models/" + place + "/infer", "/v2/models/" + place + "/generate", "/v1/models/" + place + ":predict"} {
			if get[map[string]any](d.root, "paths", path) == nil {
				t.Errorf("%s: no path %s", place, path)
			}
		}
	}
	for path, status := range map[string]int{"/v2/models/nobody/openapi.json": 404, "/v2/models/digits/versions/9/openapi.json": 404, "/v2/models/digits/labels/none/openapi.json": 404} {
		if reply := s.Get(path); reply.Status != status || reply.ErrorText() == "" {
			t.Errorf("%s: %v", path, reply)
		}
	}
}

func TestAnExampleIsAsSmallAsTheModelAllows(t *testing.T) {
	s, _ := serve(t)
	for _, tt := range []struct{ model, want string }{
		{"masked", `[{"data":[1],"datatype":"INT64","name":"mask","shape":[1,1]},{"data":[0.1],"datatype":"FP32","name":"x","shape":[1,1]}]`},
		{"padded", `[{"data":[0.1],"datatype":"FP32","name":"x","shape":[1,1]}]`},
		{"bias", `[{"data":[0.1,0.15,0.2,0.25],"datatype":"FP32","name":"x","shape":[1,4]}]`},
		{"constant", `[]`},
		{"pool", `[{"data":[0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.1,0.15],"datatype":"FP32","name":"x","shape":[1,1,3,3]}]`},
		{"reshape", `[{"data":[-1],"datatype":"INT64","name":"shape","shape":[1]},{"data":[0.1,0.15,0.2,0.25],"datatype":"FP32","name":"x","shape":[1,4]}]`},
		{"numerals", `[{"data":` + ones + `,"datatype":"BYTES","name":"INPUT0","shape":[1,16]},{"data":` + ones + `,"datatype":"BYTES","name":"INPUT1","shape":[1,16]}]`},
	} {
		d := read(t, s, "/v2/models/"+tt.model+"/openapi.json")
		inputs := get[[]any](d.root, "paths", "/v2/models/"+tt.model+"/infer", "post", "requestBody", "content", "application/json", "example", "inputs")
		slices.SortFunc(inputs, func(a, b any) int { return strings.Compare(get[string](a, "name"), get[string](b, "name")) })
		if got, err := json.Marshal(inputs); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.model, got, tt.want)
		}
	}
}

func TestTheDocumentNamesTheClassesOfAnOutput(t *testing.T) {
	s, _ := serve(t)
	d := read(t, s, "/v2/models/labelled/openapi.json")
	text, err := json.Marshal(get[any](d.root, "components", "schemas", "InferResponse"))
	if err != nil || !strings.Contains(string(text), "the scores of 4 classes: north, east, south, west") {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestTypesThatJSONDoesNotCarryArePastedBehindIt(t *testing.T) {
	s, _ := serve(t)
	for model, tail := range map[string]string{"identity_fp16": "88888888", "identity_bf16": "????????"} {
		d := read(t, s, "/v2/models/"+model+"/openapi.json")
		path := "/v2/models/" + model + "/infer"
		r, is := exampleOf(t, path, get[map[string]any](d.root, "paths", path, "post"))
		if !is || r.Header == nil || !strings.HasSuffix(string(r.Body), "}"+tail) {
			t.Errorf("%s: %v %s", model, r.Header, r.Body)
		}
		if len(get[map[string]any](d.root, "paths")) != 1 {
			t.Errorf("%s: there are requests that it cannot answer: %v", model, d.root["paths"])
		}
	}
}

const ones = `["1","1","1","1","1","1","1","1","1","1","1","1","1","1","1","1"]`

func TestALargeModelHasADocumentWithoutAnExample(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "large", 1, onnxtest.Identity(tensor.FP32, tensor.Shape{tensor.Dynamic, 3, 224, 224}))
	onnxtest.Write(t, filepath.Join(root, "large", "config.yaml"), []byte("max_batch_size: 1\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	d := read(t, s, "/v2/models/large/openapi.json")
	d.each(func(_, path string, operation map[string]any) {
		if _, is := exampleOf(t, path, operation); is {
			t.Errorf("%s has an example", path)
		}
	})
	if text := get[string](d.root, "info", "description"); !strings.Contains(text, "no example") {
		t.Errorf("got %q", text)
	}
	if n := len(fmt.Sprint(d.root)); n > 1<<15 {
		t.Errorf("%d bytes", n)
	}
}
