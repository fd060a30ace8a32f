package openapi

import (
	"bytes"
	"encoding/json"

	"galatea/internal/jsontensor"
	"galatea/tensor"
)

// message is the body of a request: JSON, and the bytes behind it, if any.
type message struct {
	json json.RawMessage
	tail []byte
}

type (
	jsonRequest struct {
		Inputs  []jsonTensor `json:"inputs"`
		Outputs []jsonWanted `json:"outputs,omitempty"`
	}
	jsonTensor struct {
		Name       string          `json:"name"`
		DataType   string          `json:"datatype"`
		Shape      []int64         `json:"shape"`
		Data       json.RawMessage `json:"data,omitempty"`
		Parameters *binarySize     `json:"parameters,omitempty"`
	}
	jsonWanted struct {
		Name       string      `json:"name"`
		Parameters *binaryData `json:"parameters,omitempty"`
	}
	jsonAnswerBody struct {
		Name    string       `json:"model_name"`
		Version string       `json:"model_version"`
		Outputs []jsonTensor `json:"outputs"`
	}
	binarySize struct {
		Bytes int `json:"binary_data_size"`
	}
	binaryData struct {
		Is bool `json:"binary_data"`
	}
)

// jsonTensorOf writes a tensor; in binary what JSON does not carry.
func jsonTensorOf(t tensor.Tensor) (jsonTensor, error) {
	j := jsonTensor{Name: t.Name, DataType: t.DType.String(), Shape: append([]int64{}, t.Shape...)}
	if !inJSON(t.DType) {
		j.Parameters = &binarySize{len(t.Data)}
		return j, nil
	}
	var err error
	j.Data, err = jsontensor.AppendArray(nil, t)
	return j, err
}

// inferExample is a request that works when it is sent as it stands; nil: there is none.
// Outputs are listed only where one of them has to be asked for in binary.
func (m *Model) inferExample() (*message, error) {
	if m.Example == nil {
		return nil, nil
	}
	var tail []byte
	r := jsonRequest{Inputs: []jsonTensor{}}
	for _, t := range m.Example {
		j, err := jsonTensorOf(t)
		if err != nil {
			return nil, err
		}
		if j.Parameters != nil {
			tail = append(tail, t.Data...)
		}
		r.Inputs = append(r.Inputs, j)
	}
	listed := false
	for _, out := range m.Config.RequestSignature().Outputs {
		wanted := jsonWanted{Name: out.Name}
		if !inJSON(out.DType) {
			wanted.Parameters, listed = &binaryData{true}, true
		}
		r.Outputs = append(r.Outputs, wanted)
	}
	if !listed {
		r.Outputs = nil
	}
	head, err := compact(r)
	return &message{head, tail}, err
}

// inferAnswer is the JSON of the answer to inferExample; nil: there is none, or it has a
// number that JSON does not have.
func (m *Model) inferAnswer() (any, error) {
	if m.Answer == nil {
		return nil, nil
	}
	a := jsonAnswerBody{Name: m.Config.Name, Version: m.version()}
	for _, t := range m.Answer {
		j, err := jsonTensorOf(t)
		if err != nil {
			return nil, err
		}
		if j.Data != nil && !json.Valid(j.Data) {
			return nil, nil
		}
		a.Outputs = append(a.Outputs, j)
	}
	return a, nil
}

// compact writes a value as JSON; < and > stay as they are.
func compact(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

// elements are those of a tensor, each as JSON has it; nil where it has one that JSON does not have.
func elements(t tensor.Tensor) ([]json.RawMessage, error) {
	text, err := jsontensor.AppendArray(nil, t)
	if err != nil || !json.Valid(text) {
		return nil, err
	}
	all := []json.RawMessage{}
	err = json.Unmarshal(text, &all)
	return all, err
}

// nest lays elements out in lists of lists, as the shape is; an element alone is a scalar.
func nest(all []json.RawMessage, shape tensor.Shape) any {
	if len(shape) == 0 {
		return all[0]
	}
	parts := make([]any, shape[0])
	step := len(all) / max(1, len(parts))
	for i := range parts {
		parts[i] = nest(all[i*step:(i+1)*step], shape[1:])
	}
	return parts
}
