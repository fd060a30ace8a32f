package config

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Origin says, for people, what became of a configuration that is no config.yaml, or
// that lies beside one. The zero value is that of a config.yaml alone.
type Origin struct {
	Honoured []string // the fields that count, by their names at the top of the file
	Notes    []string // what does not count, and why
}

// Made returns the model that a file in another format describes, checked as ParseModel
// checks a config.yaml. file is that file's name, for error texts, which name no line.
// Nobody may change what m holds afterwards.
func Made(file string, m Model, o Origin) (*Model, error) {
	checked := &Model{}
	r := &report{source: source{file: file, lines: map[string]int{}}}
	v := reflect.ValueOf(checked).Elem()
	d := decoder{report: r, root: v.Type(), left: maxNodes}
	d.value(encode(reflect.ValueOf(m)), v, field{}, "")
	checked.source, checked.origin = r.source, o
	checked.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	return checked, nil
}

// Origin says where the model's configuration is from.
func (m *Model) Origin() Origin { return m.origin }

// Noted returns the model with another note on its origin.
func (m *Model) Noted(note string) *Model {
	noted := *m
	noted.origin.Notes = append(slices.Clone(m.origin.Notes), note)
	return &noted
}

// YAML returns the model as a config.yaml, which parses to the same again but for lists
// of nothing, with the notes on its origin as comments. It is empty for a model that
// leaves everything out.
func (m *Model) YAML() []byte {
	var b bytes.Buffer
	for _, note := range m.origin.Notes {
		b.WriteString("# " + strings.Join(strings.Fields(note), " ") + "\n")
	}
	root := encode(reflect.ValueOf(*m))
	if len(root.Content) == 0 {
		return b.Bytes()
	}
	b.Write(printed(root))
	return b.Bytes()
}

// printed lays a tree out.
func printed(root *yaml.Node) []byte {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		panic("config: " + err.Error()) // a tree of plain nodes can always be encoded
	}
	return b.Bytes()
}
