package openapi

import (
	"slices"
	"strings"
)

// Server is what the document of the server is made of.
type Server struct {
	Name, Version string
	Decisions     bool // whether versions may be decided about
}

// Tags of operations.
const (
	tagServer     = "server"
	tagModels     = "models"
	tagInference  = "inference"
	tagRepository = "repository"
	tagMemory     = "shared memory"
	tagSettings   = "settings"
	tagTensorFlow = "TensorFlow Serving"
)

// route is an operation of the server. Bodies and answers are schemas of the document, by
// their names; "": there is none.
type route struct {
	method, path, tag, summary string
	request, answer            string
	optional                   bool // the body may be left out
	mediaType                  string
}

// models are the places of a model, each the start of paths.
var models = []string{"/models/{model}", "/models/{model}/versions/{version}", "/models/{model}/labels/{label}"}

// JSON returns the document.
func (s *Server) JSON() ([]byte, error) {
	d := &document{
		OpenAPI: version,
		Info:    info{s.Name, s.Version, "KServe's v2 protocol with Triton's extensions, and TensorFlow Serving's REST API. Each model has a document of its own, with its inputs, outputs and an example: /v2/models/{model}/openapi.json."},
		Tags: []tag{
			{tagServer, "What the server is, and how it is."},
			{tagModels, "What a model is, and how it is."},
			{tagInference, "Asking a model, as Triton is asked."},
			{tagTensorFlow, "Asking a model, as TensorFlow Serving is asked."},
			{tagRepository, "Loading and unloading models, and deciding about their versions."},
			{tagMemory, "Shared memory that clients have registered."},
			{tagSettings, "Traces and logs."},
		},
		Paths: map[string]pathItem{}, Components: components{serverSchemas()},
	}
	all := slices.Concat(serverRoutes(), modelRoutes(), sharedMemoryRoutes(), repositoryRoutes(), tensorFlowRoutes())
	if s.Decisions {
		all = append(all, decisionRoutes()...)
	}
	for _, r := range all {
		if d.Paths[r.path] == nil {
			d.Paths[r.path] = pathItem{}
		}
		d.Paths[r.path][r.method] = r.operation()
	}
	return d.json()
}

// operation describes a route.
func (r route) operation() *operation {
	o := &operation{ID: r.id(), Tags: []string{r.tag}, Summary: r.summary, Parameters: r.parameters()}
	if r.request != "" {
		o.Body = jsonBody(ref(r.request), nil)
		o.Body.Required = !r.optional
		if strings.HasSuffix(r.path, "/infer") {
			o.Body.Content[typeBytes] = media{Schema: &schema{MediaType: typeBytes, Description: "JSON, and behind it bytes of tensors"}}
		}
	}
	good := response{Description: "It is done."}
	switch {
	case r.mediaType != "":
		good = response{Description: "The answer.", Content: map[string]media{r.mediaType: {Schema: text()}}}
	case r.answer != "":
		good = jsonAnswer("The answer.", ref(r.answer), nil)
	}
	if r.path == eventsPath {
		good.Content[typeEvents] = media{Schema: text().about("where Accept asks for it: what follows as well, as it happens")}
	}
	o.Responses = answers(good)
	if r.answer == "" && strings.Contains(r.path, "{repository}") {
		delete(o.Responses, "200")
	}
	return o
}

// id names an operation by its method and path.
func (r route) id() string {
	var b strings.Builder
	b.WriteString(r.method)
	up := true
	for _, c := range strings.TrimSuffix(r.path, ".json") {
		switch {
		case c == '/' || c == ':' || c == '_':
			up = true
		case c == '{' || c == '}' || c == '.':
		case up:
			b.WriteString(strings.ToUpper(string(c)))
			up = false
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// parameters are those of the path, and the headers that count.
func (r route) parameters() []parameter {
	var all []parameter
	for _, known := range []parameter{
		{Name: "model", Schema: text(), Description: "its name; slashes in it are escaped"},
		{Name: "version", Schema: count(1)},
		{Name: "label", Schema: text()},
		{Name: "region", Schema: text()},
		{Name: "repository", Schema: text()},
	} {
		if strings.Contains(r.path, "{"+known.Name+"}") {
			known.In, known.Required = "path", true
			all = append(all, known)
		}
	}
	switch {
	case r.path == eventsPath:
		all = append(all,
			parameter{Name: "after", In: "query", Schema: count(0), Description: "the seq of an event: only those behind it"},
			parameter{Name: "Last-Event-ID", In: "header", Schema: count(0), Description: "likewise"})
	case r.tag == tagInference, r.tag == tagTensorFlow && r.method == "post":
		all = append(all, timeout())
	}
	if strings.HasSuffix(r.path, "/infer") {
		all = append(all, parameter{Name: headerLength, In: "header", Schema: count(0), Description: "the bytes of the JSON, where others follow it"})
	}
	return all
}
