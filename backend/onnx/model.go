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
	"strconv"
	"strings"
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
	size      int64             // of its files, in bytes
	sessions  map[backend.Device]*C.OrtSession
	cpus      map[string]*C.galatea_cpus // by Device.CPUs; "": nil
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
	size := files.size()
	defer func() { r.returnMemory(size) }()
	defer files.free()
	m := &model{runtime: r, name: a.Name, size: size, signature: a.Signature, run: a.Options.RunEntries, sessions: map[backend.Device]*C.OrtSession{}, cpus: map[string]*C.galatea_cpus{}}
	for _, d := range a.Devices {
		if m.sessions[d] != nil {
			continue
		}
		if err := m.addCPUs(d.CPUs); err != nil {
			return nil, errors.Join(err, m.Close())
		}
		session, err := r.cachedSession(ctx, threadsOn(a, d), place{d, m.cpus[d.CPUs]}, files)
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

// place is a device with its processors as the system has them.
type place struct {
	backend.Device
	cpus *C.galatea_cpus
}

// threadsOn returns the artifact with the threads that the device says.
func threadsOn(a backend.Artifact, d backend.Device) backend.Artifact {
	if d.Threads > 0 {
		a.Options.IntraOpThreads = d.Threads
	}
	return a
}

// addCPUs makes the set of processors that a device names, unless it is there.
func (m *model) addCPUs(text string) error {
	if m.cpus[text] != nil || text == "" {
		return nil
	}
	var numbers []C.int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil {
			return fmt.Errorf("%s: processors %q: %w", m.name, text, err)
		}
		numbers = append(numbers, C.int(n))
	}
	var cpus *C.galatea_cpus
	if err := check(C.galatea_new_cpus(&numbers[0], C.size_t(len(numbers)), &cpus)); err != nil {
		return fmt.Errorf("%s: %w: processors %s: %w", m.name, backend.ErrUnsupported, text, err)
	}
	m.cpus[text] = cpus
	return nil
}

func (m *model) Signature() tensor.Signature { return m.signature }

func (m *model) Close() error {
	for d, session := range m.sessions {
		C.ReleaseOrtSession(session)
		delete(m.sessions, d)
	}
	for text, cpus := range m.cpus {
		C.galatea_free_cpus(cpus)
		delete(m.cpus, text)
	}
	m.runtime.returnMemory(m.size) // not at low priority: others wait for the locks
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
