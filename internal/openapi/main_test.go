package openapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"galatea/internal/servetest"
)

func TestMain(m *testing.M) {
	if _, err := servetest.Runtime(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// doc is a document that a server gave.
type doc struct {
	path     string
	root     map[string]any
	compiler *jsonschema.Compiler
}

const docURL = "https://galatea.example/openapi.json"

// read gets a document, which has to be one of OpenAPI 3.1.
func read(t *testing.T, s *servetest.Server, path string) *doc {
	t.Helper()
	reply := s.Get(path)
	if reply.Status != http.StatusOK {
		t.Fatalf("GET %s: %v", path, reply)
	}
	d := &doc{path: path, root: decode(t, reply.Body).(map[string]any), compiler: jsonschema.NewCompiler()}
	if err := openAPI(t).Validate(d.root); err != nil {
		t.Fatalf("%s is no OpenAPI 3.1: %v", path, err)
	}
	if err := d.compiler.AddResource(docURL, d.root); err != nil {
		t.Fatal(err)
	}
	d.check(t)
	return d
}

// openAPI is the schema of all documents, which libopenapi carries.
func openAPI(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const url = "https://spec.openapis.org/oas/3.1/schema/2022-10-07"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, decode(t, []byte(datamodel.OpenAPI31SchemaData))); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// check looks at what the schema of OpenAPI cannot: that each schema is one, that
// operations have names of their own, and that the parameters of paths are declared.
func (d *doc) check(t *testing.T) {
	t.Helper()
	for name := range get[map[string]any](d.root, "components", "schemas") {
		if _, err := d.compiler.Compile(docURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("%s: schema %s: %v", d.path, name, err)
		}
	}
	ids := map[string]bool{}
	d.each(func(method, path string, operation map[string]any) {
		id := get[string](operation, "operationId")
		if ids[id] {
			t.Errorf("%s: operationId %q comes twice", d.path, id)
		}
		ids[id] = true
		declared := 0
		for _, p := range get[[]any](operation, "parameters") {
			if name := get[string](p, "name"); get[string](p, "in") == "path" {
				declared++
				if !strings.Contains(path, "{"+name+"}") {
					t.Errorf("%s: %s %s has no parameter %s", d.path, method, path, name)
				}
			}
		}
		if n := strings.Count(path, "{"); n != declared {
			t.Errorf("%s: %s %s has %d parameters, %d of them declared", d.path, method, path, n, declared)
		}
	})
}

// each calls do with each operation.
func (d *doc) each(do func(method, path string, operation map[string]any)) {
	for path, item := range get[map[string]any](d.root, "paths") {
		for method, operation := range item.(map[string]any) {
			do(strings.ToUpper(method), path, operation.(map[string]any))
		}
	}
}

// get returns what lies below members of objects; the zero value where there is nothing.
func get[T any](v any, names ...string) T {
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	found, _ := v.(T)
	return found
}

// schemaAt is the schema below an operation, nil where there is none.
func (d *doc) schemaAt(t *testing.T, method, path string, names ...string) *jsonschema.Schema {
	t.Helper()
	names = append([]string{"paths", path, strings.ToLower(method)}, append(names, "schema")...)
	if get[map[string]any](d.root, names...) == nil {
		return nil
	}
	pointer := docURL + "#"
	for _, name := range names {
		// A pointer in a URL: its own escapes, and then the URL's.
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	s, err := d.compiler.Compile(strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(pointer))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answered holds an answer against what the document says of it.
func (d *doc) answered(t *testing.T, method, path string, reply servetest.Reply) {
	t.Helper()
	key := "default"
	if reply.Status == http.StatusOK {
		key = "200"
	}
	response := get[map[string]any](d.root, "paths", path, strings.ToLower(method), "responses", key)
	kind, _, _ := strings.Cut(reply.Header.Get("Content-Type"), ";")
	content := get[map[string]any](response, "content")
	switch {
	case response == nil:
		t.Errorf("%s %s: %v: the document has no such answer", method, path, reply)
		return
	case len(content) == 0:
		if len(reply.Body) > 0 {
			t.Errorf("%s %s: %v: the document says that there is no body", method, path, reply)
		}
		return
	case content[kind] == nil:
		t.Errorf("%s %s: the document has no answer of type %q", method, path, kind)
		return
	}
	body := reply.Body
	switch kind {
	case "application/octet-stream":
		n, err := strconv.Atoi(reply.Header.Get("Inference-Header-Content-Length"))
		if err != nil {
			t.Fatal(err)
		}
		kind, body = "application/json", body[:n]
	case "text/event-stream":
		return
	}
	if err := d.schemaAt(t, method, path, "responses", key, "content", kind).Validate(decode(t, body)); err != nil {
		t.Errorf("%s %s: %v\n%v", method, path, reply, err)
	}
}
