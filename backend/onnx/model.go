package onnx

/*
#include <stdlib.h>
#include "runtime.h"

extern void ReleaseOrtSession(OrtSession *session);
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"galatea/backend"
	"galatea/tensor"
)

// model is one loaded version: a session for each of its devices.
type model struct {
	runtime   *Runtime
	name      string
	signature tensor.Signature  // the artifact's
	run       map[string]string // run configuration entries
	sessions  map[backend.Device]*C.OrtSession
}

// Load reads the artifact's files into memory and opens a session for each of its
// devices. It returns an error that wraps backend.ErrUnsupported when the library
// lacks an execution provider that is asked for.
func (r *Runtime) Load(ctx context.Context, a backend.Artifact) (backend.Model, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	files, err := readFiles(a)
	if err != nil {
		return nil, err
	}
	defer C.galatea_return_memory()
	defer files.free()
	m := &model{runtime: r, name: a.Name, signature: a.Signature, run: a.Options.RunEntries, sessions: map[backend.Device]*C.OrtSession{}}
	for _, d := range a.Devices {
		if m.sessions[d] != nil {
			continue
		}
		session, err := r.cachedSession(ctx, a, d, files)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.sessions[d] = session
		live, err := readSignature(session)
		if err == nil {
			err = sameSignature(a.Signature, live)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", a.Name, err), m.Close())
		}
	}
	return m, nil
}

func (m *model) Signature() tensor.Signature { return m.signature }

func (m *model) Close() error {
	for d, session := range m.sessions {
		C.ReleaseOrtSession(session)
		delete(m.sessions, d)
	}
	C.galatea_return_memory() // not at low priority: others wait for the locks
	return nil
}

func readSignature(session *C.OrtSession) (tensor.Signature, error) {
	inputs, err := readSpecs(session, 0)
	if err != nil {
		return tensor.Signature{}, fmt.Errorf("read the session's inputs: %w", err)
	}
	outputs, err := readSpecs(session, 1)
	if err != nil {
		return tensor.Signature{}, fmt.Errorf("read the session's outputs: %w", err)
	}
	return tensor.Signature{Inputs: inputs, Outputs: outputs}, nil
}

func readSpecs(session *C.OrtSession, outputs C.int) ([]tensor.Spec, error) {
	var raw *C.galatea_spec
	var n C.size_t
	if err := check(C.galatea_specs(session, outputs, &raw, &n)); err != nil {
		return nil, err
	}
	defer C.galatea_free_specs(raw, n)
	specs := make([]tensor.Spec, 0, int(n))
	for _, s := range unsafe.Slice(raw, int(n)) {
		name := C.GoString(s.name)
		if s.kind != onnxTensor {
			return nil, fmt.Errorf("%q is no tensor: sequences, maps and optional values cannot be served", name)
		}
		d, err := dtypeOf(int32(s._type))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		spec := tensor.Spec{Name: name, DType: d, Shape: make(tensor.Shape, s.rank)}
		for i := range spec.Shape {
			spec.Shape[i] = int64(s.dims[i])
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// onnxTensor is ONNX's kind of value that is a tensor.
const onnxTensor = 1

// sameSignature compares what the file declared when it was read with what the
// session says: they differ when the file was replaced between the two. A graph
// input that has a value of its own is not among the session's required inputs.
func sameSignature(file, session tensor.Signature) error {
	for _, side := range []struct {
		what       string
		file, live []tensor.Spec
	}{{"input", file.Inputs, session.Inputs}, {"output", file.Outputs, session.Outputs}} {
		live := map[string]tensor.DType{}
		for _, s := range side.live {
			live[s.Name] = s.DType
		}
		for _, s := range side.file {
			d, known := live[s.Name]
			if (known && d != s.DType) || (!known && !s.Optional) {
				return fmt.Errorf("%s %q of the file is not the session's: the file was changed while it was loaded", side.what, s.Name)
			}
		}
	}
	return nil
}
