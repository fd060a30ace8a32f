package openapi

import "strings"

const eventsPath = "/v2/events"

func serverRoutes() []route {
	settings := "the settings of traces"
	all := []route{
		{method: "get", path: "/v2", tag: tagServer, summary: "Name, version and extensions", answer: "ServerMetadata"},
		{method: "get", path: "/v2/openapi.json", tag: tagServer, summary: "This document", answer: "Document"},
		{method: "get", path: "/v2/health/live", tag: tagServer, summary: "Whether the server runs"},
		{method: "get", path: "/v2/health/ready", tag: tagServer, summary: "Whether the server is ready: 400 while it is not"},
		{method: "get", path: "/v2/models/stats", tag: tagModels, summary: "Counters and times of all versions that are ready", answer: "Statistics"},
		{method: "get", path: "/v2/logging", tag: tagSettings, summary: "Read what is logged", answer: "LogSettings"},
		{method: "post", path: "/v2/logging", tag: tagSettings, summary: "Change what is logged", request: "LogChange", answer: "LogSettings", optional: true},
	}
	for _, path := range []string{"/v2/trace/setting", "/v2/models/{model}/trace/setting"} {
		all = append(
			all,
			route{method: "get", path: path, tag: tagSettings, summary: "Read " + settings, answer: "TraceSettings"},
			route{method: "post", path: path, tag: tagSettings, summary: "Change " + settings, request: "TraceChange", answer: "TraceSettings", optional: true},
		)
	}
	return all
}

func modelRoutes() []route {
	var all []route
	for _, model := range models {
		model = "/v2" + model
		all = append(
			all,
			route{method: "get", path: model, tag: tagModels, summary: "Inputs, outputs and versions", answer: "ModelMetadata"},
			route{method: "get", path: model + "/openapi.json", tag: tagModels, summary: "A document like this one, of the model's own requests", answer: "Document"},
			route{method: "get", path: model + "/ready", tag: tagModels, summary: "Whether the model is ready: 400 while it is not"},
			route{method: "get", path: model + "/config", tag: tagModels, summary: "The configuration, in Triton's JSON", answer: "ModelConfig"},
			route{method: "get", path: model + "/stats", tag: tagModels, summary: "Counters and times", answer: "Statistics"},
			route{method: "post", path: model + "/infer", tag: tagInference, summary: "Ask the model", request: "InferRequest", answer: "InferResponse"},
			route{method: "post", path: model + "/generate", tag: tagInference, summary: "Ask for one row by the names of inputs", request: "GenerateRequest", answer: "GenerateResponse"},
			route{method: "post", path: model + "/generate_stream", tag: tagInference, summary: "The same, answered as a server-sent event", request: "GenerateRequest", mediaType: typeEvents},
		)
	}
	return all
}

func sharedMemoryRoutes() []route {
	var all []route
	for _, kind := range []string{"system", "cuda"} {
		root := "/v2/" + kind + "sharedmemory"
		for _, path := range []string{root, root + "/region/{region}"} {
			all = append(
				all,
				route{method: "get", path: path + "/status", tag: tagMemory, summary: "List what is registered", answer: "Regions"},
				route{method: "post", path: path + "/unregister", tag: tagMemory, summary: "Forget what is registered"},
			)
		}
		request := map[string]string{"system": "Register", "cuda": "RegisterCUDA"}[kind]
		all = append(all, route{method: "post", path: root + "/region/{region}/register", tag: tagMemory, summary: "Register a region", request: request})
	}
	return all
}

func repositoryRoutes() []route {
	all := []route{
		{method: "post", path: "/v2/repository/index", tag: tagRepository, summary: "Every version, its state and why", request: "IndexRequest", answer: "Index", optional: true},
		{method: "post", path: "/v2/repository/models/{model}/load", tag: tagRepository, summary: "Load a model", request: "LoadRequest", optional: true},
		{method: "post", path: "/v2/repository/models/{model}/unload", tag: tagRepository, summary: "Unload a model", request: "UnloadRequest", optional: true},
	}
	for _, path := range []string{"/index", "/models/{model}/load", "/models/{model}/unload"} {
		all = append(all, route{method: "post", path: "/v2/repository/{repository}" + path, tag: tagRepository, summary: "Not supported: repositories have no names"})
	}
	return all
}

func decisionRoutes() []route {
	model := "/v2/repository/models/{model}"
	all := []route{
		{method: "get", path: "/v2/repository/models", tag: tagRepository, summary: "Versions with their names", answer: "Models"},
		{method: "get", path: "/v2/repository/rollouts", tag: tagRepository, summary: "Rollouts that go on", answer: "Rollouts"},
		{method: "get", path: eventsPath, tag: tagRepository, summary: "What has happened", answer: "Events"},
		{method: "post", path: model + "/rollback", tag: tagRepository, summary: "Go back to the version before", request: "Change", answer: "Done", optional: true},
		{method: "post", path: model + "/promote", tag: tagRepository, summary: "Let a version take over", request: "Change", answer: "Done", optional: true},
	}
	for _, name := range []struct{ path, what string }{{"/labels/{label}", "a label"}, {"/default", "the default"}} {
		all = append(
			all,
			route{method: "post", path: model + name.path, tag: tagRepository, summary: "Give " + name.what + " to a version", request: "NamedVersion", answer: "Done"},
			route{method: "delete", path: model + name.path, tag: tagRepository, summary: "Give " + name.what + " back to the configuration", answer: "Done"},
		)
	}
	return all
}

// tensorFlowRoutes are below /v1.
func tensorFlowRoutes() []route {
	var all []route
	for _, model := range models {
		model = "/v1" + model
		all = append(
			all,
			route{method: "get", path: model, tag: tagTensorFlow, summary: "The states of its versions", answer: "VersionStatus"},
			route{method: "get", path: model + "/metadata", tag: tagTensorFlow, summary: "Inputs and outputs", answer: "SignatureMetadata"},
		)
		for _, verb := range []string{"Predict", "Classify", "Regress"} {
			all = append(all, route{
				method: "post", path: model + ":" + strings.ToLower(verb), tag: tagTensorFlow, summary: verb, request: verb + "Request", answer: verb + "Response",
			})
		}
	}
	return all
}
