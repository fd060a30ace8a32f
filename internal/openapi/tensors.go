package openapi

import (
	"fmt"
	"strings"

	"galatea/tensor"
)

// dims is a declared shape, and which part of it is the batch.
type dims struct {
	tensor.Shape
	most int64 // rows of the first dimension; 0: it is no batch
}

func (m *Model) dims(spec tensor.Spec) dims {
	return dims{spec.Shape, int64(m.Config.MaxBatchSize)}
}

// row is the shape of one row, or all of it where there is no batch.
func (d dims) row() tensor.Shape {
	if d.most > 0 {
		return d.Shape[1:]
	}
	return d.Shape
}

// bounds are the least and the most that dimension i can be; most is -1 where it can be anything.
func (d dims) bounds(i int) (least, most int64) {
	switch n := d.Shape[i]; {
	case i == 0 && d.most > 0:
		return 1, d.most
	case n >= 0:
		return n, n
	default:
		return 0, -1
	}
}

// shape is what `shape` says of a tensor.
func (d dims) shape() *schema {
	s := (&schema{Type: "array"}).sized(int64(len(d.Shape)), int64(len(d.Shape)))
	for i := range d.Shape {
		least, most := d.bounds(i)
		one := constant(least)
		switch {
		case i == 0 && d.most > 0:
			one = size(least, most).about("the rows")
		case most < 0:
			one = count(0)
		}
		s.PrefixItems = append(s.PrefixItems, one)
	}
	return s
}

// flat is a tensor as a list of its elements, row-major.
func (d dims) flat(element *schema) *schema {
	least, most := int64(1), int64(1)
	for i := range d.Shape {
		low, high := d.bounds(i)
		least = times(least, low)
		if most >= 0 && high >= 0 {
			most = times(most, high)
		} else {
			most = -1
		}
	}
	return list(element).sized(max(0, least), most)
}

// times multiplies what may be too much, which is -1.
func times(a, b int64) int64 {
	n, err := tensor.Shape{a, b}.Elements()
	if err != nil {
		return -1
	}
	return n
}

// nested is a tensor as lists of lists, from dimension i on.
func (d dims) nested(element *schema, i int) *schema {
	if i == len(d.Shape) {
		return element
	}
	least, most := d.bounds(i)
	return list(d.nested(element, i+1)).sized(least, most)
}

// data is what `data` of an input may be.
func (d dims) data(element *schema) *schema {
	if len(d.Shape) < 2 {
		return d.flat(element)
	}
	return anyOf(d.flat(element), d.nested(element, 0))
}

// size is a whole number within bounds.
func size(least, most int64) *schema {
	s := count(least)
	s.Maximum = count(most).Minimum
	return s
}

// input is an element of `inputs`.
func (m *Model) input(spec tensor.Spec) *schema {
	data := nothing().about("JSON does not carry " + spec.DType.String() + "; see binary_data_size")
	if inJSON(spec.DType) {
		data = m.dims(spec).data(element(spec.DType)).about("the elements, row-major, in one list or nested as the shape is")
	}
	s := object(
		has("name", constant(spec.Name)), has("datatype", constant(spec.DType.String())), has("shape", m.dims(spec).shape()),
		may("data", data), may("parameters", tensorPlace()),
	)
	s.OneOf = []*schema{
		{Required: []string{"data"}},
		{Required: []string{"parameters"}, Properties: map[string]*schema{"parameters": {Required: []string{"binary_data_size"}}}},
		{Required: []string{"parameters"}, Properties: map[string]*schema{"parameters": {Required: []string{"shared_memory_region", "shared_memory_byte_size"}}}},
	}
	return s
}

// tensorPlace is the parameters that say where the bytes of a tensor are.
func tensorPlace() *schema {
	return object(
		may("binary_data_size", count(0).about("the bytes of the tensor, which follow the JSON: little-endian, row-major; strings have a length of 4 bytes before each")),
		may("shared_memory_region", text().about("the region in which the tensor lies")),
		may("shared_memory_byte_size", count(0)),
		may("shared_memory_offset", count(0)),
	)
}

// wantedOutput is an element of `outputs` of a request.
func wantedOutput(name *schema) *schema {
	return object(has("name", name), may("parameters", object(
		may("binary_data", boolean().about("answer its bytes behind the JSON")),
		may("classification", count(0).about("answer so many of the largest elements, as VALUE:INDEX or VALUE:INDEX:LABEL")),
		may("shared_memory_region", text()), may("shared_memory_byte_size", count(0)), may("shared_memory_offset", count(0)),
	)))
}

// output is an element of `outputs` of an answer.
func (m *Model) output(spec tensor.Spec) *schema {
	shape, data := list(count(0)), list(element(spec.DType))
	if spec.Shape != nil {
		shape, data = m.dims(spec).shape(), m.dims(spec).flat(element(spec.DType))
	}
	if !inJSON(spec.DType) {
		data = nothing()
	}
	plain := object(
		has("name", constant(spec.Name)), has("datatype", constant(spec.DType.String())), has("shape", shape),
		may("data", data), may("parameters", object(has("binary_data_size", count(0)))),
	).about(classes(m.Labels[spec.Name]))
	if !inJSON(spec.DType) || spec.DType == tensor.Bool || spec.DType == tensor.Bytes {
		return plain
	}
	largest := list(&schema{Type: "string", Pattern: "^[^:]+:[0-9]+(:|$)"})
	return anyOf(plain, object(
		has("name", constant(spec.Name)), has("datatype", constant(tensor.Bytes.String())), has("shape", list(count(0))),
		may("data", largest), may("parameters", object(has("binary_data_size", count(0)))),
	).about("where classification was asked for"))
}

// classes names the first few of an output's classes.
func classes(labels []string) string {
	const few = 10
	switch n := len(labels); {
	case n == 0:
		return ""
	case n > few:
		return fmt.Sprintf("the scores of %d classes: %s, ...", n, strings.Join(labels[:few], ", "))
	default:
		return fmt.Sprintf("the scores of %d classes: %s", n, strings.Join(labels, ", "))
	}
}
