package pbtxt

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"galatea/config"
	"galatea/internal/tritonpb"
)

// walker collects what becomes of the fields that a configuration sets.
type walker struct {
	file   string
	sent   bool // by a client, who may have had it from this server
	origin config.Origin
	errs   []error
}

// note adds a field that does not count.
func (w *walker) note(at, why string) {
	w.origin.Notes = append(w.origin.Notes, at+" is ignored: "+why)
}

func (w *walker) refuse(at, why string) {
	w.errs = append(w.errs, &config.Error{File: w.file, Field: at, Text: "known to Triton, not supported by Galatea: " + why})
}

// fields looks at the fields that a message sets. field is the message's own, "" at the
// top, and at is the same with its places in lists. It reports whether one counts.
func (w *walker) fields(m protoreflect.Message, field, at string) bool {
	counts, all := false, m.Descriptor().Fields()
	for i := range all.Len() {
		f := all.Get(i)
		if !m.Has(f) {
			continue
		}
		name := string(f.Name())
		here := w.field(f, m.Get(f), join(field, name), join(at, name))
		if here && field == "" {
			w.origin.Honoured = append(w.origin.Honoured, name)
		}
		counts = counts || here
	}
	return counts
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// field looks at a field that is set, and reports whether it counts.
func (w *walker) field(f protoreflect.FieldDescriptor, v protoreflect.Value, field, at string) bool {
	row, _ := fateOf(field) // a test looks that each has one
	switch {
	case row.fate == honoured:
		return true
	case row.fate == ignored && !usual(v):
		w.note(at, row.why)
	case row.fate == refused:
		w.refuse(at, row.why)
	case row.fate == parts && f.IsList():
		counts := false
		for i := range v.List().Len() {
			counts = w.fields(v.List().Get(i).Message(), field, fmt.Sprintf("%s[%d]", at, i)) || counts
		}
		return counts
	case row.fate == parts:
		return w.fields(v.Message(), field, at)
	}
	return false
}

// usual reports whether a value is what Triton sets by itself.
func usual(v protoreflect.Value) bool {
	m, is := v.Interface().(protoreflect.Message)
	if !is {
		return false
	}
	memory, is := m.Interface().(*tritonpb.ModelOptimizationPolicy_PinnedMemoryBuffer)
	return is && memory.GetEnable()
}

// names returns the names of all fields of a message and of those within it.
func names(m protoreflect.MessageDescriptor) []string {
	var all []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		all = append(all, string(f.Name()))
		if below := f.Message(); below != nil {
			all = append(all, names(below)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
