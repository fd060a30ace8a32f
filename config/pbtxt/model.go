package pbtxt

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"galatea/config"
	"galatea/internal/tritonpb"
	"galatea/tensor"
)

// translate makes a model of a configuration. The error joins all that is wrong with it.
func translate(file string, c *tritonpb.ModelConfig, sent bool) (*config.Model, error) {
	w := &walker{file: file, sent: sent}
	w.fields(c.ProtoReflect(), "", "")
	m := w.model(c)
	made, err := config.Made(file, m, w.origin)
	if err := joined(w.errs, err); err != nil {
		return nil, err
	}
	return made, nil
}

func (w *walker) model(c *tritonpb.ModelConfig) config.Model {
	m := config.Model{
		Name:                 c.GetName(),
		Platform:             config.Platform(c.GetPlatform()),
		Backend:              config.Backend(c.GetBackend()),
		MaxBatchSize:         w.maxBatchSize(c),
		DefaultModelFilename: c.GetDefaultModelFilename(),
		VersionPolicy:        versionPolicy(c.GetVersionPolicy()),
		DynamicBatching:      dynamicBatching(c.GetDynamicBatching()),
		Optimization:         optimization(c.GetOptimization()),
		Parameters:           w.parameters(c.GetParameters()),
		MetricTags:           c.GetMetricTags(),
	}
	for i, in := range c.GetInput() {
		one := config.Input{Name: in.GetName(), DataType: w.dtype(in.GetDataType(), "input", i)}
		one.Dims, one.Reshape = w.dims(in, "input", i)
		if in.GetFormat() != tritonpb.ModelInput_FORMAT_NONE {
			one.Format = config.Format(in.GetFormat().String())
		}
		if in.GetOptional() {
			one.Optional = new(true)
		}
		m.Input = append(m.Input, one)
	}
	for i, out := range c.GetOutput() {
		one := config.Output{Name: out.GetName(), DataType: w.dtype(out.GetDataType(), "output", i), LabelFilename: out.GetLabelFilename()}
		one.Dims, one.Reshape = w.dims(out, "output", i)
		m.Output = append(m.Output, one)
	}
	for _, g := range c.GetInstanceGroup() {
		m.InstanceGroup = append(m.InstanceGroup, instanceGroup(g))
	}
	for i, warmup := range c.GetModelWarmup() {
		m.ModelWarmup = append(m.ModelWarmup, w.warmup(warmup, i))
	}
	return m
}

// maxBatchSize returns nil where Triton completes the configuration by itself: without a
// size, unless inputs and outputs are listed, whose dims then are whole shapes.
func (w *walker) maxBatchSize(c *tritonpb.ModelConfig) *int {
	size := int(c.GetMaxBatchSize())
	if size == 0 && (len(c.GetInput()) == 0 || len(c.GetOutput()) == 0) {
		return nil
	}
	if size > 0 && c.GetSchedulingChoice() == nil {
		w.origin.Notes = append(w.origin.Notes, "dynamic_batching is not there: requests share batches all the same")
	}
	return &size
}

// tensorConfig is an input or an output.
type tensorConfig interface {
	GetDims() []int64
	GetReshape() *tritonpb.ModelTensorReshape
}

// dims returns nil where there are none. What this server itself answers has a dimension
// of one where a tensor has none, since Triton's dims are never empty: sent back, that is
// none again.
func (w *walker) dims(t tensorConfig, list string, at int) ([]int64, *config.Reshape) {
	dims, reshape := t.GetDims(), t.GetReshape()
	switch {
	case reshape == nil:
		return dims, nil
	case w.sent && len(reshape.GetShape()) == 0 && slices.Equal(dims, []int64{1}):
		w.note(fmt.Sprintf("%s[%d].reshape", list, at), "the shape has no 1 at its end")
		return []int64{}, nil
	default:
		return dims, &config.Reshape{Shape: append([]int64{}, reshape.GetShape()...)}
	}
}

// dtype returns Invalid where there is none.
func (w *walker) dtype(d tritonpb.DataType, list string, at int) tensor.DType {
	return w.dtypeAt(d, fmt.Sprintf("%s[%d]", list, at))
}

func (w *walker) dtypeAt(d tritonpb.DataType, at string) tensor.DType {
	if d == tritonpb.DataType_TYPE_INVALID {
		return tensor.Invalid
	}
	known, err := tensor.ParseConfigDType(d.String())
	if err != nil {
		w.errs = append(w.errs, &config.Error{File: w.file, Field: at + ".data_type", Text: err.Error()})
	}
	return known
}

func versionPolicy(p *tritonpb.ModelVersionPolicy) *config.VersionPolicy {
	switch choice := p.GetPolicyChoice().(type) {
	case *tritonpb.ModelVersionPolicy_Latest_:
		return &config.VersionPolicy{Latest: &config.Latest{NumVersions: unlessZero(choice.Latest.GetNumVersions())}}
	case *tritonpb.ModelVersionPolicy_All_:
		return &config.VersionPolicy{All: &config.All{}}
	case *tritonpb.ModelVersionPolicy_Specific_:
		return &config.VersionPolicy{Specific: &config.Specific{Versions: append([]int64{}, choice.Specific.GetVersions()...)}}
	}
	return nil
}

func instanceGroup(g *tritonpb.ModelInstanceGroup) config.InstanceGroup {
	one := config.InstanceGroup{Name: g.GetName(), Count: unlessZero(g.GetCount()), GPUs: ints(g.GetGpus()), HostPolicy: g.GetHostPolicy()}
	if g.GetKind() != tritonpb.ModelInstanceGroup_KIND_AUTO {
		one.Kind = config.Kind(g.GetKind().String())
	}
	if l := g.GetRateLimiter(); l != nil {
		one.RateLimiter = &config.RateLimiter{Priority: number(l.GetPriority())}
		for _, r := range l.GetResources() {
			one.RateLimiter.Resources = append(one.RateLimiter.Resources, config.Resource{Name: r.GetName(), Global: r.GetGlobal(), Count: number(r.GetCount())})
		}
	}
	return one
}

func dynamicBatching(b *tritonpb.ModelDynamicBatching) *config.DynamicBatching {
	if b == nil {
		return nil
	}
	to := &config.DynamicBatching{
		PreferredBatchSize:        ints(b.GetPreferredBatchSize()),
		MaxQueueDelayMicroseconds: microseconds(b.GetMaxQueueDelayMicroseconds()),
		PreserveOrdering:          b.GetPreserveOrdering(),
		PriorityLevels:            number(b.GetPriorityLevels()),
		DefaultPriorityLevel:      number(b.GetDefaultPriorityLevel()),
	}
	if p := b.GetDefaultQueuePolicy(); p != nil {
		policy := queuePolicy(p)
		to.DefaultQueuePolicy = &policy
	}
	for level, p := range b.GetPriorityQueuePolicy() {
		if to.PriorityQueuePolicy == nil {
			to.PriorityQueuePolicy = map[string]config.QueuePolicy{}
		}
		to.PriorityQueuePolicy[strconv.FormatUint(level, 10)] = queuePolicy(p)
	}
	return to
}

// queuePolicy returns a policy in which, as in Triton, no size is no limit.
func queuePolicy(p *tritonpb.ModelQueuePolicy) config.QueuePolicy {
	to := config.QueuePolicy{
		DefaultTimeoutMicroseconds: microseconds(p.GetDefaultTimeoutMicroseconds()),
		AllowTimeoutOverride:       p.GetAllowTimeoutOverride(),
		MaxQueueSize:               new(number(p.GetMaxQueueSize())),
	}
	if p.GetTimeoutAction() != tritonpb.ModelQueuePolicy_REJECT {
		to.TimeoutAction = config.TimeoutAction(p.GetTimeoutAction().String())
	}
	return to
}

func optimization(o *tritonpb.ModelOptimizationPolicy) *config.Optimization {
	to := &config.Optimization{}
	if g := o.GetGraph(); g != nil {
		to.Graph = &config.Graph{Level: config.GraphLevel(g.GetLevel())}
	}
	for _, a := range o.GetExecutionAccelerators().GetGpuExecutionAccelerator() {
		if to.ExecutionAccelerators == nil {
			to.ExecutionAccelerators = &config.ExecutionAccelerators{}
		}
		to.ExecutionAccelerators.GPUExecutionAccelerator = append(to.ExecutionAccelerators.GPUExecutionAccelerator,
			config.Accelerator{Name: config.AcceleratorName(a.GetName()), Parameters: a.GetParameters()})
	}
	if *to == (config.Optimization{}) {
		return nil
	}
	return to
}

// parameters returns those that are settings of the runtime; callers of Triton may keep
// others there.
func (w *walker) parameters(all map[string]*tritonpb.ModelParameter) config.Parameters {
	var known config.Parameters
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !config.KnownParameter(key) {
			w.note(fmt.Sprintf("parameters %q", key), "it is none of the settings of ONNX Runtime that can be made")
			continue
		}
		if known == nil {
			known = config.Parameters{}
		}
		known[key] = all[key].GetStringValue()
	}
	return known
}

func (w *walker) warmup(from *tritonpb.ModelWarmup, at int) config.Warmup {
	to := config.Warmup{
		Name:      cmp.Or(from.GetName(), fmt.Sprintf("model_warmup[%d]", at)),
		BatchSize: unlessZero(from.GetBatchSize()), Count: unlessZero(from.GetCount()), Inputs: map[string]config.WarmupInput{},
	}
	for _, name := range slices.Sorted(maps.Keys(from.GetInputs())) {
		in := from.GetInputs()[name]
		one := config.WarmupInput{DataType: w.dtypeAt(in.GetDataType(), fmt.Sprintf("model_warmup[%d].inputs.%s", at, name)), Dims: in.GetDims()}
		switch data := in.GetInputDataType().(type) {
		case *tritonpb.ModelWarmup_Input_ZeroData:
			one.ZeroData = true
		case *tritonpb.ModelWarmup_Input_RandomData:
			one.RandomData = true
		case *tritonpb.ModelWarmup_Input_InputDataFile:
			one.InputDataFile = data.InputDataFile
		}
		to.Inputs[name] = one
	}
	return to
}

// number returns n, or the largest int, which is out of every range.
func number[N uint32 | uint64](n N) int {
	if uint64(n) > math.MaxInt {
		return math.MaxInt
	}
	return int(n)
}

// unlessZero returns nil for 0, which is how a number is left out.
func unlessZero[N int32 | uint32](n N) *int {
	if n == 0 {
		return nil
	}
	return new(int(n))
}

func microseconds(n uint64) *int64 {
	if n == 0 {
		return nil
	}
	return new(int64(min(n, math.MaxInt64)))
}

func ints(from []int32) []int {
	var to []int
	for _, n := range from {
		to = append(to, int(n))
	}
	return to
}
