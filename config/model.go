package config

import (
	"fmt"
	"time"

	"galatea/tensor"
)

// Model is what a model's config.yaml says, no more: what it leaves out is nil or
// zero. ParseModel makes one; Complete makes a Resolved of it. The comments on the
// fields of this file are the texts that editors show.
type Model struct {
	// The model's name. It has to be the name of the model's folder, which is also the name of a model that leaves it out.
	Name string `yaml:"name"`

	// The model's format. Galatea serves ONNX models only, so this may be left out.
	Platform Platform `yaml:"platform" default:"onnxruntime_onnx"`

	// The runtime that executes the model. Galatea has ONNX Runtime only, so this may be left out.
	Backend Backend `yaml:"backend" default:"onnxruntime"`

	// The most rows that one batch may have. Left out, a model whose inputs and outputs all start with a dynamic dimension batches up to the server's default (64 unless galatea.yaml says otherwise), and a check at load turns batching off again where rows turn out to influence each other. 0 turns batching off. 1 or more insists on batching: the check turns nothing off then.
	MaxBatchSize *int `yaml:"max_batch_size" min:"0" max:"2147483647"`

	// The model's file in each version folder: a plain file name.
	DefaultModelFilename string `yaml:"default_model_filename" default:"model.onnx"`

	// The inputs. Everything about them is read from the ONNX file; list them only to narrow or to pin something. A list has to name every input that requests must give; an optional input that it leaves out is not served.
	Input []Input `yaml:"input"`

	// The outputs. Everything about them is read from the ONNX file; list them only to narrow or to pin something. Outputs that a list leaves out are not served.
	Output []Output `yaml:"output"`

	// Which versions of the model to serve: exactly one of latest, all and specific. Left out, the newest one.
	VersionPolicy *VersionPolicy `yaml:"version_policy" rule:"one"`

	// The version that a request without a version gets. Left out, the newest one that is ready.
	DefaultVersion *int64 `yaml:"default_version" min:"1" max:"9223372036854775807"`

	// Names for versions, such as stable: 3. Requests ask for them at /v2/models/NAME/labels/LABEL. A label moves only to a version that is ready, and keeps it served whatever version_policy says.
	Labels map[string]int64 `yaml:"labels" min:"1" max:"9223372036854775807"`

	// How many executions of the model may run at the same time, and where. Left out, one instance.
	InstanceGroup []InstanceGroup `yaml:"instance_group"`

	// How requests wait, and how they are put together into batches. The levels and the queue policies hold for models that do not batch, too.
	DynamicBatching *DynamicBatching `yaml:"dynamic_batching"`

	// How requests of different lengths share a batch. Left out, only requests of the same shape do.
	Batching *Batching `yaml:"batching"`

	// How long a request may take, from its arrival to its answer: seconds, or a duration such as 200ms. What cannot be ready by then is refused, as early as that is known. A request may name a shorter time in the header X-Request-Timeout. 0, or left out: without limit.
	RequestTimeout time.Duration `yaml:"request_timeout" min:"0s" max:"24h"`

	// How ONNX Runtime prepares the graph, and on what hardware it runs.
	Optimization *Optimization `yaml:"optimization"`

	// Settings of ONNX Runtime, by Triton's names. A value is a plain one, or in Triton's form {string_value: "..."}.
	Parameters Parameters `yaml:"parameters"`

	// Labels that all metrics of this model carry. Each name gets an underscore in front, as in Triton.
	MetricTags map[string]string `yaml:"metric_tags"`

	// How a new version takes over from the one that serves.
	Rollout *Rollout `yaml:"rollout"`

	// Requests to run before a version is ready, on every instance. One that fails refuses the version. Beside them, runs of made-up rows at the usual batch sizes are made in any case.
	ModelWarmup []Warmup `yaml:"model_warmup"`

	source source
	origin Origin
}

// Input is an input as the file declares it.
type Input struct {
	// The input's name, as the ONNX file has it.
	Name string `yaml:"name" rule:"required"`

	// The type of its elements. It has to be the one that the ONNX file has.
	DataType tensor.DType `yaml:"data_type"`

	// Its dimensions, with or without the batch dimension (told apart by their number); -1 is a dynamic one. A number where the ONNX file has a dynamic dimension narrows it.
	Dims []int64 `yaml:"dims" min:"-1" max:"9223372036854775807"`

	// The shape that the ONNX file has, where it is another than dims: those are then what requests have. Both have as many elements, and as many dynamic dimensions.
	Reshape *Reshape `yaml:"reshape"`

	// How an image lies in it, which clients that make images read in the model's configuration. The server itself does not use it.
	Format Format `yaml:"format" default:"FORMAT_NONE"`

	// Whether a request may leave the input out. Only an input for which the ONNX file holds a value can be optional; such a one is, unless this is false.
	Optional *bool `yaml:"optional"`
}

// formats returns the formats that the file names, by input.
func (m *Model) formats() map[string]Format {
	all := map[string]Format{}
	for _, in := range m.Input {
		if in.Format != "" {
			all[in.Name] = in.Format
		}
	}
	return all
}

// Reshape is the shape that the model itself has.
type Reshape struct {
	// The dimensions, with or without the batch dimension, as dims; [] is none.
	Shape []int64 `yaml:"shape" rule:"required" min:"-1" max:"9223372036854775807"`
}

// Output is an output as the file declares it.
type Output struct {
	// The output's name, as the ONNX file has it.
	Name string `yaml:"name" rule:"required"`

	// The type of its elements. It has to be the one that the ONNX file has.
	DataType tensor.DType `yaml:"data_type"`

	// Its dimensions, with or without the batch dimension (told apart by their number); -1 is a dynamic one. Where the ONNX file does not give a shape, these are it: without the batch dimension if max_batch_size is set to 1 or more, else in full.
	Dims []int64 `yaml:"dims" min:"-1" max:"9223372036854775807"`

	// The shape that the ONNX file has, where it is another than dims: those are then what answers have. Both have as many elements, and as many dynamic dimensions.
	Reshape *Reshape `yaml:"reshape"`

	// A file of the names of its classes, beside config.yaml or below its folder: the first line is the name of class 0, and so on.
	LabelFilename string `yaml:"label_filename"`
}

// LabelFiles returns the label files that the file names, by output.
func (m *Model) LabelFiles() map[string]string {
	files := map[string]string{}
	for _, out := range m.Output {
		if out.LabelFilename != "" {
			files[out.Name] = out.LabelFilename
		}
	}
	return files
}

// VersionPolicy is a version policy as the file declares it; one field is set.
type VersionPolicy struct {
	// Serve the newest versions.
	Latest *Latest `yaml:"latest"`

	// Serve all versions that are in the folder.
	All *All `yaml:"all"`

	// Serve the versions listed, as far as they are there.
	Specific *Specific `yaml:"specific"`
}

// Latest is the policy to serve the newest versions.
type Latest struct {
	// How many versions, from the highest number down.
	NumVersions *int `yaml:"num_versions" min:"1" max:"2147483647" default:"1"`
}

// All is the policy to serve all versions.
type All struct{}

// Specific is the policy to serve the versions listed.
type Specific struct {
	// The numbers of the versions.
	Versions []int64 `yaml:"versions" min:"1" max:"9223372036854775807" rule:"required nonempty unique"`
}

// Optimization says how the graph is prepared, as the file declares it.
type Optimization struct {
	// How far ONNX Runtime rewrites the graph before it runs.
	Graph *Graph `yaml:"graph"`

	// The execution providers to use before the default ones.
	ExecutionAccelerators *ExecutionAccelerators `yaml:"execution_accelerators"`
}

// Graph says how far the graph is rewritten, as the file declares it.
type Graph struct {
	// 0: all optimizations; 1: basic and extended ones; -1: basic ones only; 2: none. (These are Triton's numbers.)
	Level GraphLevel `yaml:"level" min:"-1" max:"2" default:"0"`
}

// ExecutionAccelerators lists execution providers, as the file declares them.
type ExecutionAccelerators struct {
	// The providers for instances on a GPU, the preferred one first. CUDA comes after them in any case.
	GPUExecutionAccelerator []Accelerator `yaml:"gpu_execution_accelerator"`
}

// Accelerator is an execution provider of ONNX Runtime.
type Accelerator struct {
	// The execution provider of ONNX Runtime.
	Name AcceleratorName `yaml:"name" rule:"required"`

	// Its options. cuda: the keys of ONNX Runtime's CUDA provider. tensorrt: precision_mode (FP32, FP16, BF16 or INT8), max_workspace_size_bytes, int8_calibration_table_name, int8_use_native_calibration_table, and the trt_ keys of ONNX Runtime's TensorRT provider.
	Parameters map[string]string `yaml:"parameters"`
}

// ParseModel reads a config.yaml. The file name is for error texts. Empty data is
// a valid file that leaves everything out. The error joins all that is wrong, each an *Error.
func ParseModel(file string, data []byte) (*Model, error) {
	m := &Model{}
	r := decode(file, data, m)
	m.source = r.source
	m.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Named returns the model under the name of its folder. It returns an error, in Triton's words, when the file names another.
func (m *Model) Named(folder string) (*Model, error) {
	if m.Name != "" && m.Name != folder {
		return nil, m.Errorf("name", "unexpected directory name '%s' for model '%s', directory name must equal model name", folder, m.Name)
	}
	named := *m
	named.Name = folder
	return &named, nil
}

// Errorf returns an error about a field of the file, such as default_model_filename, with the field's line.
func (m *Model) Errorf(field, format string, args ...any) *Error {
	return &Error{File: m.source.file, Line: m.source.line(field), Field: field, Text: fmt.Sprintf(format, args...)}
}
