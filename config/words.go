package config

// Platform is the format of a model.
type Platform string

// Backend is the runtime of a model.
type Backend string

// Format says how an image lies in an input, for clients that make images.
type Format string

// Kind is the hardware that instances run on.
type Kind string

// TimeoutAction is what happens to a request that has waited too long.
type TimeoutAction string

// AcceleratorName names an execution provider.
type AcceleratorName string

// Strategy is how a new version takes over.
type Strategy string

// Order is what comes first, the new version's load or the old one's end.
type Order string

// GraphLevel says how far ONNX Runtime rewrites a graph, in Triton's numbers.
type GraphLevel int

// The words that a model file may hold.
const (
	PlatformONNX Platform = "onnxruntime_onnx"
	BackendONNX  Backend  = "onnxruntime"

	FormatNone Format = "FORMAT_NONE"
	FormatNHWC Format = "FORMAT_NHWC"
	FormatNCHW Format = "FORMAT_NCHW"

	KindAuto Kind = "KIND_AUTO"
	KindGPU  Kind = "KIND_GPU"
	KindCPU  Kind = "KIND_CPU"

	TimeoutReject TimeoutAction = "REJECT"
	TimeoutDelay  TimeoutAction = "DELAY"

	StrategyImmediate Strategy = "immediate"
	StrategyCanary    Strategy = "canary"
	StrategyShadow    Strategy = "shadow"

	OrderAvailability Order = "availability"
	OrderResource     Order = "resource"

	AcceleratorCUDA     AcceleratorName = "cuda"
	AcceleratorTensorRT AcceleratorName = "tensorrt"

	GraphBasic    GraphLevel = -1 // basic optimizations only
	GraphAll      GraphLevel = 0  // all of them: the default
	GraphExtended GraphLevel = 1  // basic and extended ones
	GraphOff      GraphLevel = 2  // none
)

func (Platform) choices() []string { return []string{string(PlatformONNX)} }
func (Platform) tritonChoices() []string {
	return []string{"tensorrt_plan", "tensorflow_graphdef", "tensorflow_savedmodel", "pytorch_libtorch", "ensemble", "custom"}
}

func (Backend) choices() []string { return []string{string(BackendONNX)} }
func (Backend) tritonChoices() []string {
	return []string{"tensorrt", "tensorflow", "pytorch", "python", "openvino", "dali", "fil", "vllm", "tensorrtllm", "identity"}
}

func (Format) choices() []string {
	return []string{string(FormatNone), string(FormatNHWC), string(FormatNCHW)}
}
func (Format) tritonChoices() []string { return nil }

func (Kind) choices() []string       { return []string{string(KindAuto), string(KindGPU), string(KindCPU)} }
func (Kind) tritonChoices() []string { return []string{"KIND_MODEL"} }

func (TimeoutAction) choices() []string       { return []string{string(TimeoutReject), string(TimeoutDelay)} }
func (TimeoutAction) tritonChoices() []string { return nil }

func (Strategy) choices() []string {
	return []string{string(StrategyImmediate), string(StrategyCanary), string(StrategyShadow)}
}
func (Strategy) tritonChoices() []string { return nil }

func (Order) choices() []string       { return []string{string(OrderAvailability), string(OrderResource)} }
func (Order) tritonChoices() []string { return nil }

func (AcceleratorName) choices() []string {
	return []string{string(AcceleratorTensorRT), string(AcceleratorCUDA)}
}

func (AcceleratorName) tritonChoices() []string {
	return []string{"openvino", "auto_mixed_precision", "gpu_io"}
}

// tritonKeys lists the keys that Triton takes where the struct stands, and Galatea
// does not: they are refused in other words than a slip of the pen is.
type tritonKeys interface{ tritonKeys() []string }

func (Model) tritonKeys() []string {
	return []string{
		"batch_input", "batch_output", "cc_model_filenames", "ensemble_scheduling", "model_metrics", "model_operations",
		"model_repository_agents", "model_transaction_policy", "response_cache", "runtime", "sequence_batching",
	}
}

func (Input) tritonKeys() []string {
	return []string{"allow_ragged_batch", "is_non_linear_format_io", "is_shape_tensor"}
}

func (Output) tritonKeys() []string {
	return []string{"is_non_linear_format_io", "is_shape_tensor"}
}

func (InstanceGroup) tritonKeys() []string {
	return []string{"passive", "profile", "secondary_devices"}
}

func (Optimization) tritonKeys() []string {
	return []string{"cuda", "eager_batching", "gather_kernel_buffer_threshold", "input_pinned_memory", "output_pinned_memory", "priority"}
}

func (ExecutionAccelerators) tritonKeys() []string { return []string{"cpu_execution_accelerator"} }
