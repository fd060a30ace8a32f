package pbtxt

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"galatea/config"
	"galatea/internal/gauge"
	"galatea/internal/tritonpb"
)

func seed(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("%s: no seeds: %v", pattern, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// No file makes Parse panic, or take memory that has nothing to do with its size; what is
// wrong is named with the file; and what is taken is printed as a config.yaml that says
// the same.
func FuzzParse(f *testing.F) {
	seed(f, "testdata/*.pbtxt")
	f.Fuzz(func(t *testing.T, data []byte) {
		var m *config.Model
		var err error
		if took := gauge.Allocated(func() { m, err = Parse("config.pbtxt", data) }); took > uint64(4<<20+500*len(data)) {
			t.Errorf("%d bytes of memory for %d", took, len(data))
		}
		if err != nil {
			demandFile(t, err)
			return
		}
		sameAgain(t, m)
	})
}

// The same of what callers send.
func FuzzParseSent(f *testing.F) {
	seed(f, "../testdata/*.triton.json")
	seed(f, "../testdata/*.good.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		m, yaml, err := ParseSent("config", data)
		if err != nil {
			demandFile(t, err)
			return
		}
		again, err := config.ParseModel("config.yaml", yaml)
		if err != nil || content(t, again) != content(t, m) {
			t.Errorf("%v: %s", err, yaml)
		}
	})
}

// maker makes up configurations, of which many are right.
type maker struct{ *rand.Rand }

// words has values for fields that take few; others get any text.
var words = map[string][]string{
	"platform": {"onnxruntime_onnx"}, "backend": {"onnxruntime"}, "default_model_filename": {"model.onnx", "net: 1.onnx"},
	"key": {"intra_op_thread_count", "session.x", "precision_mode", "owner"}, "string_value": {"1", "0"}, "label_filename": {"labels.txt", "a/b #c.txt"},
}

func (m maker) text(f protoreflect.FieldDescriptor) string {
	if known := words[string(f.Name())]; known != nil {
		return known[m.IntN(len(known))]
	}
	some := []string{"x", "y", "null", "1", "true", "~", "a: b", "- a", " x ", "\"", "'", "\n", "\u0085", "\u2028", "\ufeffx", "é", "#", "", "a\tb", "\x00", "%", "@a", "`", "0x1", "1e3", "2024-01-01", "{", "[]"}
	return some[m.IntN(len(some))]
}

func (m maker) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(m.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(m.IntN(f.Enum().Values().Len())))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(m.Int32N(5))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(m.Int64N(5) + 1)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(m.Uint32N(5))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(m.Uint64N(5))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(m.Float32())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(m.Float64())
	default:
		return protoreflect.ValueOfString(m.text(f))
	}
}

// fill sets some fields of a message; few of those that are refused.
func (m maker) fill(message protoreflect.Message, field string) {
	all := message.Descriptor().Fields()
	for i := range all.Len() {
		f := all.Get(i)
		path := join(field, string(f.Name()))
		one, _ := fateOf(path)
		seldom := one.fate == refused || f.Name() == "reshape" // of which few fit their dims
		if m.IntN(3) == 0 || seldom && m.IntN(40) > 0 {
			continue
		}
		switch {
		case f.IsMap():
			values := message.Mutable(f).Map()
			for range m.IntN(3) {
				value := values.NewValue()
				if f.MapValue().Message() != nil {
					m.fill(value.Message(), path)
				} else {
					value = m.scalar(f.MapValue())
				}
				values.Set(m.scalar(f.MapKey()).MapKey(), value)
			}
		case f.IsList():
			values := message.Mutable(f).List()
			for range m.IntN(3) {
				value := values.NewElement()
				if f.Message() != nil {
					m.fill(value.Message(), path)
				} else {
					value = m.scalar(f)
				}
				values.Append(value)
			}
		case f.Message() != nil:
			m.fill(message.Mutable(f).Message(), path)
		default:
			message.Set(f, m.scalar(f))
		}
	}
}

// What a pbtxt says, the config.yaml that is made of it says as well.
func TestWhatIsConvertedSaysTheSame(t *testing.T) {
	right := 0
	for n := range uint64(4000) {
		c := &tritonpb.ModelConfig{}
		maker{rand.New(rand.NewPCG(1, n))}.fill(c.ProtoReflect(), "")
		data, err := prototext.MarshalOptions{Multiline: n%2 == 0}.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse("config.pbtxt", data)
		if err != nil {
			demandFile(t, err)
			continue
		}
		right++
		sameAgain(t, m)
		if t.Failed() {
			t.Fatalf("of\n%s", data)
		}
	}
	t.Logf("%d were right", right)
	if right < 200 {
		t.Errorf("only %d were right", right)
	}
}
