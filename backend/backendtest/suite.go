package backendtest

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"galatea/backend"
	"galatea/tensor"
)

// Doubling is the signature of the model that the suite runs: y = 2x.
var Doubling = tensor.Signature{
	Inputs:  []tensor.Spec{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{-1, 4}}},
	Outputs: []tensor.Spec{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{-1, 4}}},
}

// Run tests a backend. doubling is an artifact of a model y = 2x with the signature
// above; slow makes an artifact, and inputs for it, whose run takes much longer than
// the suite waits before it ends the context.
func Run(t *testing.T, b backend.Backend, doubling backend.Artifact, slow func(t *testing.T) (backend.Backend, backend.Artifact, []tensor.Tensor)) {
	t.Run("a batch gives each row its answer", func(t *testing.T) {
		in := instance(t, b, doubling)
		for rows := 1; rows <= 3; rows++ {
			x := floats("x", rows, 4)
			expectDoubled(t, run(t, in, x), x)
		}
	})
	t.Run("a sole request's bytes are used in place", func(t *testing.T) {
		in := instance(t, b, doubling)
		x := floats("x", 2, 4)
		batch := batchOf(t, in, x)
		batch.Inputs[0].Data = x.Data
		if err := in.Run(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		expectDoubled(t, batch.Outputs[0], x)
	})
	t.Run("bytes that are not aligned are read all the same", func(t *testing.T) {
		in := instance(t, b, doubling)
		x := floats("x", 1, 4)
		batch := batchOf(t, in, x)
		batch.Inputs[0].Data = append(make([]byte, 1, 64), x.Data...)[1:]
		if err := in.Run(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		expectDoubled(t, batch.Outputs[0], x)
	})
	t.Run("an output that nobody wants is not returned", func(t *testing.T) {
		in := instance(t, b, doubling)
		x := floats("x", 1, 4)
		batch := batchOf(t, in, x)
		batch.Want[0] = false
		batch.Inputs[0].Data = x.Data
		if err := in.Run(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if got := batch.Outputs[0].Data; got != nil {
			t.Errorf("got %d bytes", len(got))
		}
	})
	t.Run("instances of a model run side by side", func(t *testing.T) {
		m := load(t, b, doubling)
		var wg sync.WaitGroup
		for range 4 {
			in, err := m.NewInstance(t.Context(), doubling.Devices[0])
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for range 100 {
					x := floats("x", 2, 4)
					expectDoubled(t, run(t, in, x), x)
				}
				if err := in.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("a run stops when its context ends, and the instance goes on", func(t *testing.T) {
		stops(t, slow)
	})
	t.Run("the end of an earlier run's context does not stop a later run", func(t *testing.T) {
		in := instance(t, b, doubling)
		var ends sync.WaitGroup
		for range 3000 {
			x := floats("x", 1, 4)
			batch := batchOf(t, in, x)
			batch.Inputs[0].Data = x.Data
			ctx, cancel := context.WithCancel(t.Context())
			if err := in.Run(ctx, batch); err != nil {
				t.Fatal(err)
			}
			expectDoubled(t, batch.Outputs[0], x)
			ends.Go(cancel) // while the next one begins
		}
		ends.Wait()
	})
	t.Run("a load whose context has ended fails", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m, err := b.Load(ctx, doubling)
		if err == nil {
			_ = m.Close()
			t.Fatal("it loaded")
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func stops(t *testing.T, slow func(t *testing.T) (backend.Backend, backend.Artifact, []tensor.Tensor)) {
	b, artifact, inputs := slow(t)
	in := instance(t, b, artifact)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		batch, err := in.Batch(inputs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range inputs {
			batch.Inputs[i].Data = inputs[i].Data
		}
		batch.Want[0] = true
		if err := in.Run(ctx, batch); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		timer.Stop()
		cancel()
	}
}

func load(t *testing.T, b backend.Backend, a backend.Artifact) backend.Model {
	t.Helper()
	m, err := b.Load(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func instance(t *testing.T, b backend.Backend, a backend.Artifact) backend.Instance {
	t.Helper()
	in, err := load(t, b, a).NewInstance(t.Context(), a.Devices[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func batchOf(t *testing.T, in backend.Instance, inputs ...tensor.Tensor) *backend.Batch {
	t.Helper()
	b, err := in.Batch(inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Want {
		b.Want[i] = true
	}
	return b
}

// run gathers x row by row and returns the first output.
func run(t *testing.T, in backend.Instance, x tensor.Tensor) tensor.Tensor {
	t.Helper()
	b := batchOf(t, in, x)
	row := len(x.Data) / int(x.Shape[0])
	for i := range int(x.Shape[0]) {
		b.Inputs[0].Data = append(b.Inputs[0].Data, x.Data[i*row:(i+1)*row]...)
	}
	if err := in.Run(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b.Outputs[0]
}

func floats(name string, rows, columns int) tensor.Tensor {
	t := tensor.Tensor{Name: name, DType: tensor.FP32, Shape: tensor.Shape{int64(rows), int64(columns)}}
	for i := range rows * columns {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(i)+0.5))
	}
	return t
}

func expectDoubled(t *testing.T, y, x tensor.Tensor) {
	t.Helper()
	if y.Name != "y" || y.DType != tensor.FP32 || !y.Shape.Equal(x.Shape) || len(y.Data) != len(x.Data) {
		t.Fatalf("got %q %v %v with %d bytes", y.Name, y.DType, y.Shape, len(y.Data))
	}
	for i := 0; i < len(x.Data); i += 4 {
		want := 2 * math.Float32frombits(binary.LittleEndian.Uint32(x.Data[i:]))
		if got := math.Float32frombits(binary.LittleEndian.Uint32(y.Data[i:])); got != want {
			t.Errorf("element %d is %v, want %v", i/4, got, want)
		}
	}
}
