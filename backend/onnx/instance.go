package onnx

/*
#include <stdlib.h>
#include "runtime.h"

extern OrtStatus *CreateRunOptions(OrtRunOptions **o);
extern void ReleaseRunOptions(OrtRunOptions *o);
extern OrtStatus *RunOptionsUnsetTerminate(OrtRunOptions *o);
extern OrtStatus *AddRunConfigEntry(OrtRunOptions *o, char *key, char *value);
*/
import "C"

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"

	"galatea/backend"
	"galatea/infer"
	"galatea/tensor"
)

// instance is a lane: its own input buffers and run options over a shared session.
// Everything that C sees between calls lies in C's memory.
type instance struct {
	model   *model
	session *C.OrtSession
	cpus    *C.galatea_cpus // the model's; nil: all
	options *C.OrtRunOptions

	names   []*C.char // inputs, then outputs, in the signature's order
	inputs  []C.galatea_input
	outputs []C.galatea_output
	buffers []buffer // one for each input of the signature
	pinner  runtime.Pinner
	pending int // outputs of the last run that hold the runtime's memory
	stopper stopper

	batch   backend.Batch
	present []int // signature index of each of the batch's inputs
}

// buffer is C memory that an input is gathered into; it grows and never shrinks.
type buffer struct {
	at   unsafe.Pointer
	size int
}

// bufferAlign is a cache line, and the widest vector that the runtime's kernels load.
const bufferAlign = 64

// NewInstance makes a lane on d, one of the artifact's devices.
func (m *model) NewInstance(_ context.Context, d backend.Device) (backend.Instance, error) {
	session := m.sessions[d]
	if session == nil {
		return nil, fmt.Errorf("%s: no session on %v", m.name, d)
	}
	in := &instance{model: m, session: session, cpus: m.cpus[d.CPUs], buffers: make([]buffer, len(m.signature.Inputs))}
	if err := check(C.CreateRunOptions(&in.options)); err != nil {
		return nil, fmt.Errorf("%s: run options: %w", m.name, err)
	}
	for _, key := range slices.Sorted(maps.Keys(m.run)) {
		k, v := C.CString(key), C.CString(m.run[key])
		err := check(C.AddRunConfigEntry(in.options, k, v))
		C.free(unsafe.Pointer(k))
		C.free(unsafe.Pointer(v))
		if err != nil {
			_ = in.Close()
			return nil, fmt.Errorf("%s: parameter %q: %w", m.name, key, err)
		}
	}
	for _, specs := range [][]tensor.Spec{m.signature.Inputs, m.signature.Outputs} {
		for _, s := range specs {
			in.names = append(in.names, C.CString(s.Name))
		}
	}
	in.inputs = cArray[C.galatea_input](len(m.signature.Inputs))
	in.outputs = cArray[C.galatea_output](len(m.signature.Outputs))
	in.batch.Want = make([]bool, len(m.signature.Outputs))
	in.batch.Outputs = make([]tensor.Tensor, len(m.signature.Outputs))
	return in, nil
}

func cArray[T any](n int) []T {
	var zero T
	return unsafe.Slice((*T)(C.calloc(C.size_t(max(n, 1)), C.size_t(unsafe.Sizeof(zero)))), max(n, 1))
}

func (in *instance) Close() error {
	in.stopper.release()
	in.releaseOutputs()
	if in.inputs != nil {
		C.free(unsafe.Pointer(&in.inputs[0]))
		C.free(unsafe.Pointer(&in.outputs[0]))
		in.inputs, in.outputs = nil, nil
	}
	for i := range in.buffers {
		C.free(in.buffers[i].at)
		in.buffers[i] = buffer{}
	}
	freeStrings(in.names)
	in.names = nil
	if in.options != nil {
		C.ReleaseRunOptions(in.options)
		in.options = nil
	}
	return nil
}

func (in *instance) Batch(inputs []tensor.Tensor) (*backend.Batch, error) {
	in.releaseOutputs()
	clear(in.batch.Want)
	clear(in.batch.Outputs)
	in.batch.Inputs = in.batch.Inputs[:0]
	in.present = in.present[:0]
	for _, t := range inputs {
		at := in.model.signature.Input(t.Name)
		if at < 0 || in.model.signature.Inputs[at].DType != t.DType {
			return nil, fmt.Errorf("%s: no input %q of type %v", in.model.name, t.Name, t.DType)
		}
		if len(t.Shape) > C.GALATEA_MAX_RANK {
			return nil, fmt.Errorf("%s: input %q has %d dimensions: at most %d", in.model.name, t.Name, len(t.Shape), C.GALATEA_MAX_RANK)
		}
		size, err := t.Shape.Bytes(t.DType)
		if err != nil {
			return nil, fmt.Errorf("%s: input %q of shape %v: %w", in.model.name, t.Name, t.Shape, err)
		}
		data, err := in.buffers[at].take(int(size), t.DType)
		if err != nil {
			return nil, fmt.Errorf("%s: input %q of shape %v: %w", in.model.name, t.Name, t.Shape, err)
		}
		in.present = append(in.present, at)
		in.batch.Inputs = append(in.batch.Inputs, tensor.Tensor{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: data})
	}
	return &in.batch, nil
}

// take returns an empty slice of the buffer with room for size bytes. Strings are
// turned into the runtime's own on the way in, so they are gathered on the Go heap.
func (b *buffer) take(size int, d tensor.DType) ([]byte, error) {
	if d == tensor.Bytes {
		return nil, nil
	}
	if size > b.size {
		C.free(b.at)
		b.at, b.size = nil, 0
		want := (size + bufferAlign - 1) &^ (bufferAlign - 1)
		if b.at = C.aligned_alloc(bufferAlign, C.size_t(want)); b.at == nil {
			return nil, fmt.Errorf("get %d bytes of memory", want)
		}
		b.size = want
	}
	return unsafe.Slice((*byte)(b.at), b.size)[:0:size], nil
}

func (in *instance) Run(ctx context.Context, b *backend.Batch) error {
	if err := in.setInputs(b); err != nil {
		return err
	}
	defer in.pinner.Unpin()
	in.releaseOutputs()
	n := 0
	for i, want := range b.Want {
		if want {
			in.outputs[n] = C.galatea_output{name: in.names[len(in.buffers)+i]}
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if err := in.runTerminable(ctx, len(b.Inputs), n); err != nil {
		return err
	}
	in.pending = n
	return in.readOutputs(b)
}

// setInputs describes the batch's inputs to C. Data of a caller's own is pinned
// until Run unpins it, or copied where the runtime could not read it in place.
func (in *instance) setInputs(b *backend.Batch) error {
	for i := range b.Inputs {
		t := &b.Inputs[i]
		elements, err := t.Shape.Elements()
		if err != nil {
			return fmt.Errorf("%s: input %q of shape %v: %w", in.model.name, t.Name, t.Shape, err)
		}
		if err := checkData(t, elements); err != nil {
			return fmt.Errorf("%s: %w", in.model.name, err)
		}
		c := &in.inputs[i]
		c.name = in.names[in.present[i]]
		c._type = C.int32_t(elementOf(t.DType))
		c.rank = C.int32_t(len(t.Shape))
		for j, d := range t.Shape {
			c.dims[j] = C.int64_t(d)
		}
		c.elements = C.size_t(elements)
		c.bytes = C.size_t(len(t.Data))
		c.data = 0
		if len(t.Data) > 0 {
			c.data = C.uintptr_t(uintptr(in.place(in.present[i], t)))
		}
	}
	return nil
}

// checkData makes sure that C reads within t.Data.
func checkData(t *tensor.Tensor, elements int64) error {
	if t.DType == tensor.Bytes {
		n, err := tensor.CountStrings(t.Data)
		if err != nil || n != elements {
			return fmt.Errorf("input %q of shape %v has %d strings: %w", t.Name, t.Shape, n, infer.ErrInvalid)
		}
		return nil
	}
	if int64(len(t.Data)) != elements*int64(t.DType.Size()) {
		return fmt.Errorf("input %q of shape %v has %d bytes: %w", t.Name, t.Shape, len(t.Data), infer.ErrInvalid)
	}
	return nil
}

// place returns where C may read t's data during the run.
func (in *instance) place(at int, t *tensor.Tensor) unsafe.Pointer {
	data := unsafe.Pointer(&t.Data[0])
	own := &in.buffers[at]
	if data == own.at {
		return data
	}
	if size := t.DType.Size(); size > 1 && uintptr(data)%uintptr(size) != 0 {
		if dst, err := own.take(len(t.Data), t.DType); err == nil {
			copy(dst[:len(t.Data)], t.Data)
			return own.at
		}
	}
	in.pinner.Pin(&t.Data[0])
	return data
}

// runTerminable runs the session; the end of ctx sets the runtime's terminate flag,
// which it looks at between the graph's nodes.
func (in *instance) runTerminable(ctx context.Context, inputs, outputs int) error {
	var status *C.OrtStatus
	ready := in.stopper.begin(ctx, in.options)
	if ready {
		status = C.galatea_run(in.session, in.options, in.model.runtime.memory, in.cpus,
			&in.inputs[0], C.size_t(inputs), &in.outputs[0], C.size_t(outputs))
	}
	stopped := in.stopper.end()
	if stopped {
		if err := check(C.RunOptionsUnsetTerminate(in.options)); err != nil {
			return fmt.Errorf("%w: %w", infer.ErrInstanceLost, err)
		}
	}
	if !ready {
		return context.Cause(ctx)
	}
	err := check(status)
	switch {
	case err == nil:
		return nil
	case stopped:
		return context.Cause(ctx)
	case hasCode(err, codeDeviceReset):
		return fmt.Errorf("%w: %w", infer.ErrInstanceLost, err)
	default:
		return err
	}
}

// readOutputs points the batch's outputs at the runtime's memory; strings are
// copied into the wire's form.
func (in *instance) readOutputs(b *backend.Batch) error {
	n := 0
	for i, want := range b.Want {
		if !want {
			continue
		}
		c := &in.outputs[n]
		n++
		d, err := dtypeOf(int32(c._type))
		if err != nil {
			return fmt.Errorf("output %q: %w", in.model.signature.Outputs[i].Name, err)
		}
		t := tensor.Tensor{Name: in.model.signature.Outputs[i].Name, DType: d, Shape: make(tensor.Shape, c.rank)}
		for j := range t.Shape {
			t.Shape[j] = int64(c.dims[j])
		}
		switch {
		case c.bytes == 0:
		case d == tensor.Bytes:
			t.Data = make([]byte, c.bytes)
			if err := check(C.galatea_copy_strings(c, (*C.uint8_t)(&t.Data[0]))); err != nil {
				return fmt.Errorf("output %q: %w", t.Name, err)
			}
		default:
			t.Data = unsafe.Slice((*byte)(c.data), int(c.bytes))
		}
		b.Outputs[i] = t
	}
	return nil
}

func (in *instance) releaseOutputs() {
	if in.pending > 0 {
		C.galatea_release_outputs(&in.outputs[0], C.size_t(in.pending))
		in.pending = 0
	}
}
