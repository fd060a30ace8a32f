package pbtxt

// fate is what becomes of a field.
type fate string

const (
	honoured fate = "honoured"
	ignored  fate = "ignored"
	refused  fate = "refused"
	parts    fate = "parts" // its own fields have rows
)

// row says what becomes of a field of ModelConfig, and why.
type row struct {
	field string
	fate  fate
	why   string // what is so instead, or what to do; "" for a field that is honoured
}

// fates has a row for each field of ModelConfig, and for each field within one that has
// parts. A field that has its default value is as good as not there.
var fates = []row{
	{"name", honoured, ""},
	{"platform", honoured, ""},
	{"backend", honoured, ""},
	{"runtime", ignored, "ONNX Runtime is the only one there is"},
	{"version_policy", honoured, ""},
	{"max_batch_size", honoured, ""},
	{"default_model_filename", honoured, ""},
	{"cc_model_filenames", ignored, "the file is the same on every GPU"},
	{"metric_tags", honoured, ""},
	{"parameters", honoured, ""},
	{"model_warmup", honoured, ""},
	{"dynamic_batching", honoured, ""},

	{"input", parts, ""},
	{"input.name", honoured, ""},
	{"input.data_type", honoured, ""},
	{"input.dims", honoured, ""},
	{"input.optional", honoured, ""},
	{"input.format", honoured, ""},
	{"input.reshape", honoured, ""},
	{"input.is_shape_tensor", refused, "ONNX models have no shape tensors: expected it left out"},
	{"input.is_non_linear_format_io", refused, "ONNX models have linear tensors only: expected it left out"},
	{"input.allow_ragged_batch", refused, "only rows of one shape share a batch: expected it left out; batching in a config.yaml pads rows to one"},

	{"output", parts, ""},
	{"output.name", honoured, ""},
	{"output.data_type", honoured, ""},
	{"output.dims", honoured, ""},
	{"output.label_filename", honoured, ""},
	{"output.reshape", honoured, ""},
	{"output.is_shape_tensor", refused, "ONNX models have no shape tensors: expected it left out"},
	{"output.is_non_linear_format_io", refused, "ONNX models have linear tensors only: expected it left out"},

	{"instance_group", parts, ""},
	{"instance_group.name", honoured, ""},
	{"instance_group.kind", honoured, ""},
	{"instance_group.count", honoured, ""},
	{"instance_group.gpus", honoured, ""},
	{"instance_group.host_policy", honoured, ""},
	{"instance_group.rate_limiter", honoured, ""},
	{"instance_group.profile", ignored, "profiles are TensorRT's own"},
	{"instance_group.secondary_devices", ignored, "there are CPUs and GPUs only"},
	{"instance_group.passive", refused, "an instance that no request reaches is not made: expected the group left out"},

	{"optimization", parts, ""},
	{"optimization.graph", honoured, ""},
	{"optimization.execution_accelerators", parts, ""},
	{"optimization.execution_accelerators.gpu_execution_accelerator", honoured, ""},
	{"optimization.execution_accelerators.cpu_execution_accelerator", ignored, "the CPU is left to ONNX Runtime itself"},
	{"optimization.priority", ignored, "instances are alike to the operating system"},
	{"optimization.cuda", ignored, "it is for TensorRT; the accelerator cuda has parameters of its own"},
	{"optimization.input_pinned_memory", ignored, pinned},
	{"optimization.output_pinned_memory", ignored, pinned},
	{"optimization.gather_kernel_buffer_threshold", ignored, "batches are put together without a kernel"},
	{"optimization.eager_batching", ignored, "a batch is put together when its instance is free"},

	{"model_transaction_policy", parts, ""},
	{"model_transaction_policy.decoupled", refused, "a request has one answer: expected it left out"},
	{"response_cache", parts, ""},
	{"response_cache.enable", ignored, "each request is run"},
	{"model_metrics", ignored, "the metrics are the same for each model"},

	{"batch_input", refused, "inputs that describe the batch are not made: expected a model without them"},
	{"batch_output", refused, "outputs have a row for each row of the inputs: expected a model with such"},
	{"sequence_batching", refused, "nothing is kept between the requests of a sequence: expected a model that needs no state"},
	{"ensemble_scheduling", refused, "models are not put together: expected callers that ask one after the other"},
	{"model_operations", refused, "custom operators are not loaded: expected a model of those that ONNX Runtime has"},
	{"model_repository_agents", refused, "files are served as they are: expected it left out; a SHA256SUMS in a version's folder is what checks them"},
}

const (
	pinned = "memory for the GPU is the runtime's affair"
)

// fateOf returns the row of a field.
func fateOf(field string) (row, bool) {
	for _, one := range fates {
		if one.field == field {
			return one, true
		}
	}
	return row{}, false
}
