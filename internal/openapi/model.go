package openapi

import (
	"fmt"
	"slices"
	"strconv"

	"galatea/config"
	"galatea/tensor"
)

// Model is what the document of a model is made of.
type Model struct {
	Path    string // which model it is, as paths have it, escaped: NAME, NAME/versions/2 or NAME/labels/stable
	Version int64  // which answers as things are
	Config  *config.Resolved
	Labels  map[string][]string // of classes, by output

	// Example is a request that the model answers, and Answer what it answers; nil: there
	// is none, or it has no end.
	Example, Answer []tensor.Tensor

	// TensorFlow Serving's classify and regress: the input that examples are made into;
	// nil: the model does not take them.
	Classify, Regress *tensor.Spec
}

// JSON returns the document.
func (m *Model) JSON() ([]byte, error) {
	d := &document{
		OpenAPI: version,
		Info:    info{m.Config.Name, strconv.FormatInt(m.Version, 10), m.description()},
		Paths:   map[string]pathItem{},
		Components: components{map[string]*schema{
			"Error":        errorSchema(),
			"InferRequest": m.inferRequest(), "InferResponse": m.inferResponse(),
		}},
	}
	if err := m.infer(d); err != nil {
		return nil, err
	}
	if !m.inJSON() {
		return d.json()
	}
	if err := m.generate(d); err != nil {
		return nil, err
	}
	if err := m.predict(d); err != nil {
		return nil, err
	}
	if err := m.examples(d, "classify", m.Classify); err != nil {
		return nil, err
	}
	if err := m.examples(d, "regress", m.Regress); err != nil {
		return nil, err
	}
	return d.json()
}

func (m *Model) description() string {
	about := "Each request is executed alone."
	if n := m.Config.MaxBatchSize; n > 0 {
		about = fmt.Sprintf("The first dimension is the batch: a request has 1 to %d rows, the same in all inputs.", n)
	}
	if m.Example == nil {
		about += " There is no example: no request that was made up is both small and one that the model takes."
	}
	return about
}

// inJSON reports whether JSON carries all inputs that are needed, and all outputs.
func (m *Model) inJSON() bool {
	s := m.Config.RequestSignature()
	return !slices.ContainsFunc(s.Inputs, func(in tensor.Spec) bool { return !in.Optional && !inJSON(in.DType) }) &&
		!slices.ContainsFunc(s.Outputs, func(out tensor.Spec) bool { return !inJSON(out.DType) })
}

// inferRequest is the JSON of a request. Inputs may come in any order; each once.
func (m *Model) inferRequest() *schema {
	s := m.Config.RequestSignature()
	inputs := (&schema{Type: "array"}).sized(0, int64(len(s.Inputs)))
	if len(s.Inputs) > 0 {
		inputs.Items = &schema{}
	}
	for _, in := range s.Inputs {
		inputs.Items.AnyOf = append(inputs.Items.AnyOf, m.input(in))
		one := &schema{Contains: &schema{Type: "object", Required: []string{"name"}, Properties: map[string]*schema{"name": constant(in.Name)}}, MaxContains: new(1)}
		if in.Optional {
			one.MinContains = new(0)
		}
		inputs.AllOf = append(inputs.AllOf, one)
	}
	outputs := list(wantedOutput(&schema{Enum: tensor.Names(s.Outputs)})).about("those that are wanted; left out: all")
	return object(
		has("inputs", inputs), may("outputs", outputs),
		may("id", text().about("comes back in the answer")), may("parameters", requestParameters()),
	)
}

// requestParameters are those of a request as a whole.
func requestParameters() *schema {
	s := object(
		may("timeout", count(0).about("the most microseconds to wait in the queue")),
		may("priority", count(0).about("the level of priority; 0 is the model's own")),
		may("binary_data_output", boolean().about("answer the bytes of all outputs behind the JSON")),
	)
	s.Others = &schema{}
	return s.about("of the request; others are the caller's own")
}

// inferResponse is the JSON of an answer.
func (m *Model) inferResponse() *schema {
	outputs := &schema{}
	for _, out := range m.Config.RequestSignature().Outputs {
		outputs.AnyOf = append(outputs.AnyOf, m.output(out))
	}
	return object(append(m.names(), has("outputs", list(outputs).sized(1, int64(len(outputs.AnyOf)))))...)
}

// names are the members of an answer that say what it is.
func (m *Model) names() []field {
	return []field{has("model_name", constant(m.Config.Name)), has("model_version", &schema{Type: "string", Pattern: "^[0-9]+$"}), may("id", text())}
}

// infer adds the v2 protocol's own request.
func (m *Model) infer(d *document) error {
	example, err := m.inferExample()
	if err != nil {
		return err
	}
	answer, err := m.inferAnswer()
	if err != nil {
		return err
	}
	lengths := parameter{Name: headerLength, In: "header", Schema: count(0), Description: "the bytes of the JSON, where others follow it; 0: there is no JSON, and the body is the one input"}
	content := map[string]media{
		typeJSON:  {Schema: ref("InferRequest")},
		typeBytes: {Schema: &schema{MediaType: typeBytes, Description: "the JSON of the request, and behind it the bytes of each input whose parameters have binary_data_size, in their order"}},
	}
	switch {
	case example == nil:
	case example.tail == nil:
		content[typeJSON] = media{ref("InferRequest"), example.json}
	default:
		lengths.Example = len(example.json)
		content[typeBytes] = media{content[typeBytes].Schema, string(example.json) + string(example.tail)}
	}
	good := jsonAnswer("The outputs.", ref("InferResponse"), answer)
	good.Content[typeBytes] = media{Schema: &schema{MediaType: typeBytes, Description: "the JSON of the answer, and behind it the bytes of each output whose parameters have binary_data_size, in their order"}}
	good.Headers = map[string]header{headerLength: {"the bytes of the JSON, where others follow it", count(0)}}
	d.Paths["/v2/models/"+m.Path+"/infer"] = pathItem{"post": {
		ID: "infer", Summary: "Ask the model", Parameters: []parameter{lengths, timeout()},
		Body: &body{Required: true, Content: content}, Responses: answers(good),
	}}
	return nil
}
