package openapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"galatea/tensor"
)

func (m *Model) version() string { return strconv.FormatInt(m.Version, 10) }

// generate adds Triton's generate extension: an object of inputs and one of outputs.
func (m *Model) generate(d *document) error {
	request, answer := object(), object(m.names()...)
	for _, in := range m.Config.RequestSignature().Inputs {
		if inJSON(in.DType) {
			request.Properties[in.Name] = m.generated(in)
		}
		if !in.Optional {
			request.Required = append(request.Required, in.Name)
		}
	}
	request.Properties["id"] = text().about("comes back in the answer")
	for _, out := range m.Config.RequestSignature().Outputs {
		answer.Properties[out.Name] = anyOf(element(out.DType), list(element(out.DType)))
		answer.Required = append(answer.Required, out.Name)
	}
	d.Components.Schemas["GenerateRequest"] = request.about("the inputs of one row, each a value or a list of its elements; other members are parameters of the request")
	d.Components.Schemas["GenerateResponse"] = answer
	example, err := m.generateExample()
	if err != nil {
		return err
	}
	stream := response{Description: "The outputs, as one server-sent event: data: and a GenerateResponse.", Content: map[string]media{typeEvents: {Schema: text()}}}
	for path, good := range map[string]response{"generate": jsonAnswer("The outputs.", ref("GenerateResponse"), nil), "generate_stream": stream} {
		d.Paths["/v2/models/"+m.Path+"/"+path] = pathItem{"post": {
			ID: path, Summary: "Ask for one row by the names of inputs", Parameters: []parameter{timeout()},
			Body: jsonBody(ref("GenerateRequest"), example), Responses: answers(good),
		}}
	}
	return nil
}

// generated is an input of generate, whose dynamic dimensions follow from its elements.
func (m *Model) generated(in tensor.Spec) *schema {
	fixed, open := int64(1), false
	for _, n := range m.dims(in).row() {
		if n < 0 {
			open = true
			continue
		}
		fixed = times(fixed, n)
	}
	one, many := element(in.DType), list(element(in.DType))
	if !open || fixed == 0 {
		many.sized(fixed, fixed)
	}
	if fixed != 1 {
		return many
	}
	return anyOf(one, many)
}

// generateExample is nil where there is no example, or none that generate can express.
func (m *Model) generateExample() (any, error) {
	if m.Example == nil {
		return nil, nil
	}
	example := map[string]any{}
	for _, t := range m.Example {
		in := m.Config.RequestSignature().Inputs[m.Config.RequestSignature().Input(t.Name)]
		row := m.dims(in).row()
		for i, n := range t.Shape[len(t.Shape)-len(row):] {
			last := !slices.ContainsFunc(row[i+1:], func(later int64) bool { return later < 0 })
			if row[i] < 0 && n != 1 && !last { // only the last one follows from the elements
				return nil, nil
			}
		}
		all, err := elements(t)
		if err != nil {
			return nil, err
		}
		if example[t.Name] = all; len(all) == 1 {
			example[t.Name] = all[0]
		}
	}
	return example, nil
}

// predict adds TensorFlow Serving's predict: rows where the model batches, and whole
// tensors for any.
func (m *Model) predict(d *document) error {
	s := m.Config.RequestSignature()
	if len(s.Inputs) == 0 {
		return nil // it does not take such
	}
	signature := may("signature_name", &schema{Enum: []string{"", "serving_default"}})
	request := []*schema{object(has("inputs", m.named(s.Inputs, 0)), signature)}
	answer := []*schema{object(has("outputs", m.results(0)))}
	if m.Config.Batching() {
		most := int64(m.Config.MaxBatchSize)
		request = append(request, object(has("instances", list(m.named(s.Inputs, 1)).sized(1, most).about("the rows")), signature))
		answer = append(answer, object(has("predictions", list(m.results(1)).sized(1, most).about("the rows"))))
	}
	d.Components.Schemas["PredictRequest"], d.Components.Schemas["PredictResponse"] = &schema{OneOf: request}, &schema{OneOf: answer}
	example, err := m.predictExample()
	if err != nil {
		return err
	}
	m.tensorFlow(d, "predict", "Ask the model as TensorFlow Serving is asked", "PredictRequest", "PredictResponse", example)
	return nil
}

// tensorFlow adds a request of TensorFlow Serving's.
func (m *Model) tensorFlow(d *document, verb, summary, request, answer string, example any) {
	d.Paths["/v1/models/"+m.tensorFlowPath()+":"+verb] = pathItem{"post": {
		ID: verb, Summary: summary, Parameters: []parameter{timeout()},
		Body: jsonBody(ref(request), example), Responses: answers(jsonAnswer("The outputs.", ref(answer), nil)),
	}}
}

// tensorFlowPath is the path with colons escaped: there they stand before what is asked.
func (m *Model) tensorFlowPath() string { return strings.ReplaceAll(m.Path, ":", "%3A") }

// tensorFlowElement is an element as TensorFlow Serving has it.
func tensorFlowElement(t tensor.DType) *schema {
	if t == tensor.Bytes {
		return anyOf(text(), object(has("b64", text())))
	}
	return element(t)
}

// named are inputs without so many of their outermost dimensions, by name; the only one
// that is needed may stand for itself.
func (m *Model) named(specs []tensor.Spec, below int) *schema {
	s := object()
	var plain []*schema
	for _, in := range specs {
		if !inJSON(in.DType) {
			continue
		}
		s.Properties[in.Name] = m.dims(in).nested(tensorFlowElement(in.DType), below)
		if !in.Optional {
			s.Required = append(s.Required, in.Name)
			plain = append(plain, s.Properties[in.Name])
		}
	}
	if len(plain) == 1 {
		return anyOf(s, plain[0])
	}
	return s
}

// results are the outputs likewise: the only one stands for itself.
func (m *Model) results(below int) *schema {
	outputs := m.Config.RequestSignature().Outputs
	s := object()
	for _, out := range outputs {
		one := &schema{}
		if out.Shape != nil {
			one = m.dims(out).nested(tensorFlowElement(out.DType), below)
		}
		if len(outputs) == 1 {
			return one
		}
		s.Properties[out.Name] = one
		s.Required = append(s.Required, out.Name)
	}
	return s
}

// predictExample is nil where there is none, or none that nested lists can express.
func (m *Model) predictExample() (any, error) {
	if m.Example == nil {
		return nil, nil
	}
	key, below := "inputs", 0
	if m.Config.Batching() {
		key, below = "instances", 1
	}
	tensors := map[string]any{}
	for _, t := range m.Example {
		all, err := elements(t)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		tensors[t.Name] = nest(all, t.Shape[below:])
	}
	if below == 1 {
		return map[string]any{key: []any{tensors}}, nil
	}
	return map[string]any{key: tensors}, nil
}

// examples adds TensorFlow Serving's classify or regress, which make in of examples.
func (m *Model) examples(d *document, verb string, in *tensor.Spec) error {
	if in == nil {
		return nil
	}
	one := tensorFlowElement(in.DType)
	feature := anyOf(one, list(one))
	result := element(tensor.FP64)
	if verb == "classify" {
		label := (&schema{Type: "array", PrefixItems: []*schema{text(), number()}}).sized(2, 2).about("a label and its score")
		result = list(label)
	}
	upper, most := strings.ToUpper(verb[:1])+verb[1:], int64(-1)
	if m.Config.Batching() {
		most = int64(m.Config.MaxBatchSize)
	}
	d.Components.Schemas[upper+"Request"] = object(
		has("examples", list(object(may(in.Name, feature))).sized(1, most).about("the rows: values by the names of features")),
		may("context", object(may(in.Name, feature)).about("what all examples have that do not say otherwise")),
		may("signature_name", &schema{Enum: []string{"", "serving_default"}}),
	)
	d.Components.Schemas[upper+"Response"] = object(has("results", list(result)))
	example, err := m.featureExample(in.Name)
	if err != nil {
		return err
	}
	m.tensorFlow(d, verb, "Ask the model with examples, as TensorFlow Serving is asked", upper+"Request", upper+"Response", example)
	return nil
}

func (m *Model) featureExample(name string) (any, error) {
	for _, t := range m.Example {
		if t.Name != name || len(t.Shape) == 0 || t.Shape[0] != 1 {
			continue
		}
		all, err := elements(t)
		if err != nil {
			return nil, err
		}
		return map[string][]map[string][]json.RawMessage{"examples": {{name: all}}}, nil
	}
	return nil, nil
}
