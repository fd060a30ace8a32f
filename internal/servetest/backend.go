package servetest

import (
	"context"
	"sync"

	"galatea/backend"
)

// Backend counts what another backend has open, and holds loads back when it is told to.
type Backend struct {
	real backend.Backend

	mu                sync.Mutex
	models, instances int
	held              map[string]chan struct{}
}

var _ backend.Backend = (*Backend)(nil)

// NewBackend watches a backend; nil is ONNX Runtime.
func NewBackend(real backend.Backend) (*Backend, error) {
	if real == nil {
		var err error
		if real, err = Runtime(); err != nil {
			return nil, err
		}
	}
	return &Backend{real: real, held: map[string]chan struct{}{}}, nil
}

// Open returns how many models and instances are open.
func (b *Backend) Open() (models, instances int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.models, b.instances
}

// Hold keeps loads of a version, as name/number, from going on until Release.
func (b *Backend) Hold(version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[version] == nil {
		b.held[version] = make(chan struct{})
	}
}

// Release lets held loads go on.
func (b *Backend) Release(version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if gate := b.held[version]; gate != nil {
		close(gate)
		delete(b.held, version)
	}
}

func (b *Backend) count(models, instances int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.models += models
	b.instances += instances
}

// Load loads a model, once nobody holds it back any more.
func (b *Backend) Load(ctx context.Context, a backend.Artifact) (backend.Model, error) {
	b.mu.Lock()
	gate := b.held[a.Name]
	b.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	m, err := b.real.Load(ctx, a)
	if err != nil {
		return nil, err
	}
	b.count(1, 0)
	return &countedModel{m, b}, nil
}

type countedModel struct {
	backend.Model
	backend *Backend
}

func (m *countedModel) NewInstance(ctx context.Context, d backend.Device) (backend.Instance, error) {
	in, err := m.Model.NewInstance(ctx, d)
	if err != nil {
		return nil, err
	}
	m.backend.count(0, 1)
	return &countedInstance{in, m.backend}, nil
}

func (m *countedModel) Close() error {
	m.backend.count(-1, 0)
	return m.Model.Close()
}

type countedInstance struct {
	backend.Instance
	backend *Backend
}

func (in *countedInstance) Close() error {
	in.backend.count(0, -1)
	return in.Instance.Close()
}
