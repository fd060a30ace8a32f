package pbtxt

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"galatea/config"
	"galatea/internal/tritonpb"
)

// fieldsOf lists the fields of ModelConfig, and those within fields that have parts.
func fieldsOf(m protoreflect.MessageDescriptor, field string) []string {
	var all []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		path := join(field, string(f.Name()))
		all = append(all, path)
		if one, _ := fateOf(path); one.fate == parts {
			all = append(all, fieldsOf(f.Message(), path)...)
		}
	}
	return all
}

func TestEachFieldHasAFate(t *testing.T) {
	all := fieldsOf((&tritonpb.ModelConfig{}).ProtoReflect().Descriptor(), "")
	for _, field := range all {
		if _, known := fateOf(field); !known {
			t.Errorf("%s: there is no row for it", field)
		}
	}
	seen := map[string]bool{}
	for _, one := range fates {
		if !slices.Contains(all, one.field) || seen[one.field] {
			t.Errorf("%s: there is no such field, or it has a row already", one.field)
		}
		seen[one.field] = true
		if explained := one.why != ""; explained != (one.fate == ignored || one.fate == refused) {
			t.Errorf("%s: %s, why: %q", one.field, one.fate, one.why)
		}
		if one.fate == refused && !strings.Contains(one.why, "expected") {
			t.Errorf("%s: what is to be done? %s", one.field, one.why)
		}
	}
}

// everything is the file that sets all that is honoured.
func everything(t *testing.T) *tritonpb.ModelConfig {
	t.Helper()
	data, err := os.ReadFile("testdata/everything.good.pbtxt")
	if err != nil {
		t.Fatal(err)
	}
	c := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal(data, c); err != nil {
		t.Fatal(err)
	}
	for key := range c.GetParameters() {
		if !config.KnownParameter(key) {
			delete(c.GetParameters(), key)
		}
	}
	return c
}

// leaf is a field that is set, and has no fields of its own.
type leaf struct {
	path  string
	clear func()
}

// leaves lists the fields that count and that a message sets, down to the last.
func leaves(m protoreflect.Message, field string) []leaf {
	var all []leaf
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := join(field, string(f.Name()))
		if one, known := fateOf(path); known && one.fate != honoured && one.fate != parts {
			return true
		}
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				all = append(all, leaves(v.Message(), path)...)
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				all = append(all, leaves(v.List().Get(i).Message(), path)...)
			}
		case f.Message() != nil && !f.IsMap():
			all = append(all, leaves(v.Message(), path)...)
		default:
			all = append(all, leaf{path, func() { m.Clear(f) }})
		}
		return true
	})
	return all
}

// What is said to be honoured must make a difference: without it, the model says
// something else, or is refused.
func TestWhatIsHonouredCounts(t *testing.T) {
	before, err := translate("config.pbtxt", everything(t), false)
	if err != nil {
		t.Fatal(err)
	}
	n := len(leaves(everything(t).ProtoReflect(), ""))
	for i := range n {
		c := everything(t)
		one := leaves(c.ProtoReflect(), "")
		slices.SortStableFunc(one, func(a, b leaf) int { return strings.Compare(a.path, b.path) })
		one[i].clear()
		after, err := translate("config.pbtxt", c, false)
		if err == nil && content(t, after) == content(t, before) {
			t.Errorf("%s: nothing changes without it", one[i].path)
		}
	}
}

func TestTheFileOfEverythingSetsAllThatIsHonoured(t *testing.T) {
	var set []string
	for _, one := range leaves(everything(t).ProtoReflect(), "") {
		set = append(set, one.path)
	}
	choices := []string{"version_policy.latest", "version_policy.all"} // there is one of three
	for _, one := range fates {
		there := slices.ContainsFunc(set, func(path string) bool { return path == one.field || strings.HasPrefix(path, one.field+".") })
		if one.fate == honoured && !there && !slices.Contains(choices, one.field) {
			t.Errorf("%s is honoured, but not in everything.good.pbtxt", one.field)
		}
	}
}

// The guide's table has the fields in its first column, and what becomes of them in its second.
func TestTheGuideSaysWhatBecomesOfEachField(t *testing.T) {
	guide, err := os.ReadFile("../../docs/guide/triton-repositories.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(guide)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, name := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(cells[1], -1) {
			if said[name[1]] != "" {
				t.Errorf("%s has two rows", name[1])
			}
			said[name[1]] = strings.TrimSpace(cells[2])
		}
	}
	for _, one := range fates {
		if one.fate != parts && said[one.field] != string(one.fate) {
			t.Errorf("the guide says that %s is %q: it is %s", one.field, said[one.field], one.fate)
		}
		delete(said, one.field)
	}
	for field := range said {
		t.Errorf("the guide has a row for %s, which is no field", field)
	}
}
