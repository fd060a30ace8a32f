package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"galatea/tensor"
)

var update = flag.Bool("update", false, "rewrite the checked-in schemas and the expected texts in testdata")

// schema is a JSON Schema, its keywords in the order in which they are printed.
type schema struct {
	Schema       string             `json:"$schema,omitempty"`
	Title        string             `json:"title,omitempty"`
	Description  string             `json:"description,omitempty"`
	Type         any                `json:"type,omitempty"`
	Enum         []string           `json:"enum,omitempty"`
	Default      any                `json:"default,omitempty"`
	Pattern      string             `json:"pattern,omitempty"`
	Minimum      json.Number        `json:"minimum,omitempty"`
	Maximum      json.Number        `json:"maximum,omitempty"`
	MinItems     int                `json:"minItems,omitempty"`
	MaxItems     int                `json:"maxItems,omitempty"`
	UniqueItems  bool               `json:"uniqueItems,omitempty"`
	Items        *schema            `json:"items,omitempty"`
	MinProps     int                `json:"minProperties,omitempty"`
	MaxProps     int                `json:"maxProperties,omitempty"`
	Required     []string           `json:"required,omitempty"`
	Properties   *properties        `json:"properties,omitempty"`
	PatternProps map[string]*schema `json:"patternProperties,omitempty"`
	Additional   any                `json:"additionalProperties,omitempty"`
	AnyOf        []*schema          `json:"anyOf,omitempty"`
}

// properties keeps the order of the fields, which is the order of the documentation.
type properties []property

type property struct {
	name string
	*schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(one.name)
		value, err := plainJSON(one.schema)
		if err != nil {
			return nil, err
		}
		b.Write(append(append(name, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// generator makes schemas of structs; docs has the comment of each field, by Type.Field.
type generator struct {
	t    *testing.T
	docs map[string]string
}

func (g *generator) object(t reflect.Type, f field) *schema {
	s := &schema{Type: []string{"object", "null"}, Properties: &properties{}, Additional: false}
	for _, sub := range fieldsOf(t) {
		one := g.value(t.Field(sub.index).Type, sub)
		one.Description = g.docs[t.Name()+"."+sub.name]
		if len(one.Description) < 20 || !strings.HasSuffix(one.Description, ".") && !strings.HasSuffix(one.Description, ")") {
			g.t.Errorf("%s.%s: its comment is the text that editors show: expected whole sentences, got %q", t.Name(), sub.name, one.Description)
		}
		*s.Properties = append(*s.Properties, property{sub.key, one})
		if sub.rule("required") {
			s.Required = append(s.Required, sub.key)
		}
	}
	if len(s.Required) > 0 {
		s.Type = "object"
	}
	if f.rule("one") {
		s.Type, s.MinProps, s.MaxProps = "object", 1, 1
	}
	return s
}

func (g *generator) value(t reflect.Type, f field) *schema {
	zero := reflect.Zero(t)
	if e, ok := reflect.TypeAssert[enum](zero); ok {
		return &schema{Type: "string", Enum: e.choices(), Default: standard(t, f)}
	}
	switch zero.Interface().(type) {
	case tensor.DType:
		return &schema{Type: "string", Enum: dtypeNames()}
	case Size:
		return &schema{AnyOf: []*schema{{Type: "integer", Minimum: "1"}, {Type: "string", Pattern: sizePattern.String()}}, Default: f.standard}
	case time.Duration:
		return &schema{AnyOf: []*schema{{Type: "number", Minimum: "0"}, {Type: "string", Pattern: "^[0-9.]+(ms|s|m|h)([0-9.]+(ms|s|m|h))*$"}}, Default: f.standard}
	case Parameters:
		return g.parameters()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), f)
	case reflect.Struct:
		return g.object(t, f)
	case reflect.Map:
		if t.Elem().Kind() != reflect.String {
			return &schema{Type: []string{"object", "null"}, Additional: g.value(t.Elem(), f)}
		}
		return &schema{Type: []string{"object", "null"}, Additional: scalarSchema()}
	case reflect.Slice:
		s := &schema{Type: []string{"array", "null"}, Items: g.value(t.Elem(), f), UniqueItems: f.rule("unique")}
		if f.rule("nonempty") {
			s.Type, s.MinItems = "array", 1
		}
		if t == reflect.TypeFor[[]InstanceGroup]() {
			s.MaxItems = 1
		}
		return s
	case reflect.Bool:
		return &schema{Type: "boolean", Default: standard(t, f)}
	case reflect.String:
		return &schema{Type: "string", Default: standard(t, f)}
	}
	if f.min == "" || f.max == "" {
		g.t.Errorf("%s: expected limits for a number", f.key)
	}
	if t.Kind() == reflect.Float64 {
		return &schema{Type: "number", Minimum: json.Number(f.min), Maximum: json.Number(f.max), Default: standard(t, f)}
	}
	s := &schema{Type: "integer", Minimum: json.Number(f.min), Maximum: json.Number(f.max), Default: standard(t, f)}
	if f.max == strconv.Itoa(math.MaxInt64) {
		s.Maximum = "" // editors count in floating point
	}
	return s
}

// standard returns the default of a field as its type writes it in JSON.
func standard(t reflect.Type, f field) any {
	switch {
	case f.standard == "":
		return nil
	case t.Kind() == reflect.String:
		return f.standard
	}
	return json.RawMessage(f.standard)
}

func scalarSchema() *schema { return &schema{Type: []string{"string", "number", "boolean"}} }

func dtypeNames() []string {
	var names []string
	for _, d := range tensor.DTypes() {
		names = append(names, d.ConfigName())
	}
	for _, d := range tensor.DTypes() {
		names = append(names, d.String())
	}
	return names
}

func (g *generator) parameters() *schema {
	value := func(doc, pattern string) *schema {
		text := &schema{Type: []string{"string", "number", "boolean"}, Pattern: pattern}
		triton := &schema{Type: "object", Required: []string{"string_value"}, Properties: &properties{{"string_value", text}}, Additional: false}
		return &schema{Description: doc, AnyOf: []*schema{text, triton}}
	}
	s := &schema{Type: []string{"object", "null"}, Properties: &properties{}, Additional: false}
	for _, p := range parameters {
		*s.Properties = append(*s.Properties, property{p.key, value(p.doc, p.pattern.String())})
	}
	s.PatternProps = map[string]*schema{sessionEntry.String(): value("A configuration entry of ONNX Runtime's session, passed on as it is.", "")}
	return s
}

// fieldComments returns the comment of every struct field in this package's files.
func fieldComments(t *testing.T) map[string]string {
	docs := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return docs
}

// TestSchema fails when a checked-in schema is not what the structs say; with -update it writes them.
func TestSchema(t *testing.T) {
	g := &generator{t, fieldComments(t)}
	for _, s := range []struct {
		file, title, doc string
		of               reflect.Type
	}{
		{"model", "Galatea model configuration", "config.yaml in a model's folder. Every field is optional; what is left out is completed from the ONNX file. The names are Triton's.", reflect.TypeFor[Model]()},
		{"server", "Galatea server configuration", "galatea.yaml: the settings that can change while the server runs. Every field is optional.", reflect.TypeFor[Server]()},
	} {
		root := g.object(s.of, field{})
		root.Schema, root.Title, root.Description = "https://json-schema.org/draft/2020-12/schema", s.title, s.doc
		compact, err := plainJSON(root)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, compact, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		golden(t, filepath.Join("schema", s.file+".schema.json"), b.Bytes())
	}
}

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./config -update writes it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (go test ./config -update rewrites it):\n--- want\n%s\n--- got\n%s", file, want, got)
	}
}

// The defaults that editors show have to be the ones that hold.
func TestServerDefaultsAreTheSchemas(t *testing.T) {
	server := reflect.ValueOf(DefaultServer()).Elem()
	for _, section := range fieldsOf(server.Type()) {
		part := server.Field(section.index)
		if part.Kind() == reflect.Map { // empty
			continue
		}
		for _, f := range fieldsOf(part.Type()) {
			v := part.Field(f.index)
			if v.Kind() == reflect.Map {
				continue
			}
			want, err := parseNumber(v.Interface(), f.standard)
			if err != nil || want != v.Int() {
				t.Errorf("%s.%s: default %q in the tag (%v), %v in DefaultServer", section.key, f.key, f.standard, err, v)
			}
		}
	}
}
