package openapi

import (
	"maps"

	"galatea/tensor"
)

// serverSchemas are those of the server's document.
func serverSchemas() map[string]*schema {
	all := map[string]*schema{
		"Error":    errorSchema(),
		"Document": object(has("openapi", text()), has("info", object()), has("paths", object())).about("an OpenAPI document"),
	}
	for _, part := range []map[string]*schema{metadataSchemas(), settingSchemas(), inferenceSchemas(), repositorySchemas(), decisionSchemas(), tensorFlowSchemas()} {
		maps.Copy(all, part)
	}
	return all
}

func metadataSchemas() map[string]*schema {
	duration := object(has("count", count(0)), has("ns", count(0)))
	inference, batch := object(), object(has("batch_size", count(0)))
	for _, name := range []string{"success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"} {
		inference.Properties[name] = duration
	}
	for _, name := range []string{"compute_input", "compute_infer", "compute_output"} {
		batch.Properties[name] = duration
	}
	tensors := list(object(has("name", text()), has("datatype", dataType()), has("shape", list(count(-1)).about("-1 is the request's to choose"))))
	return map[string]*schema{
		"ServerMetadata": object(has("name", text()), has("version", text()), has("extensions", list(text()))),
		"ModelMetadata":  object(has("name", text()), has("versions", list(text())), has("platform", text()), has("inputs", tensors), has("outputs", tensors)),
		"ModelConfig":    object(has("name", text()), has("input", list(object())), has("output", list(object())), has("max_batch_size", count(0))),
		"Statistics": object(has("model_stats", list(object(
			has("name", text()), has("version", text()),
			has("last_inference", count(0).about("ms since 1970")), has("inference_count", count(0).about("rows")), has("execution_count", count(0).about("batches")),
			has("inference_stats", inference), has("response_stats", object()), has("batch_stats", list(batch)),
			has("memory_usage", list(object(has("type", text()), has("id", count(0)), has("byte_size", count(0))))),
		)))),
	}
}

func dataType() *schema {
	s := &schema{}
	for _, d := range tensor.DTypes() {
		s.Enum = append(s.Enum, d.String())
	}
	return s
}

func settingSchemas() map[string]*schema {
	words := anyOf(text(), list(text()), &schema{Type: "null"})
	return map[string]*schema{
		"TraceSettings": {Type: "object", Others: anyOf(text(), list(text()))},
		"TraceChange":   object(may("trace_level", words), may("trace_rate", words), may("trace_count", words), may("log_frequency", words)).about("null: as it was at the start, or for a model, as for all"),
		"LogSettings": object(
			has("log_file", text()), has("log_info", boolean()), has("log_warning", boolean()), has("log_error", boolean()),
			has("log_verbose_level", count(0)), has("log_format", text()),
		),
		"LogChange": object(may("log_info", boolean()), may("log_warning", boolean()), may("log_error", boolean()), may("log_verbose_level", count(0)), may("log_format", &schema{Enum: []string{"default", "ISO8601"}})),
		"Regions":   list(object(has("name", text()), has("key", text()), has("offset", count(0)), has("byte_size", count(1)))),
		"Register":  object(has("key", text()), may("offset", count(0)), has("byte_size", count(1))),
		"RegisterCUDA": object(has("raw_handle", object(has("b64", text()))), has("device_id", count(0)), has("byte_size", count(1))).
			about("always refused: there is no memory of a GPU to share"),
	}
}

func inferenceSchemas() map[string]*schema {
	data := list(&schema{}).about("the elements, row-major, in one list or nested as the shape is")
	one := func() *schema {
		return object(has("name", text()), has("datatype", dataType()), has("shape", list(count(0))), may("data", data), may("parameters", tensorPlace()))
	}
	names := []field{has("model_name", text()), has("model_version", text()), may("id", text())}
	generate := object(may("id", text()), may("parameters", object()))
	generate.Others = &schema{}
	return map[string]*schema{
		"InferRequest": object(
			has("inputs", list(one())), may("outputs", list(wantedOutput(text())).about("those that are wanted; left out: all")),
			may("id", text().about("comes back in the answer")), may("parameters", requestParameters()),
		),
		"InferResponse":    object(append(names, has("outputs", list(one())))...),
		"GenerateRequest":  generate.about("the inputs of one row, each a value or a list of its elements; other members are parameters of the request"),
		"GenerateResponse": object(names...).about("and the outputs, each a value or a list of its elements"),
	}
}

func repositorySchemas() map[string]*schema {
	load := object(
		may("force", boolean().about("load it anew even if nothing has changed")),
		may("persist", boolean().about("keep what comes along over a restart")),
		may("config", text().about("the model's configuration, as it would be in its file")),
	)
	load.Others = text().about("files, by file: and their paths in the model's folder, in base64")
	state := &schema{Enum: []string{"", "READY", "LOADING", "UNLOADING", "UNAVAILABLE"}}
	return map[string]*schema{
		"IndexRequest":  object(may("ready", boolean().about("only what is ready"))),
		"Index":         list(object(has("name", text()), may("version", text()), may("state", state), may("reason", text()))),
		"LoadRequest":   object(may("parameters", load)),
		"UnloadRequest": object(may("parameters", object(may("unload_dependents", boolean())))),
	}
}

func decisionSchemas() map[string]*schema {
	time := &schema{Type: "string", Format: "date-time"}
	reason := may("reason", text().about("for the index and the log"))
	rollout := object(
		has("model", text()), has("strategy", text()), has("version", count(1)), has("stable_version", count(0)),
		has("step", count(1)), has("steps", count(0)), has("percent", number()), has("since", time), may("counts", object()),
	)
	return map[string]*schema{
		"Change":       object(may("version", count(0)), reason),
		"NamedVersion": object(has("version", count(1)), reason),
		"Done":         object(has("model", text()), may("version", count(1)), may("label", text())),
		"Rollouts":     list(rollout),
		"Models": list(object(
			has("name", text()), may("default_version", count(1)), may("labels", &schema{Type: "object", Others: count(1)}),
			has("versions", list(object(
				has("version", count(1)), has("state", text()), may("reason", text()),
				may("load_seconds", number()), may("weight_bytes", count(0)), may("requests", count(0)),
			))),
			may("rollout", rollout), may("reason", text()),
		)),
		"Events": object(has("events", list(object(
			has("seq", count(1)), has("time", time), has("kind", text()), has("model", text()), may("version", count(1)),
			may("digest", text()), may("label", text()), may("gate", text()), may("text", text()),
		)))),
	}
}

func tensorFlowSchemas() map[string]*schema {
	signature := may("signature_name", &schema{Enum: []string{"", "serving_default"}})
	features := object(has("examples", list(object()).sized(1, -1)), may("context", object()), signature)
	tensors := &schema{Type: "object", Others: object(has("dtype", text()), has("name", text()), has("tensor_shape", object(has("dim", list(object(has("size", text()), has("name", text())))), has("unknown_rank", boolean()))))}
	method := object(has("inputs", tensors), has("outputs", tensors), has("method_name", text()))
	return map[string]*schema{
		"PredictRequest": {OneOf: []*schema{
			object(has("instances", list(&schema{}).sized(1, -1).about("rows, each with a part of every tensor")), signature),
			object(has("inputs", (&schema{}).about("whole tensors")), signature),
		}},
		"PredictResponse":  {OneOf: []*schema{object(has("predictions", list(&schema{}))), object(has("outputs", &schema{}))}},
		"ClassifyRequest":  features,
		"ClassifyResponse": object(has("results", list(list((&schema{Type: "array", PrefixItems: []*schema{text(), number()}}).sized(2, 2).about("a label and its score"))))),
		"RegressRequest":   features,
		"RegressResponse":  object(has("results", list(number()))),
		"VersionStatus": object(has("model_version_status", list(object(
			has("version", text()), has("state", &schema{Enum: []string{"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}}),
			has("status", object(has("error_code", text()), has("error_message", text()))),
		)))),
		"SignatureMetadata": object(
			has("model_spec", object(has("name", text()), has("signature_name", text()), has("version", text()))),
			has("metadata", object(has("signature_def", object(has("signature_def", &schema{Type: "object", Others: method}))))),
		),
	}
}
