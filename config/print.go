package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"galatea/tensor"
)

// YAML returns the configuration as a config.yaml: what the file says, the inputs
// and outputs in full, and, in lines that are commented out, what was decided
// automatically. With the same graph and defaults it completes to the same again;
// with those lines uncommented too, but that batching is then insisted on.
func (r *Resolved) YAML() []byte {
	m := *r.file()
	m.Name = r.Name
	m.Input, m.Output = r.printedInputs(m.inputs()), r.printedOutputs(m.outputs())
	var b bytes.Buffer
	b.Write(printed(encode(reflect.ValueOf(m))))
	if lines := r.automatic(); len(lines) > 0 {
		b.WriteString("\n# Decided automatically; uncomment to decide otherwise.\n")
		for _, line := range lines {
			b.WriteString("# " + line + "\n")
		}
	}
	return b.Bytes()
}

// printedDims returns a tensor's dims as the file has them, else as Triton has them: without the batch dimension.
func (r *Resolved) printedDims(s tensor.Spec, list []declared) []int64 {
	if i := slices.IndexFunc(list, func(d declared) bool { return d.name == s.Name }); i >= 0 && list[i].written() != nil {
		return list[i].written()
	}
	if r.Batching() && len(s.Shape) > 0 {
		return s.Shape[1:]
	}
	return s.Shape
}

func (r *Resolved) printedInputs(list []declared) []Input {
	var all []Input
	formats := r.file().formats()
	for _, s := range r.Signature.Inputs {
		in := Input{Name: s.Name, DataType: s.DType, Dims: r.printedDims(s, list), Format: formats[s.Name]}
		if i := slices.IndexFunc(list, func(d declared) bool { return d.name == s.Name }); i >= 0 {
			in.Optional, in.Reshape = list[i].optional, list[i].reshape
		}
		if s.Optional {
			in.Optional = &s.Optional
		}
		all = append(all, in)
	}
	return all
}

func (r *Resolved) printedOutputs(list []declared) []Output {
	var all []Output
	labels := r.file().LabelFiles()
	for _, s := range r.Signature.Outputs {
		out := Output{Name: s.Name, DataType: s.DType, Dims: r.printedDims(s, list), LabelFilename: labels[s.Name]}
		if i := slices.IndexFunc(list, func(d declared) bool { return d.name == s.Name }); i >= 0 {
			out.Reshape = list[i].reshape
		}
		all = append(all, out)
	}
	return all
}

// automatic lists the settings that the file leaves out, each as a line of YAML.
func (r *Resolved) automatic() []string {
	m, lines := r.file(), []string(nil)
	add := func(set bool, format string, args ...any) {
		if !set {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(m.MaxBatchSize != nil, "max_batch_size: %d # %s", r.MaxBatchSize, r.batching)
	add(m.DefaultModelFilename != "", "default_model_filename: %s", r.ModelFile)
	add(m.VersionPolicy != nil, "version_policy: {latest: {num_versions: %d}}", r.VersionPolicy.Latest)
	if len(m.InstanceGroup) == 0 && len(r.Instances) > 0 {
		i, gpus := r.Instances[0], ""
		if i.Kind == KindCPU && len(m.accelerators()) > 0 {
			i.Kind = KindAuto // KIND_CPU would contradict the accelerators
		}
		if len(i.GPUs) > 0 {
			gpus = ", gpus: [" + commas(i.GPUs) + "]"
		}
		add(false, "instance_group: [{kind: %s, count: %d%s}]", i.Kind, i.Count, gpus)
	}
	if m.DynamicBatching == nil && len(r.Queue.Levels) > 0 {
		batching := ""
		if r.Batching() {
			batching = fmt.Sprintf("preferred_batch_size: [%d], max_queue_delay_microseconds: %d, ", r.MaxBatchSize, int64(r.MaxQueueDelay/time.Microsecond))
		}
		add(false, "dynamic_batching: {%sdefault_queue_policy: {max_queue_size: %d}}", batching, r.Queue.Levels[0].MaxSize)
	}
	return lines
}

func commas(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}

// encode returns the YAML of a struct of this package, without what is left out: it
// is the decoder backwards. It returns nil for a value that is left out.
func encode(v reflect.Value) *yaml.Node {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return scalarNode(d.String(), "!!str", d == 0)
	}
	if t, ok := reflect.TypeAssert[tensor.DType](v); ok {
		return scalarNode(t.ConfigName(), "!!str", t == tensor.Invalid)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encodePointer(v)
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range fieldsOf(v.Type()) {
			if v.Field(f.index).IsZero() && !f.rule("required") {
				continue
			}
			appendPair(n, f.key, encode(v.Field(f.index)))
		}
		return n
	case reflect.Map:
		return encodeMap(v)
	case reflect.Slice:
		return encodeList(v)
	case reflect.Bool:
		return scalarNode(strconv.FormatBool(v.Bool()), "!!bool", !v.Bool())
	case reflect.String:
		return scalarNode(v.String(), "!!str", v.String() == "")
	case reflect.Float64:
		text := strconv.FormatFloat(v.Float(), 'g', -1, 64)
		if wholeNumber.MatchString(text) {
			return scalarNode(text, "!!int", false)
		}
		return scalarNode(text, "!!float", false)
	default:
		return scalarNode(strconv.FormatInt(v.Int(), 10), "!!int", false)
	}
}

func scalarNode(value, tag string, leftOut bool) *yaml.Node {
	if leftOut {
		return nil
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
	if strings.ContainsAny(value, "\n\r\t") {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func appendPair(n *yaml.Node, key string, value *yaml.Node) {
	if value != nil {
		n.Content = append(n.Content, scalarNode(key, "!!str", false), value)
	}
}

// encodePointer encodes what is pointed at even where it is zero: it has been set.
func encodePointer(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	if v.Elem().Kind() == reflect.Bool {
		return scalarNode(strconv.FormatBool(v.Elem().Bool()), "!!bool", false)
	}
	return encode(v.Elem())
}

func encodeMap(v reflect.Value) *yaml.Node {
	if v.Len() == 0 {
		return nil
	}
	names := make([]string, 0, v.Len())
	for _, key := range v.MapKeys() {
		names = append(names, key.String())
	}
	slices.Sort(names)
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range names {
		item := v.MapIndex(reflect.ValueOf(name))
		if item.Kind() == reflect.String {
			appendPair(n, name, scalarNode(item.String(), "!!str", false))
			continue
		}
		appendPair(n, name, encode(item))
	}
	return n
}

func encodeList(v reflect.Value) *yaml.Node {
	flow := v.Type().Elem().Kind() != reflect.Struct
	if v.IsNil() || v.Len() == 0 && !flow { // empty dims are a shape; an empty list of groups says nothing
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if flow {
		n.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		n.Content = append(n.Content, encode(v.Index(i)))
	}
	return n
}
