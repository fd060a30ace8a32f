package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"galatea/tensor"
)

// enum is a text that has to be one of a few.
type enum interface {
	choices() []string       // what Galatea takes
	tritonChoices() []string // what Triton takes besides
}

// text is a string that may be written as any scalar: 1 and true are texts too.
type text string

// scalar reads one value and checks it against the field's limits.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, f field, path string) bool {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.add(n.Line, path, "got %s: expected %s", describe(n), expectation(v))
		return false
	}
	if e, ok := reflect.TypeAssert[enum](v); ok {
		return d.enum(n, v, e, path)
	}
	switch v.Interface().(type) {
	case text:
		v.SetString(n.Value)
		return true
	case tensor.DType, Size, time.Duration:
		return d.number(n, v, f, path, n.Value)
	}
	switch tag := n.ShortTag(); {
	case v.Kind() == reflect.String && tag == "!!str":
		v.SetString(n.Value)
		return true
	case v.Kind() == reflect.String:
		d.add(n.Line, path, "got %s: expected text, such as %s in quotes", describe(n), quote(n.Value))
		return false
	case v.Kind() == reflect.Bool && tag == "!!bool":
		v.SetBool(n.Value == "true" || n.Value == "True" || n.Value == "TRUE")
		return true
	case v.CanFloat() && (tag == "!!int" || tag == "!!float"):
		return d.float(n, v, f, path)
	case v.CanInt() && wholeNumber.MatchString(n.Value) && tag != "!!str":
		return d.number(n, v, f, path, n.Value)
	}
	d.add(n.Line, path, "got %s: expected %s", describe(n), expectation(v))
	return false
}

func (d *decoder) enum(n *yaml.Node, v reflect.Value, e enum, path string) bool {
	ours := e.choices()
	switch {
	case slices.Contains(ours, n.Value):
		v.SetString(n.Value)
		return true
	case slices.Contains(e.tritonChoices(), n.Value):
		d.add(n.Line, path, "%s: known to Triton, not supported by Galatea: expected %s", n.Value, either(ours))
	default:
		d.add(n.Line, path, "unknown value %s: expected %s", quote(n.Value), either(ours))
	}
	return false
}

// number reads a value that is a number to Go, within its limits.
func (d *decoder) number(n *yaml.Node, v reflect.Value, f field, path, written string) bool {
	x, err := parseNumber(v.Interface(), written)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		d.add(n.Line, path, "%s", err)
	case err != nil || !inRange(v.Interface(), x, f):
		d.add(n.Line, path, "%s is out of range: expected %s to %s", cut(written), f.min, f.max)
	case v.CanUint():
		v.SetUint(uint64(x))
		return true
	default:
		v.SetInt(x)
		return true
	}
	return false
}

// float reads a number that need not be whole, within its limits.
func (d *decoder) float(n *yaml.Node, v reflect.Value, f field, path string) bool {
	x, err := strconv.ParseFloat(n.Value, 64)
	low, _ := strconv.ParseFloat(f.min, 64) // the limits are this package's own
	high, _ := strconv.ParseFloat(f.max, 64)
	if err != nil || !(x >= low && x <= high) {
		d.add(n.Line, path, "%s is out of range: expected %s to %s", cut(n.Value), f.min, f.max)
		return false
	}
	v.SetFloat(x)
	return true
}

// inRange reports whether x keeps the field's limits, those that it has.
func inRange(like any, x int64, f field) bool {
	low, noLow := parseNumber(like, f.min)
	high, noHigh := parseNumber(like, f.max)
	return (noLow != nil || x >= low) && (noHigh != nil || x <= high)
}

var wholeNumber = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)

// parseNumber reads text as a number of the type that like has. The error is strconv.ErrRange for a whole number past an int64.
func parseNumber(like any, text string) (int64, error) {
	switch like.(type) {
	case tensor.DType:
		t, err := tensor.ParseConfigDType(text)
		return int64(t), err
	case Size:
		n, err := ParseSize(text)
		return int64(n), err
	case time.Duration:
		n, err := parseDuration(text)
		return int64(n), err
	}
	if !wholeNumber.MatchString(text) {
		return 0, fmt.Errorf("got %s: expected a whole number", quote(text))
	}
	return strconv.ParseInt(text, 10, 64)
}

// expectation says what may be written for a value, in words.
func expectation(v reflect.Value) string {
	if e, ok := reflect.TypeAssert[enum](v); ok {
		return either(e.choices())
	}
	switch v.Interface().(type) {
	case tensor.DType:
		return "a data type such as TYPE_FP32"
	case Size:
		return "a number of bytes, such as 1048576 or 1MiB"
	case time.Duration:
		return "a number of seconds, or a duration such as 500ms"
	case text:
		return "one value"
	}
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return "a whole number such as 8"
	case v.CanFloat():
		return "a number such as 2.5"
	case v.Kind() == reflect.Slice:
		return "a list"
	case v.Kind() == reflect.Map:
		return "a mapping of names to values"
	}
	return "text"
}

// describe says what a file holds, in words.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isNull(n):
		return "nothing"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + cut(n.Value)
	case "!!bool":
		return n.Value
	case "!!str":
		return "the text " + quote(n.Value)
	}
	return "the value " + quote(n.Value)
}
