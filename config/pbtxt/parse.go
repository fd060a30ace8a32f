package pbtxt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"galatea/config"
	"galatea/internal/tritonpb"
)

// maxBytes is the most that a configuration may have, as for a config.yaml.
const maxBytes = 1 << 20

// longest is how much is said of what is wrong with a text: it may repeat all of it.
const longest = 400

// Parse reads a config.pbtxt. The file name is for error texts. The error joins all that
// is wrong, each a *config.Error; one of the text itself has a line.
func Parse(file string, data []byte) (*config.Model, error) {
	return parse(file, data, false, prototext.Unmarshal)
}

// ParseSent reads the configuration that a caller sent along, and returns it as a
// config.yaml, too. It is a config.yaml, or the same in JSON; or else, when it is JSON
// whose keys are all ModelConfig's, in either of the spellings that protobuf has for
// them, it is Triton's.
func ParseSent(name string, data []byte) (*config.Model, []byte, error) {
	own, err := config.ParseModel(name, data)
	if err == nil || !tritons(data) {
		return own, data, err
	}
	m, err := parse(name, data, true, protojson.Unmarshal)
	if err != nil {
		return nil, nil, err
	}
	printed := m.YAML()
	return m, printed, nil
}

// tritons reports whether data is a JSON object all of whose keys are ModelConfig's.
func tritons(data []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil || keys == nil {
		return false
	}
	fields := (&tritonpb.ModelConfig{}).ProtoReflect().Descriptor().Fields()
	for key := range keys {
		if fields.ByJSONName(key) == nil && fields.ByTextName(key) == nil {
			return false
		}
	}
	return true
}

func parse(file string, data []byte, sent bool, unmarshal func([]byte, protoreflect.ProtoMessage) error) (*config.Model, error) {
	if len(data) > maxBytes {
		return nil, &config.Error{File: file, Text: fmt.Sprintf("%d bytes: expected at most %d", len(data), maxBytes)}
	}
	c := &tritonpb.ModelConfig{}
	if err := unmarshal(data, c); err != nil {
		return nil, syntax(file, err)
	}
	if err := checkLists(file, c.ProtoReflect()); err != nil {
		return nil, err
	}
	return translate(file, c, sent)
}

// checkLists refuses lists that are longer than a config.yaml may have them.
func checkLists(file string, m protoreflect.Message) error {
	var err error
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && v.List().Len() > config.MaxItems:
			err = &config.Error{File: file, Field: string(f.Name()), Text: fmt.Sprintf("%d items: expected at most %d", v.List().Len(), config.MaxItems)}
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				err = cmp.Or(err, checkLists(file, v.List().Get(i).Message()))
			}
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				err = cmp.Or(err, checkLists(file, v.Message()))
				return err == nil
			})
		case f.Message() != nil && !f.IsList() && !f.IsMap():
			err = checkLists(file, v.Message())
		}
		return err == nil
	})
	return err
}

var (
	// The library puts a space of one of two kinds behind its name, so that nobody relies on its texts.
	place        = regexp.MustCompile(`^proto:[ \x{a0}](?:syntax error )?\(line ([0-9]+):[0-9]+\): `)
	unknownField = regexp.MustCompile(`^unknown field:? "?([A-Za-z0-9_]{1,64})"?$`)
)

// syntax returns the error of text that is no ModelConfig.
func syntax(file string, err error) error {
	e := &config.Error{File: file, Text: err.Error()}
	if parts := place.FindStringSubmatch(e.Text); parts != nil {
		e.Line, _ = strconv.Atoi(parts[1])
		e.Text = e.Text[len(parts[0]):]
	}
	if parts := unknownField.FindStringSubmatch(e.Text); parts != nil {
		e.Text = fmt.Sprintf("unknown field %q", parts[1])
		switch near := config.Nearest(parts[1], names((&tritonpb.ModelConfig{}).ProtoReflect().Descriptor())); near {
		case "":
		case parts[1]:
			e.Text += " here: it belongs to another part of the file"
		default:
			e.Text += fmt.Sprintf(": did you mean %q?", near)
		}
	}
	if len(e.Text) > longest {
		e.Text = strings.ToValidUTF8(e.Text[:longest], "") + "..."
	}
	return e
}

// joined joins errors, and what err joins with them.
func joined(errs []error, err error) error { return errors.Join(append(errs, err)...) }
