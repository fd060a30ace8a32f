package config

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A file may hold this much. Both limits are far above what a person writes and
// keep a hostile file, one whose aliases multiply among them, from costing more than milliseconds.
const (
	maxBytes = 1 << 20
	maxNodes = 100_000
)

// decoder fills a struct from YAML and reports everything that does not fit.
type decoder struct {
	*report
	root reflect.Type
	left int // values that may still be visited
}

// decode reads a file into the struct that into points at. An empty file changes
// nothing. What a field's value was before stays where the file leaves it out.
func decode(file string, data []byte, into any) *report {
	r := &report{source: source{file: file, lines: map[string]int{}}}
	if root := r.load(data); root != nil {
		v := reflect.ValueOf(into).Elem()
		d := decoder{report: r, root: v.Type(), left: maxNodes}
		d.value(root, v, field{}, "")
	}
	return r
}

// load returns the root of the file's only document, or nil when it is empty or broken.
func (r *report) load(data []byte) *yaml.Node {
	if len(data) > maxBytes {
		r.add(0, "", "%d bytes: expected at most %d", len(data), maxBytes)
		return nil
	}
	var doc, next yaml.Node
	yd := yaml.NewDecoder(bytes.NewReader(data))
	if err := yd.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := yd.Decode(&next); err == nil {
		r.add(next.Line, "", "a second document: expected one in a file")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

var (
	syntaxPattern = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?`)
	// The parser, unlike its scanner, counts lines from 0, and neither tells of the first one.
	parserTexts  = regexp.MustCompile(`^did not find expected (<|node content|key|'-' indicator|',' or)`)
	scannerTexts = regexp.MustCompile(`^(did not|found|could not|mapping values|block )`)
)

// syntax records an error of the YAML parser, whose text begins with the line.
func (r *report) syntax(err error) {
	text := err.Error()
	parts := syntaxPattern.FindStringSubmatch(text)
	text = strings.TrimPrefix(text, parts[0])
	line, _ := strconv.Atoi(parts[1]) // without a line, 0
	if parserTexts.MatchString(text) || line == 0 && scannerTexts.MatchString(text) {
		line++
	}
	r.add(line, "", "not valid YAML: %s", text)
}

// value reads n into v and reports whether it could.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field, path string) bool {
	if d.left--; d.left < 0 {
		if d.left == -1 {
			d.add(n.Line, "", "more than %d values once aliases are followed: expected a file of a size that a person writes", maxNodes)
		}
		return false
	}
	n = follow(n)
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		ok := d.value(n, p.Elem(), f, path)
		if ok {
			v.Set(p)
		}
		return ok
	case reflect.Struct:
		return d.structure(n, v, f, path)
	case reflect.Map:
		return d.dictionary(n, v, f, path)
	case reflect.Slice:
		return d.list(n, v, f, path)
	default:
		return d.scalar(n, v, f, path)
	}
}

// follow returns the node that an alias stands for, on the alias's line.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.AliasNode {
		return n
	}
	target := *n.Alias
	target.Line = n.Line
	return &target
}

// A key without a value is an empty mapping or list (its lines may be commented out), but no scalar.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// container reports whether n is of the kind, or has no value.
func (d *decoder) container(n *yaml.Node, kind yaml.Kind, path, expected string) bool {
	if n.Kind == kind || isNull(n) {
		return true
	}
	d.add(n.Line, path, "got %s: expected %s", describe(n), expected)
	return false
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, f field, path string) bool {
	if !d.container(n, yaml.MappingNode, path, "a mapping of keys to values") {
		return false
	}
	fields, seen, strange := fieldsOf(v.Type()), map[string]int{}, false
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := d.key(n.Content[i], seen, path)
		if !ok {
			continue
		}
		known := slices.IndexFunc(fields, func(sub field) bool { return sub.key == key })
		if known < 0 {
			strange = true
			d.unknown(n.Content[i].Line, v, key, path)
			continue
		}
		at := join(path, key)
		d.lines[at] = n.Content[i].Line
		d.value(n.Content[i+1], v.Field(fields[known].index), fields[known], at)
	}
	for _, sub := range fields {
		// An unknown key is told already, and may be the one that is missing.
		if _, there := seen[sub.key]; sub.rule("required") && !there && !strange {
			at := join(path, sub.key)
			d.add(d.line(at), at, "missing: expected %s", expectation(v.Field(sub.index)))
		}
	}
	if f.rule("one") && len(seen) != 1 {
		d.fail(path, "got %d keys: expected exactly one of %s", len(seen), either(keys(fields)))
	}
	return true
}

// key returns a mapping's key unless it is no plain one or repeats. It adds to seen.
func (d *decoder) key(n *yaml.Node, seen map[string]int, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.add(n.Line, path, "got %s as a key: expected a word", describe(n))
		return "", false
	}
	if n.ShortTag() == "!!merge" {
		d.add(n.Line, path, "merge key %s: expected the keys written out", quote(n.Value))
		return "", false
	}
	if first, twice := seen[n.Value]; twice {
		d.add(n.Line, path, "duplicate key %s: first set on line %d", quote(n.Value), first)
		return "", false
	}
	seen[n.Value] = n.Line
	return n.Value, true
}

func (d *decoder) unknown(line int, v reflect.Value, key, path string) {
	if t, ok := reflect.TypeAssert[tritonKeys](v); ok {
		if slices.Contains(t.tritonKeys(), key) {
			d.add(line, path, "key %q: known to Triton, not supported by Galatea", key)
			return
		}
	}
	known := keys(fieldsOf(v.Type()))
	near := Nearest(key, known)
	if near == "" {
		near = pathOf(d.root, key)
	}
	if len(known) == 0 {
		known = []string{"no key here"}
	}
	d.add(line, path, "%s", unknownKey(key, near, known))
}

// dictionary reads a map. Any scalar is a text. Parameters may also be in Triton's form, {string_value: "..."}.
func (d *decoder) dictionary(n *yaml.Node, v reflect.Value, f field, path string) bool {
	if !d.container(n, yaml.MappingNode, path, "a mapping of names to values") {
		return false
	}
	texts, seen := reflect.MakeMap(v.Type()), map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := d.key(n.Content[i], seen, path)
		if !ok {
			continue
		}
		at := join(path, key)
		d.lines[at] = n.Content[i].Line
		value := follow(n.Content[i+1])
		if v.Type() == reflect.TypeFor[Parameters]() && value.Kind == yaml.MappingNode {
			var p tritonText
			if d.value(value, reflect.ValueOf(&p).Elem(), field{}, at) {
				texts.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(string(p.StringValue)))
			}
			continue
		}
		if v.Type().Elem().Kind() != reflect.String {
			item := reflect.New(v.Type().Elem()).Elem()
			if d.value(value, item, f, at) {
				texts.SetMapIndex(reflect.ValueOf(key), item)
			}
			continue
		}
		var t text
		if d.value(value, reflect.ValueOf(&t).Elem(), field{}, at) {
			texts.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(string(t)))
		}
	}
	if texts.Len() > 0 {
		v.Set(texts)
	}
	return true
}

// tritonText is a parameter in Triton's form.
type tritonText struct {
	StringValue text `yaml:"string_value" rule:"required"`
}

// MaxItems is the most items that a list of mappings may have: each takes hundreds of times
// the bytes that it has in a file.
const MaxItems = 4096

func (d *decoder) list(n *yaml.Node, v reflect.Value, f field, path string) bool {
	if !d.container(n, yaml.SequenceNode, path, "a list") {
		return false
	}
	if v.Type().Elem().Kind() == reflect.Struct && len(n.Content) > MaxItems {
		d.add(n.Line, path, "%d items: expected at most %d", len(n.Content), MaxItems)
		return false
	}
	items, first, ok := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), 64)), map[any]int{}, true
	for i, child := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.lines[at] = child.Line
		item := reflect.New(v.Type().Elem()).Elem()
		if !d.value(child, item, f, at) {
			ok = false
			continue
		}
		items = reflect.Append(items, item)
		if !f.rule("unique") {
			continue
		}
		if j, twice := first[item.Interface()]; twice {
			d.add(child.Line, at, "%v is there already, as item %d: expected each once", item.Interface(), j)
			continue
		}
		first[item.Interface()] = i
	}
	if f.rule("nonempty") && len(n.Content) == 0 {
		d.add(n.Line, path, "an empty list: expected at least one item")
	}
	if ok {
		v.Set(items)
	}
	return ok
}

var simpleKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// join returns the path of a key within path.
func join(path, key string) string {
	if !simpleKey.MatchString(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
