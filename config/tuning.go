package config

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Tuning is what a config.yaml says about how many batches run at the same time, and
// of what size. A nil field stays as the file has it, also where it has none.
type Tuning struct {
	Instances    *int // count of the only instance group
	Threads      *int // intra_op_thread_count
	MaxBatchSize *int
}

// The keys that a tuning sets.
const (
	keyMaxBatchSize = "max_batch_size"
	keyGroups       = "instance_group"
	keyCount        = "count"
	keyParameters   = "parameters"
	keyThreads      = "intra_op_thread_count"
)

// Keys returns the keys at the top of the file that the tuning is in, in the order in
// which a new file has them.
func (t Tuning) Keys() []string {
	var all []string
	if t.MaxBatchSize != nil {
		all = append(all, keyMaxBatchSize)
	}
	if t.Instances != nil {
		all = append(all, keyGroups)
	}
	if t.Threads != nil {
		all = append(all, keyParameters)
	}
	return all
}

// Edit returns a config.yaml with the tuning in it; empty data is a file without
// anything. What else the file says stays: its keys, comments and their order, and its
// lines byte for byte where the change can be made within them, as it nearly always
// can; else the whole file is laid out anew. The result parses to the same model but for
// the tuning. The error is that of a file that does not parse, before or after, or says
// why this one cannot be changed.
func (t Tuning) Edit(file string, data []byte) ([]byte, error) {
	m, err := ParseModel(file, data)
	if err != nil {
		return nil, err
	}
	keys := t.Keys()
	if len(keys) == 0 {
		return bytes.Clone(data), nil
	}
	if t.Instances != nil && len(m.InstanceGroup) > 1 {
		return nil, m.Errorf(keyGroups, "%d groups: expected one at most, whose count is set", len(m.InstanceGroup))
	}
	want := t.applied(m)
	if edited, ok := t.inPlace(data); ok {
		if got, err := ParseModel(file, edited); err == nil && sameModel(got, want) {
			return edited, nil
		}
	}
	edited, ok := t.laidOut(data)
	if !ok {
		return nil, m.Errorf("", "%s: an alias, which cannot be changed alone: expected it written out", either(keys))
	}
	got, err := ParseModel(file, edited)
	switch {
	case err != nil:
		return nil, err
	case !sameModel(got, want):
		return nil, m.Errorf("", "%s cannot be changed without what else the file says, by its anchors say: expected it written out", either(keys))
	}
	return edited, nil
}

// Excerpt returns, for people, the keys that the tuning is in as they are in what Edit
// returned; nil when the tuning sets nothing.
func (t Tuning) Excerpt(edited []byte) []byte {
	root := (&report{}).load(edited)
	if root == nil || root.Kind != yaml.MappingNode {
		return nil
	}
	some := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range t.Keys() {
		if value := valueOf(root, key); value != nil {
			appendPair(some, key, uncommented(value))
		}
	}
	return encoded(some)
}

// applied returns the model with the tuning in it.
func (t Tuning) applied(m *Model) *Model {
	want := *m
	if t.MaxBatchSize != nil {
		want.MaxBatchSize = t.MaxBatchSize
	}
	if t.Instances != nil {
		want.InstanceGroup = slices.Clone(m.InstanceGroup)
		if len(want.InstanceGroup) == 0 {
			want.InstanceGroup = make([]InstanceGroup, 1)
		}
		want.InstanceGroup[0].Count = t.Instances
	}
	if t.Threads != nil {
		want.Parameters = maps.Clone(m.Parameters)
		if want.Parameters == nil {
			want.Parameters = Parameters{}
		}
		want.Parameters[keyThreads] = strconv.Itoa(*t.Threads)
	}
	return &want
}

// sameModel compares what two files say.
func sameModel(a, b *Model) bool {
	one, other := *a, *b
	one.source, other.source = source{}, source{}
	one.origin, other.origin = Origin{}, Origin{}
	return reflect.DeepEqual(one, other)
}

// laidOut edits the tree of a file and prints it anew. It reports false for a file that
// has an alias on the way to what is to change.
func (t Tuning) laidOut(data []byte) ([]byte, bool) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, false
	}
	if doc.Kind == 0 {
		doc.Kind = yaml.DocumentNode
	}
	if len(doc.Content) == 0 {
		doc.Content = []*yaml.Node{{Kind: yaml.MappingNode}}
	}
	root, ok := become(doc.Content[0], yaml.MappingNode)
	if ok && t.MaxBatchSize != nil {
		setValue(root, keyMaxBatchSize, numberNode(*t.MaxBatchSize))
	}
	if ok && t.Instances != nil {
		var groups, group *yaml.Node
		groups, ok = become(childOf(root, keyGroups), yaml.SequenceNode)
		if len(groups.Content) == 0 {
			groups.Content = []*yaml.Node{{Kind: yaml.MappingNode}}
		}
		if ok {
			group, ok = become(groups.Content[0], yaml.MappingNode)
			setValue(group, keyCount, numberNode(*t.Instances))
		}
	}
	if ok && t.Threads != nil {
		var all *yaml.Node
		all, ok = become(childOf(root, keyParameters), yaml.MappingNode)
		setValue(all, keyThreads, numberNode(*t.Threads))
	}
	return encoded(&doc), ok
}

// encoded prints a tree; nil when there is nothing in it.
func encoded(n *yaml.Node) []byte {
	if len(n.Content) == 0 {
		return nil
	}
	return printed(n)
}

func numberNode(n int) *yaml.Node { return scalarNode(strconv.Itoa(n), "!!int", false) }

// become makes a node without a value an empty one of the kind. It reports false for
// anything else that is not of the kind.
func become(n *yaml.Node, kind yaml.Kind) (*yaml.Node, bool) {
	if isNull(n) {
		n.Kind, n.Tag, n.Value, n.Style = kind, "", "", 0
		if n.LineComment != "" { // there is no such behind what has lines of its own
			n.HeadComment, n.LineComment = strings.TrimPrefix(n.HeadComment+"\n"+n.LineComment, "\n"), ""
		}
	}
	return n, n.Kind == kind
}

// place returns where a mapping's value for the key is in its content, or -1.
func place(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i + 1
		}
	}
	return -1
}

// valueOf returns a mapping's value for the key, or nil.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if i := place(mapping, key); i >= 0 {
		return mapping.Content[i]
	}
	return nil
}

// childOf returns a mapping's value for the key, which it adds without a value.
func childOf(mapping *yaml.Node, key string) *yaml.Node {
	if valueOf(mapping, key) == nil {
		appendPair(mapping, key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"})
	}
	return valueOf(mapping, key)
}

// setValue sets a mapping's value for the key; the old one's comments and anchor stay.
func setValue(mapping *yaml.Node, key string, value *yaml.Node) {
	i := place(mapping, key)
	if i < 0 {
		appendPair(mapping, key, value)
		return
	}
	old := mapping.Content[i]
	value.HeadComment, value.LineComment, value.FootComment, value.Anchor = old.HeadComment, old.LineComment, old.FootComment, old.Anchor
	mapping.Content[i] = value
}

// uncommented returns a node without comments, with its aliases written out; ParseModel
// has seen to it that this ends.
func uncommented(n *yaml.Node) *yaml.Node {
	of := follow(n)
	bare := *of
	bare.HeadComment, bare.LineComment, bare.FootComment, bare.Anchor, bare.Content = "", "", "", "", nil
	for _, child := range of.Content {
		bare.Content = append(bare.Content, uncommented(child))
	}
	return &bare
}
