package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"galatea/tensor"
)

// The model configuration as Triton's clients read it: proto3 JSON with Triton's
// names, every primitive printed, numbers as numbers, enums by name. What Galatea
// does not have keeps the value that Triton has by default.
type (
	tritonModel struct {
		Name             string            `json:"name"`
		Platform         Platform          `json:"platform"`
		Backend          Backend           `json:"backend"`
		Runtime          string            `json:"runtime"`
		VersionPolicy    map[string]any    `json:"version_policy"`
		MaxBatchSize     int               `json:"max_batch_size"`
		Input            []tritonInput     `json:"input"`
		Output           []tritonOutput    `json:"output"`
		BatchInput       []any             `json:"batch_input"`
		BatchOutput      []any             `json:"batch_output"`
		Optimization     tritonOptimize    `json:"optimization"`
		DynamicBatching  *tritonBatching   `json:"dynamic_batching,omitempty"`
		InstanceGroup    []tritonInstances `json:"instance_group"`
		ModelFilename    string            `json:"default_model_filename"`
		CCModelFilenames map[string]string `json:"cc_model_filenames"`
		MetricTags       map[string]string `json:"metric_tags"`
		Parameters       map[string]any    `json:"parameters"`
		ModelWarmup      []tritonWarmup    `json:"model_warmup"`
	}
	tritonShape struct {
		Shape []int64 `json:"shape"`
	}
	tritonInput struct {
		Name             string       `json:"name"`
		DataType         string       `json:"data_type"`
		Format           Format       `json:"format"`
		Dims             []int64      `json:"dims"`
		Reshape          *tritonShape `json:"reshape,omitempty"`
		IsShapeTensor    bool         `json:"is_shape_tensor"`
		AllowRaggedBatch bool         `json:"allow_ragged_batch"`
		Optional         bool         `json:"optional"`
		IsNonLinear      bool         `json:"is_non_linear_format_io"`
	}
	tritonOutput struct {
		Name          string       `json:"name"`
		DataType      string       `json:"data_type"`
		Dims          []int64      `json:"dims"`
		Reshape       *tritonShape `json:"reshape,omitempty"`
		LabelFilename string       `json:"label_filename"`
		IsShapeTensor bool         `json:"is_shape_tensor"`
		IsNonLinear   bool         `json:"is_non_linear_format_io"`
	}
	tritonEnable struct {
		Enable bool `json:"enable"`
	}
	tritonGraph struct {
		Level GraphLevel `json:"level"`
	}
	tritonAccelerator struct {
		Name       AcceleratorName   `json:"name"`
		Parameters map[string]string `json:"parameters"`
	}
	tritonAccelerators struct {
		GPU []tritonAccelerator `json:"gpu_execution_accelerator"`
		CPU []tritonAccelerator `json:"cpu_execution_accelerator"`
	}
	tritonOptimize struct {
		Graph         *tritonGraph        `json:"graph,omitempty"`
		Priority      string              `json:"priority"`
		Accelerators  *tritonAccelerators `json:"execution_accelerators,omitempty"`
		InputPinned   tritonEnable        `json:"input_pinned_memory"`
		OutputPinned  tritonEnable        `json:"output_pinned_memory"`
		GatherKernel  int                 `json:"gather_kernel_buffer_threshold"`
		EagerBatching bool                `json:"eager_batching"`
	}
	tritonPolicy struct {
		TimeoutAction        TimeoutAction `json:"timeout_action"`
		TimeoutMicroseconds  int64         `json:"default_timeout_microseconds"`
		AllowTimeoutOverride bool          `json:"allow_timeout_override"`
		MaxQueueSize         int           `json:"max_queue_size"`
	}
	tritonBatching struct {
		PreferredBatchSize   []int                   `json:"preferred_batch_size"`
		MaxDelayMicroseconds int64                   `json:"max_queue_delay_microseconds"`
		PreserveOrdering     bool                    `json:"preserve_ordering"`
		PriorityLevels       int                     `json:"priority_levels"`
		DefaultPriorityLevel int                     `json:"default_priority_level"`
		DefaultQueuePolicy   tritonPolicy            `json:"default_queue_policy"`
		PriorityQueuePolicy  map[string]tritonPolicy `json:"priority_queue_policy"`
	}
	tritonInstances struct {
		Name             string   `json:"name"`
		Kind             Kind     `json:"kind"`
		Count            int      `json:"count"`
		GPUs             []int    `json:"gpus"`
		SecondaryDevices []any    `json:"secondary_devices"`
		Profile          []string `json:"profile"`
		Passive          bool     `json:"passive"`
		HostPolicy       string   `json:"host_policy"`

		RateLimiter *tritonLimiter `json:"rate_limiter,omitempty"`
	}
	tritonResource struct {
		Name   string `json:"name"`
		Global bool   `json:"global"`
		Count  int    `json:"count"`
	}
	tritonLimiter struct {
		Resources []tritonResource `json:"resources"`
		Priority  int              `json:"priority"`
	}
	tritonWarmup struct {
		Name      string                       `json:"name"`
		BatchSize int                          `json:"batch_size"`
		Inputs    map[string]tritonWarmupInput `json:"inputs"`
		Count     int                          `json:"count"`
	}
	tritonWarmupInput struct { // one of the last three is there
		DataType      string  `json:"data_type"`
		Dims          []int64 `json:"dims"`
		ZeroData      bool    `json:"zero_data,omitempty"`
		RandomData    bool    `json:"random_data,omitempty"`
		InputDataFile string  `json:"input_data_file,omitempty"`
	}
)

// TritonJSON returns the configuration as Triton answers it over HTTP, on one line.
// Dims are without the batch dimension where the model batches.
func (r *Resolved) TritonJSON() []byte {
	t := r.triton()
	for key, value := range r.file().Parameters {
		t.Parameters[key] = map[string]string{"string_value": value}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		panic("config: " + err.Error()) // nothing in it can fail to encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (r *Resolved) triton() tritonModel {
	t := tritonModel{
		Name: r.Name, Platform: PlatformONNX, Backend: BackendONNX,
		VersionPolicy:    r.VersionPolicy.triton(),
		MaxBatchSize:     r.MaxBatchSize,
		Input:            []tritonInput{},
		Output:           []tritonOutput{},
		BatchInput:       []any{},
		BatchOutput:      []any{},
		Optimization:     r.tritonOptimization(),
		DynamicBatching:  r.tritonBatching(),
		ModelFilename:    r.ModelFile,
		CCModelFilenames: map[string]string{},
		MetricTags:       orEmpty(r.MetricTags),
		Parameters:       map[string]any{},
		ModelWarmup:      []tritonWarmup{},
	}
	formats := r.file().formats()
	for _, s := range r.Signature.Inputs {
		dims, reshape := r.tritonDims("input", s)
		t.Input = append(t.Input, tritonInput{
			Name: s.Name, DataType: s.DType.ConfigName(), Format: cmp.Or(formats[s.Name], FormatNone), Dims: dims, Reshape: reshape, Optional: s.Optional,
		})
	}
	labels := r.file().LabelFiles()
	for _, s := range r.Signature.Outputs {
		dims, reshape := r.tritonDims("output", s)
		if s.Shape == nil { // not known
			dims, reshape = []int64{tensor.Dynamic}, nil
		}
		t.Output = append(t.Output, tritonOutput{Name: s.Name, DataType: s.DType.ConfigName(), Dims: dims, Reshape: reshape, LabelFilename: labels[s.Name]})
	}
	for _, i := range r.Instances {
		t.InstanceGroup = append(t.InstanceGroup, i.triton())
	}
	for _, w := range r.file().ModelWarmup {
		t.ModelWarmup = append(t.ModelWarmup, w.triton())
	}
	return t
}

func (w Warmup) triton() tritonWarmup {
	t := tritonWarmup{Name: w.Name, BatchSize: or(w.BatchSize, 1), Inputs: map[string]tritonWarmupInput{}, Count: or(w.Count, 1)}
	for name, in := range w.Inputs {
		t.Inputs[name] = tritonWarmupInput{in.DataType.ConfigName(), append([]int64{}, in.Dims...), in.ZeroData, in.RandomData, in.InputDataFile}
	}
	return t
}

func (i Instances) triton() tritonInstances {
	t := tritonInstances{
		Name: i.Name, Kind: i.Kind, Count: i.Count, GPUs: append([]int{}, i.GPUs...), SecondaryDevices: []any{}, Profile: []string{},
		HostPolicy: i.HostPolicy,
	}
	if len(i.Resources) > 0 {
		t.RateLimiter = &tritonLimiter{Priority: i.Priority}
		for _, r := range i.Resources {
			t.RateLimiter.Resources = append(t.RateLimiter.Resources, tritonResource(r))
		}
	}
	return t
}

// tritonDims returns the dims as Triton has them. A shape that the batch dimension
// alone makes up, and a scalar's, is [1] reshaped to nothing, since Triton's dims are never empty.
func (r *Resolved) tritonDims(what string, s tensor.Spec) ([]int64, *tritonShape) {
	inner := func(shape tensor.Shape) []int64 {
		if r.Batching() && len(shape) > 0 {
			shape = shape[1:]
		}
		return append([]int64{}, shape...)
	}
	shape := inner(s.Shape)
	if callers, is := r.callers[what+" "+s.Name]; is && len(inner(callers)) > 0 {
		return inner(callers), &tritonShape{Shape: shape}
	}
	if len(shape) == 0 {
		return []int64{1}, &tritonShape{Shape: []int64{}}
	}
	return shape, nil
}

func (p Policy) triton() map[string]any {
	switch {
	case p.All:
		return map[string]any{"all": struct{}{}}
	case p.Specific != nil:
		return map[string]any{"specific": map[string]any{"versions": p.Specific}}
	}
	return map[string]any{"latest": map[string]any{"num_versions": p.Latest}}
}

func (r *Resolved) tritonOptimization() tritonOptimize {
	o := tritonOptimize{
		Priority: "PRIORITY_DEFAULT", InputPinned: tritonEnable{true}, OutputPinned: tritonEnable{true},
	}
	if r.Session.Graph != GraphAll {
		o.Graph = &tritonGraph{r.Session.Graph}
	}
	if len(r.Session.GPUAccelerators) > 0 {
		o.Accelerators = &tritonAccelerators{CPU: []tritonAccelerator{}}
		for _, a := range r.Session.GPUAccelerators {
			o.Accelerators.GPU = append(o.Accelerators.GPU, tritonAccelerator{a.Name, orEmpty(a.Parameters)})
		}
	}
	return o
}

// tritonBatching returns nil for a model that does not batch and whose file sets no queue.
func (r *Resolved) tritonBatching() *tritonBatching {
	if !r.Batching() && r.file().DynamicBatching == nil {
		return nil
	}
	b := &tritonBatching{
		PreferredBatchSize:   append([]int{}, r.PreferredBatchSizes...),
		MaxDelayMicroseconds: int64(r.MaxQueueDelay / time.Microsecond),
		PreserveOrdering:     r.Queue.PreserveOrdering,
		PriorityQueuePolicy:  map[string]tritonPolicy{},
	}
	file := or(r.file().DynamicBatching, DynamicBatching{})
	if file.PriorityLevels > 0 {
		b.PriorityLevels, b.DefaultPriorityLevel = file.PriorityLevels, r.Queue.DefaultLevel
	}
	for i, l := range r.Queue.Levels {
		level := strconv.Itoa(i + 1)
		if _, own := file.PriorityQueuePolicy[level]; own {
			b.PriorityQueuePolicy[level] = l.triton()
		} else {
			b.DefaultQueuePolicy = l.triton()
		}
	}
	if r.Batching() && len(b.PreferredBatchSize) == 0 {
		b.PreferredBatchSize = []int{r.MaxBatchSize}
	}
	return b
}

func (l Level) triton() tritonPolicy {
	p := tritonPolicy{
		TimeoutAction: TimeoutReject, TimeoutMicroseconds: int64(l.Timeout / time.Microsecond),
		AllowTimeoutOverride: l.TimeoutOverride, MaxQueueSize: l.MaxSize,
	}
	if l.Delay {
		p.TimeoutAction = TimeoutDelay
	}
	return p
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
