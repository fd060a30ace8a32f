package config

import (
	"reflect"
	"slices"
	"strings"
)

// field is what a struct's field says, in its tags, about the key it stands for:
//
//	yaml      the key
//	min, max  the limits of a number, or of each number of a list
//	default   what a file that leaves the key out gets; for people, the decoder does not use it
//	rule      required: the key must be there
//	          nonempty: a list must have an item
//	          unique:   no value of a list may repeat
//	          one:      of a mapping's keys, exactly one must be there
type field struct {
	index    int
	name     string // the Go field's
	key      string
	min, max string
	standard string
	rules    []string
}

func (f field) rule(name string) bool {
	return slices.Contains(f.rules, name)
}

// known has the keys of all structs of a configuration: a file may have a hundred thousand
// of them.
var known = listed(listed(listed(map[reflect.Type][]field{}, reflect.TypeFor[Model]()), reflect.TypeFor[Server]()), reflect.TypeFor[tritonText]())

// listed adds a struct, and those below it.
func listed(all map[reflect.Type][]field, t reflect.Type) map[reflect.Type][]field {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return listed(all, t.Elem())
	case reflect.Struct:
		if _, there := all[t]; there {
			return all
		}
		all[t] = listedOf(t)
		for _, f := range all[t] {
			listed(all, t.Field(f.index).Type)
		}
	default:
	}
	return all
}

// fieldsOf lists the keys that a struct of a configuration stands for. Nobody may change
// the list.
func fieldsOf(t reflect.Type) []field { return known[t] }

func listedOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if key := tag.Get("yaml"); key != "" {
			fields = append(fields, field{
				index: i, name: t.Field(i).Name, key: key,
				min: tag.Get("min"), max: tag.Get("max"), standard: tag.Get("default"),
				rules: strings.Fields(tag.Get("rule")),
			})
		}
	}
	return fields
}

func keys(fields []field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.key
	}
	return all
}

// pathOf finds the first field below t with the key and returns its path, such as
// instance_group[].count, or "".
func pathOf(t reflect.Type, key string) string {
	fields := fieldsOf(t)
	for _, f := range fields {
		if f.key == key {
			return key
		}
	}
	for _, f := range fields {
		below, prefix := t.Field(f.index).Type, f.key
		for below.Kind() == reflect.Pointer || below.Kind() == reflect.Slice {
			if below.Kind() == reflect.Slice {
				prefix += "[]"
			}
			below = below.Elem()
		}
		if below.Kind() != reflect.Struct {
			continue
		}
		if found := pathOf(below, key); found != "" {
			return prefix + "." + found
		}
	}
	return ""
}
