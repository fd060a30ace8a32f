package servetest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/repository"
)

// loadWith is the body of a load that brings a model along.
func loadWith(t *testing.T, parameters map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"parameters": parameters})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestLoadsThatBringTheModelAlong(t *testing.T) {
	root, state := t.TempDir(), t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	o := servetest.Options{Repositories: []string{root}, Control: repository.ModeExplicit, StateDir: state}
	s := servetest.Start(t, o)
	s.Ready()
	model := base64.StdEncoding.EncodeToString(onnxtest.Scale(7))
	load := func(parameters map[string]any, status int, says string) {
		t.Helper()
		if reply := s.Post("/v2/repository/models/m/load", loadWith(t, parameters)); reply.Status != status || !strings.Contains(string(reply.Body), says) {
			t.Fatalf("%v: got %v", parameters, reply)
		}
	}
	answers := func(version, data string) {
		t.Helper()
		reply := s.Post("/v2/models/m/infer", `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`)
		if reply.Status != http.StatusOK || !strings.Contains(string(reply.Body), `"model_version":"`+version+`"`) || !strings.Contains(string(reply.Body), data) {
			t.Fatalf("got %v", reply)
		}
	}
	config := func(text string) {
		t.Helper()
		if reply := s.Get("/v2/models/m/config"); !strings.Contains(string(reply.Body), text) {
			t.Fatalf("got %v", reply)
		}
	}

	load(nil, 200, "")
	answers("1", "[1.0,2.0,3.0,4.0]")

	// Another config for the files of the repository.
	load(map[string]any{"config": `{"max_batch_size": 3}`}, 200, "")
	answers("1", "[1.0,2.0,3.0,4.0]")
	config(`"max_batch_size":3`)

	// Files, too, which are all that there is then.
	load(map[string]any{"config": `{}`, "file:5/model.onnx": model}, 200, "")
	answers("5", "[7.0,14.0,21.0,28.0]")

	// What is wrong changes nothing.
	for path, says := range map[string]string{
		"file:../../m/1/model.onnx": "within the model's folder", "file:5/../6/model.onnx": "within the model's folder",
		"file:/etc/model.onnx": "within the model's folder", "file:model.onnx": "within the model's folder", "file:0/model.onnx": "within the model's folder",
	} {
		load(map[string]any{"config": `{}`, path: model}, 400, says)
	}
	load(map[string]any{"config": `{"max_batch_sizes": 3}`}, 400, "max_batch_size")
	load(map[string]any{"config": `{"name": "other"}`}, 400, "directory name must equal model name")
	load(map[string]any{"config": `{}`, "file:6/model.onnx": "AAAA"}, 400, "version 6 is at UNAVAILABLE state")
	answers("5", "[7.0,14.0,21.0,28.0]")
	if reply := s.Post("/v2/repository/models/nobody/load", loadWith(t, map[string]any{"config": "{}"})); reply.Status != 400 || !strings.Contains(string(reply.Body), "send them as file:VERSION/NAME") {
		t.Errorf("got %v", reply)
	}

	// A plain load is the repository's again.
	load(nil, 200, "")
	answers("1", "[1.0,2.0,3.0,4.0]")

	// Kept over a restart, when that is asked for.
	load(map[string]any{"config": `{}`, "file:9/model.onnx": model, "persist": true}, 200, "")
	answers("9", "[7.0,14.0,21.0,28.0]")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = servetest.Start(t, o)
	s.Ready()
	answers("9", "[7.0,14.0,21.0,28.0]")
	load(map[string]any{"config": `{}`, "file:2/model.onnx": model}, 200, "")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = servetest.Start(t, o)
	s.Ready()
	answers("1", "[1.0,2.0,3.0,4.0]") // that one was not kept, and the one before it is no more
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(state, "overrides", "*"))
	hidden, _ := filepath.Glob(filepath.Join(state, "overrides", ".[^.]*"))
	if err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left: %v %v %v", left, hidden, err)
	}
	if data, err := os.ReadFile(filepath.Join(root, "m", "1", "model.onnx")); err != nil || string(data) != string(onnxtest.Scale(1)) {
		t.Errorf("the repository was changed: %v", err)
	}
	goleak.VerifyNone(t)
}

func TestLoadsThatBringTheSameModelAlongAtOnce(t *testing.T) {
	root, state := t.TempDir(), t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	o := servetest.Options{Repositories: []string{root}, Control: repository.ModeExplicit, StateDir: state}
	s := servetest.Start(t, o)
	s.Ready()
	good := loadWith(t, map[string]any{"config": `{}`, "file:9/model.onnx": base64.StdEncoding.EncodeToString(onnxtest.Scale(7)), "persist": true})
	bad := loadWith(t, map[string]any{"config": `{}`, "file:9/model.onnx": "AAAA", "persist": true})
	var callers sync.WaitGroup
	for i := range 24 {
		callers.Go(func() {
			body, want := good, http.StatusOK
			if i%2 == 0 {
				body, want = bad, http.StatusBadRequest
			}
			if reply := s.Post("/v2/repository/models/m/load", body); reply.Status != want {
				t.Errorf("got %v, want %d", reply, want)
			}
		})
	}
	callers.Wait()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(state, "overrides", "*"))
	hidden, _ := filepath.Glob(filepath.Join(state, "overrides", ".[^.]*"))
	if err != nil || len(left) != 1 || len(hidden) > 0 {
		t.Errorf("left: %v %v %v", left, hidden, err)
	}
	s = servetest.Start(t, o)
	s.Ready()
	if reply := s.Post("/v2/models/m/infer", `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`); !strings.Contains(string(reply.Body), "[7.0,14.0,21.0,28.0]") {
		t.Errorf("got %v", reply)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t)
}

// What a model's configuration answers can be sent back, and is the same then.
func TestLoadsWithWhatTheConfigurationAnswers(t *testing.T) {
	root := t.TempDir()
	models := onnxtest.Servable()
	for name, model := range models {
		onnxtest.Version(t, root, name, 1, model)
	}
	onnxtest.Write(t, filepath.Join(root, "scale", "labels.txt"), []byte("one\ntwo\nthree\nfour\n"))
	onnxtest.Write(t, filepath.Join(root, "scale", "warmup", "row.raw"), make([]byte, 16))
	onnxtest.Write(t, filepath.Join(root, "scale", "config.pbtxt"), []byte(`max_batch_size: 4 output { name: "y" label_filename: "labels.txt" }
model_warmup { name: "row" inputs { key: "x" value: { data_type: TYPE_FP32 dims: 4 input_data_file: "row.raw" } } }`))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}, Control: repository.ModeExplicit, LoadModels: []string{"*"}})
	s.Ready()
	for _, has := range []string{`"label_filename":"labels.txt"`, `"input_data_file":"row.raw"`} {
		if reply := s.Get("/v2/models/scale/config"); !strings.Contains(string(reply.Body), has) {
			t.Errorf("got %v, without %s", reply, has)
		}
	}
	for name := range models {
		before := s.Get("/v2/models/" + name + "/config")
		if reply := s.Post("/v2/repository/models/"+name+"/load", loadWith(t, map[string]any{"config": string(before.Body)})); reply.Status != http.StatusOK {
			t.Errorf("%s: got %v\nfor %s", name, reply, before.Body)
			continue
		}
		if after := s.Get("/v2/models/" + name + "/config"); string(after.Body) != string(before.Body) {
			t.Errorf("%s: before %s\nafter %s", name, before.Body, after.Body)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t)
}

// A model that is a folder has its external data in it.
func TestModelsThatAreFolders(t *testing.T) {
	root := t.TempDir()
	model, weights := onnxtest.External("weights.bin")
	folder := filepath.Join(root, "m", "1", "model.onnx")
	onnxtest.Write(t, filepath.Join(folder, "model.onnx"), model)
	onnxtest.Write(t, filepath.Join(folder, "weights.bin"), weights)
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	reply := s.Post("/v2/models/m/infer", `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,1,1,1]}]}`)
	if reply.Status != http.StatusOK || !strings.Contains(string(reply.Body), "[2.0,3.0,4.0,5.0]") {
		t.Errorf("got %v", reply)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t)
}
