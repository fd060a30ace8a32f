package openapi

import (
	"encoding/json"
	"strconv"

	"galatea/tensor"
)

// schema is a JSON Schema of the draft 2020-12, as far as it is used here.
type schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	MediaType   string             `json:"contentMediaType,omitempty"`
	Const       any                `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     json.Number        `json:"minimum,omitempty"`
	Maximum     json.Number        `json:"maximum,omitempty"`
	PrefixItems []*schema          `json:"prefixItems,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Contains    *schema            `json:"contains,omitempty"`
	MinContains *int               `json:"minContains,omitempty"`
	MaxContains *int               `json:"maxContains,omitempty"`
	MinItems    *int64             `json:"minItems,omitempty"`
	MaxItems    *int64             `json:"maxItems,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Others      *schema            `json:"additionalProperties,omitempty"`
	AllOf       []*schema          `json:"allOf,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	OneOf       []*schema          `json:"oneOf,omitempty"`
	Not         *schema            `json:"not,omitempty"`
}

// field is a member of an object.
type field struct {
	name     string
	schema   *schema
	optional bool
}

func has(name string, s *schema) field { return field{name: name, schema: s} }

func may(name string, s *schema) field { return field{name, s, true} }

// object is an object with members, which may have others besides.
func object(fields ...field) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}}
	for _, f := range fields {
		s.Properties[f.name] = f.schema
		if !f.optional {
			s.Required = append(s.Required, f.name)
		}
	}
	return s
}

// about says what a schema is for.
func (s *schema) about(description string) *schema {
	s.Description = description
	return s
}

func text() *schema { return &schema{Type: "string"} }

func boolean() *schema { return &schema{Type: "boolean"} }

func number() *schema { return &schema{Type: "number"} }

// count is a whole number from low up.
func count(low int64) *schema {
	return &schema{Type: "integer", Minimum: json.Number(strconv.FormatInt(low, 10))}
}

func constant(value any) *schema { return &schema{Const: value} }

func anyOf(all ...*schema) *schema {
	if len(all) == 1 {
		return all[0]
	}
	return &schema{AnyOf: all}
}

func list(items *schema) *schema { return &schema{Type: "array", Items: items} }

// sized bounds how many items a list has; most is without limit where it is below 0.
func (s *schema) sized(least, most int64) *schema {
	if least > 0 {
		s.MinItems = &least
	}
	if most >= 0 {
		s.MaxItems = &most
	}
	return s
}

// nothing is what no value fits.
func nothing() *schema { return &schema{Not: &schema{}} }

// ref is a schema of the document.
func ref(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

// element is an element of a type, as JSON has it.
func element(d tensor.DType) *schema {
	switch d {
	case tensor.Bool:
		return boolean()
	case tensor.Bytes:
		return text()
	case tensor.FP32:
		return &schema{Type: "number", Minimum: "-3.4028235e+38", Maximum: "3.4028235e+38"}
	case tensor.FP64:
		return number()
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		most := int64(1)<<(8*d.Size()-1) - 1
		return &schema{Type: "integer", Minimum: json.Number(strconv.FormatInt(-most-1, 10)), Maximum: json.Number(strconv.FormatInt(most, 10))}
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		most := ^uint64(0) >> (64 - 8*d.Size())
		return &schema{Type: "integer", Minimum: "0", Maximum: json.Number(strconv.FormatUint(most, 10))}
	default: // JSON does not carry it
		return nothing()
	}
}

// inJSON reports whether JSON carries elements of a type.
func inJSON(d tensor.DType) bool { return d != tensor.FP16 && d != tensor.BF16 }
