package config

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// patcher changes a file where a tuning is, and nothing else in it. It finds its way by
// the places that the parser gives, and does not trust them: what it does not find where
// it should be makes it give up.
type patcher struct {
	data    []byte
	starts  []int  // of the lines
	newline string // as the file ends its lines
	patches []patch
	tail    strings.Builder // what is appended
	failed  bool
}

// patch puts a text in the place of what is from at to end.
type patch struct {
	at, end int
	text    string
}

// inPlace puts the tuning into the file's lines, or reports that it cannot. Whether the
// result says what it should is left to the caller to find out.
func (t Tuning) inPlace(data []byte) ([]byte, bool) {
	p := &patcher{data: data, newline: "\n", starts: []int{0}}
	for i, c := range data {
		if c == '\n' {
			p.starts = append(p.starts, i+1)
		}
	}
	if bytes.Contains(data, []byte("\r\n")) {
		p.newline = "\r\n"
	}
	root := (&report{}).load(data)
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode, Column: 1}
	}
	if t.MaxBatchSize != nil {
		if value := valueOf(root, keyMaxBatchSize); value != nil {
			p.scalar(value, *t.MaxBatchSize)
		} else {
			p.add(root, keyMaxBatchSize, strconv.Itoa(*t.MaxBatchSize), "")
		}
	}
	if t.Instances != nil {
		p.instances(root, *t.Instances)
	}
	if t.Threads != nil {
		p.threads(root, *t.Threads)
	}
	if p.failed {
		return nil, false
	}
	return p.patched(), true
}

// instances sets the count of the only group.
func (p *patcher) instances(root *yaml.Node, n int) {
	groups := valueOf(root, keyGroups)
	switch {
	case groups == nil:
		p.add(root, keyGroups, "[{"+p.key(root, keyCount)+": "+strconv.Itoa(n)+"}]", "  - "+keyCount+": "+strconv.Itoa(n))
	case groups.Kind != yaml.SequenceNode || len(groups.Content) != 1:
		p.failed = true
	default:
		p.set(groups.Content[0], keyCount, n)
	}
}

// threads sets the parameter, which may be in Triton's form.
func (p *patcher) threads(root *yaml.Node, n int) {
	all := valueOf(root, keyParameters)
	if all == nil {
		p.add(root, keyParameters, "{"+p.key(root, keyThreads)+": "+strconv.Itoa(n)+"}", "  "+keyThreads+": "+strconv.Itoa(n))
		return
	}
	if value := valueOf(all, keyThreads); value != nil && value.Kind == yaml.MappingNode {
		p.set(value, "string_value", n)
		return
	}
	p.set(all, keyThreads, n)
}

// set sets a mapping's number, in front of its other keys where it is new.
func (p *patcher) set(mapping *yaml.Node, key string, n int) {
	if mapping.Kind != yaml.MappingNode || len(mapping.Content) == 0 {
		p.failed = true
		return
	}
	if value := valueOf(mapping, key); value != nil {
		p.scalar(value, n)
		return
	}
	p.before(mapping, key, strconv.Itoa(n))
}

// before puts a new key with a value of one line in front of a mapping's others.
func (p *patcher) before(mapping *yaml.Node, key, value string) {
	first := mapping.Content[0]
	at, ok := p.find(first, quoteOf(first)+first.Value)
	if !ok {
		p.failed = true
		return
	}
	text := key + ": " + value + p.newline + strings.Repeat(" ", first.Column-1)
	if mapping.Style&yaml.FlowStyle != 0 {
		text = p.key(mapping, key) + ": " + value + ", "
	}
	p.patches = append(p.patches, patch{at, at, text})
}

// add adds a key to the root: its value in one line; or, at the file's end, in lines of
// their own where there are such.
func (p *patcher) add(root *yaml.Node, key, flow, block string) {
	if root.Style&yaml.FlowStyle != 0 {
		if len(root.Content) == 0 {
			p.failed = true
			return
		}
		p.before(root, key, flow)
		return
	}
	indent := strings.Repeat(" ", max(0, root.Column-1))
	if block != "" {
		p.tail.WriteString(indent + key + ":" + p.newline + indent + block + p.newline)
		return
	}
	p.tail.WriteString(indent + key + ": " + flow + p.newline)
}

// scalar replaces a number, within the quotes that it has; an alias is replaced whole.
func (p *patcher) scalar(n *yaml.Node, value int) {
	quote, written := quoteOf(n), n.Value
	if n.Kind == yaml.AliasNode {
		written = "*" + n.Value
	}
	at, ok := p.find(n, quote+written+quote)
	if !ok || n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode {
		p.failed = true
		return
	}
	at += len(quote)
	p.patches = append(p.patches, patch{at, at + len(written), strconv.Itoa(value)})
}

// key writes a key as the mapping has its own: in quotes, or without.
func (p *patcher) key(mapping *yaml.Node, key string) string {
	if len(mapping.Content) > 0 && mapping.Style&yaml.FlowStyle != 0 {
		quote := quoteOf(mapping.Content[0])
		return quote + key + quote
	}
	return key
}

func quoteOf(n *yaml.Node) string {
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		return "'"
	}
	return ""
}

// find returns where a node is, if the text is there.
func (p *patcher) find(n *yaml.Node, text string) (int, bool) {
	if n.Line < 1 || n.Line > len(p.starts) {
		return 0, false
	}
	at := p.starts[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(p.data[at:])
		at += size
	}
	return at, bytes.HasPrefix(p.data[at:], []byte(text))
}

// patched returns the file with what was put into it.
func (p *patcher) patched() []byte {
	slices.SortStableFunc(p.patches, func(a, b patch) int { return a.at - b.at })
	var b bytes.Buffer
	from := 0
	for _, one := range p.patches {
		b.Write(p.data[from:one.at])
		b.WriteString(one.text)
		from = one.end
	}
	b.Write(p.data[from:])
	if p.tail.Len() > 0 && b.Len() > 0 && b.Bytes()[b.Len()-1] != '\n' {
		b.WriteString(p.newline)
	}
	b.WriteString(p.tail.String())
	return b.Bytes()
}
