package openapi

import (
	"bytes"
	"encoding/json"
)

// version is that of OpenAPI.
const version = "3.1.0"

type (
	document struct {
		OpenAPI    string              `json:"openapi"`
		Info       info                `json:"info"`
		Tags       []tag               `json:"tags,omitempty"`
		Paths      map[string]pathItem `json:"paths"`
		Components components          `json:"components"`
	}
	info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description,omitempty"`
	}
	tag struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	components struct {
		Schemas map[string]*schema `json:"schemas"`
	}
	// pathItem is the operations of a path, by their methods in lower case.
	pathItem  map[string]*operation
	operation struct {
		ID          string              `json:"operationId"`
		Tags        []string            `json:"tags,omitempty"`
		Summary     string              `json:"summary"`
		Description string              `json:"description,omitempty"`
		Parameters  []parameter         `json:"parameters,omitempty"`
		Body        *body               `json:"requestBody,omitempty"`
		Responses   map[string]response `json:"responses"`
	}
	parameter struct {
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Required    bool    `json:"required,omitempty"`
		Description string  `json:"description,omitempty"`
		Schema      *schema `json:"schema"`
		Example     any     `json:"example,omitempty"`
	}
	body struct {
		Required    bool             `json:"required,omitempty"`
		Description string           `json:"description,omitempty"`
		Content     map[string]media `json:"content"`
	}
	media struct {
		Schema  *schema `json:"schema,omitempty"`
		Example any     `json:"example,omitempty"`
	}
	response struct {
		Description string            `json:"description"`
		Headers     map[string]header `json:"headers,omitempty"`
		Content     map[string]media  `json:"content,omitempty"`
	}
	header struct {
		Description string  `json:"description"`
		Schema      *schema `json:"schema"`
	}
)

// Types of bodies.
const (
	typeJSON   = "application/json"
	typeBytes  = "application/octet-stream"
	typeEvents = "text/event-stream"
)

// headerLength is the header that says how many bytes of a body are JSON.
const headerLength = "Inference-Header-Content-Length"

// JSON writes the document.
func (d *document) json() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(d)
	return b.Bytes(), err
}

// jsonBody is a body of JSON; no example where that is nil.
func jsonBody(s *schema, example any) *body {
	return &body{Required: true, Content: map[string]media{typeJSON: {s, example}}}
}

// answers are the responses of an operation whose success is good.
func answers(good response) map[string]response {
	failure := map[string]media{typeJSON: {Schema: ref("Error")}}
	return map[string]response{
		"200": good,
		"default": {Description: "It failed; the text says why.", Content: failure, Headers: map[string]header{
			"Retry-After": {"when another attempt makes sense, in seconds, where it does", count(0)},
		}},
	}
}

// jsonAnswer is a success with a body of JSON; no example where that is nil.
func jsonAnswer(description string, s *schema, example any) response {
	return response{Description: description, Content: map[string]media{typeJSON: {s, example}}}
}

func errorSchema() *schema { return object(has("error", text())) }

// timeout is the header that says how long an inference may take.
func timeout() parameter {
	return parameter{Name: "X-Request-Timeout", In: "header", Schema: text(), Description: "how long the answer may take, in seconds, or as a duration such as 250ms"}
}
