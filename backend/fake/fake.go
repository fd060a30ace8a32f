package fake

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"galatea/backend"
	"galatea/tensor"
)

// Backend makes fake models. The zero value answers at once and never fails; set
// the hooks before use.
type Backend struct {
	// Delay is how long a run of the given rows takes; nil: no time.
	Delay func(rows int) time.Duration
	// Fault is called before each run, with its number from 1 and its batch; its
	// error is the run's, and it may panic.
	Fault func(run int, b *backend.Batch) error
	// Rows is how many rows a run returns for the rows it got; nil: as many.
	Rows func(rows int) int
	// Factor is by how much more than twice the input a run of the given rows is, as
	// another kernel for another size rounds otherwise; nil: 1.
	Factor func(rows int) float64
	// LoadError is called before each load, and InstanceError before each new instance.
	LoadError     func(a backend.Artifact) error
	InstanceError func(d backend.Device) error

	runs      atomic.Int64
	models    atomic.Int64
	instances atomic.Int64
	mu        sync.Mutex
	sizes     []int
}

var _ backend.Backend = (*Backend)(nil)

// Open returns how many models and instances are open.
func (b *Backend) Open() (models, instances int64) { return b.models.Load(), b.instances.Load() }

// Sizes returns the rows of each run so far, in order.
func (b *Backend) Sizes() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sizes)
}

// Load makes a model of the artifact's signature, whose inputs must be FP32 or copied as they are.
func (b *Backend) Load(ctx context.Context, a backend.Artifact) (backend.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b.LoadError != nil {
		if err := b.LoadError(a); err != nil {
			return nil, err
		}
	}
	b.models.Add(1)
	return &model{backend: b, signature: a.Signature}, nil
}

type model struct {
	backend   *Backend
	signature tensor.Signature
}

func (m *model) Signature() tensor.Signature { return m.signature }

func (m *model) Close() error {
	m.backend.models.Add(-1)
	return nil
}

func (m *model) NewInstance(_ context.Context, d backend.Device) (backend.Instance, error) {
	if m.backend.InstanceError != nil {
		if err := m.backend.InstanceError(d); err != nil {
			return nil, err
		}
	}
	m.backend.instances.Add(1)
	return &instance{model: m, batch: backend.Batch{
		Want:    make([]bool, len(m.signature.Outputs)),
		Outputs: make([]tensor.Tensor, len(m.signature.Outputs)),
	}}, nil
}

type instance struct {
	model *model
	batch backend.Batch
}

func (in *instance) Close() error {
	in.model.backend.instances.Add(-1)
	return nil
}

func (in *instance) Batch(inputs []tensor.Tensor) (*backend.Batch, error) {
	clear(in.batch.Want)
	clear(in.batch.Outputs)
	in.batch.Inputs = in.batch.Inputs[:0]
	for _, t := range inputs {
		size, err := t.Shape.Bytes(t.DType)
		if err != nil {
			return nil, fmt.Errorf("input %q of shape %v: %w", t.Name, t.Shape, err)
		}
		t.Data = make([]byte, 0, size)
		in.batch.Inputs = append(in.batch.Inputs, t)
	}
	return &in.batch, nil
}

func (in *instance) Run(ctx context.Context, b *backend.Batch) error {
	f := in.model.backend
	rows := 1
	if shape := b.Inputs[0].Shape; len(shape) > 0 {
		rows = int(shape[0])
	}
	run := int(f.runs.Add(1))
	f.mu.Lock()
	f.sizes = append(f.sizes, rows)
	f.mu.Unlock()
	if f.Fault != nil {
		if err := f.Fault(run, b); err != nil {
			return err
		}
	}
	if f.Delay != nil {
		timer := time.NewTimer(f.Delay(rows))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for i, spec := range in.model.signature.Outputs {
		if b.Want[i] {
			b.Outputs[i] = in.output(spec, b.Inputs[min(i, len(b.Inputs)-1)], rows)
		}
	}
	return nil
}

// output is twice the input for FP32, the input itself for other types.
func (in *instance) output(spec tensor.Spec, x tensor.Tensor, rows int) tensor.Tensor {
	y := tensor.Tensor{Name: spec.Name, DType: x.DType, Shape: slices.Clone(x.Shape), Data: slices.Clone(x.Data)}
	if x.DType == tensor.FP32 {
		by := 2.0
		if factor := in.model.backend.Factor; factor != nil {
			by *= factor(rows)
		}
		for i := 0; i+4 <= len(y.Data); i += 4 {
			v := math.Float32frombits(binary.LittleEndian.Uint32(y.Data[i:]))
			binary.LittleEndian.PutUint32(y.Data[i:], math.Float32bits(float32(by*float64(v))))
		}
	}
	if wrong := in.model.backend.Rows; wrong != nil && len(y.Shape) > 0 {
		y.Shape[0] = int64(wrong(rows))
		size, _ := y.Shape.Bytes(y.DType)
		y.Data = append(y.Data, make([]byte, size)...)[:size]
	}
	return y
}
