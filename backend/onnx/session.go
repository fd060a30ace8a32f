package onnx

/*
#include <stdlib.h>
#include "runtime.h"

typedef struct OrtCUDAProviderOptionsV2 OrtCUDAProviderOptionsV2;
typedef struct OrtTensorRTProviderOptionsV2 OrtTensorRTProviderOptionsV2;

extern OrtStatus *CreateSessionOptions(OrtSessionOptions **o);
extern void ReleaseSessionOptions(OrtSessionOptions *o);
extern OrtStatus *SetSessionExecutionMode(OrtSessionOptions *o, int mode);
extern OrtStatus *SetSessionGraphOptimizationLevel(OrtSessionOptions *o, int level);
extern OrtStatus *SetOptimizedModelFilePath(OrtSessionOptions *o, const char *path);
extern OrtStatus *AddSessionConfigEntry(OrtSessionOptions *o, char *key, char *value);
extern OrtStatus *SetIntraOpNumThreads(OrtSessionOptions *o, int n);
extern OrtStatus *SetInterOpNumThreads(OrtSessionOptions *o, int n);
extern OrtStatus *SetCpuMemArena(OrtSessionOptions *o, int use);
extern OrtStatus *SetMemPattern(OrtSessionOptions *o, int use);
extern OrtStatus *CreateSession(void *data, size_t size, OrtEnv *env, OrtSession **out, OrtSessionOptions *o);

extern OrtStatus *CreateCUDAProviderOptions(OrtCUDAProviderOptionsV2 **o);
extern OrtStatus *UpdateCUDAProviderOptions(OrtCUDAProviderOptionsV2 *o, const char **keys, const char **values, int n);
extern OrtStatus *AppendExecutionProviderCUDAV2(OrtSessionOptions *o, OrtCUDAProviderOptionsV2 *cuda);
extern void ReleaseCUDAProviderOptions(OrtCUDAProviderOptionsV2 *o);
extern OrtStatus *CreateTensorRTProviderOptions(OrtTensorRTProviderOptionsV2 **o);
extern OrtStatus *UpdateTensorRTProviderOptions(OrtTensorRTProviderOptionsV2 *o, const char **keys, const char **values, int n);
extern OrtStatus *AppendExecutionProviderTensorRTV2(OrtSessionOptions *o, OrtTensorRTProviderOptionsV2 *trt);
extern void ReleaseTensorRTProviderOptions(OrtTensorRTProviderOptionsV2 *o);
*/
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unsafe"

	"galatea/backend"
)

// openSession makes a session for one device from a model's bytes. The optimised graph
// is written to save, unless that is empty. While the session is made, the end of ctx
// asks the runtime to give up.
func (r *Runtime) openSession(ctx context.Context, a backend.Artifact, d place, f *files, save string) (*C.OrtSession, error) {
	var options *C.OrtSessionOptions
	if err := check(C.CreateSessionOptions(&options)); err != nil {
		return nil, fmt.Errorf("%s: session options: %w", a.Name, err)
	}
	defer C.ReleaseSessionOptions(options)
	if err := setOptions(options, a.Options); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, err)
	}
	if save != "" {
		path := C.CString(save)
		defer C.free(unsafe.Pointer(path))
		if err := check(C.SetOptimizedModelFilePath(options, path)); err != nil {
			return nil, fmt.Errorf("%s: optimised graph: %w", a.Name, err)
		}
	}
	if d.Kind == backend.GPU {
		if err := r.appendProviders(options, a.Options.Providers, d); err != nil {
			return nil, fmt.Errorf("%s: instance_group on %v: %w", a.Name, d, err)
		}
	}
	release, err := addExternal(options, f.external)
	defer release()
	if err != nil {
		return nil, fmt.Errorf("%s: external data: %w", a.Name, err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = check(C.galatea_set_load_cancelled(options, 1))
		close(stopped)
	})
	session, err := r.createSession(options, a.Options, d, f.model)
	if !stop() {
		<-stopped // options must outlive the cancelling call
	}
	if err == nil {
		return session, nil
	}
	if ctx.Err() != nil && hasCode(err, codeLoadCancelled) {
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%s: %w", a.Name, err)
}

// createSession has the runtime make a session. For a CPU it does so on a thread of its
// own, at low priority from when the session's threads, which keep the priority they are
// started with, are there. What a GPU's driver starts is not ours to see, so there the
// priority stays.
func (r *Runtime) createSession(o *C.OrtSessionOptions, want backend.Options, d place, model []byte) (session *C.OrtSession, err error) {
	data, size := unsafe.Pointer(&model[0]), C.size_t(len(model))
	if d.Kind == backend.GPU {
		err = check(C.CreateSession(data, size, r.env, &session, o))
		return session, err
	}
	threads := max(1, want.IntraOpThreads) - 1
	if want.Parallel {
		threads += max(1, want.InterOpThreads) - 1
	}
	err = check(C.galatea_create_session(data, size, r.env, &session, o, C.int(threads), d.cpus))
	return session, err
}

// ONNX Runtime's names for what threads within an operator do that have nothing to do.
const (
	allowSpinning = "session.intra_op.allow_spinning"
	spinDuration  = "session.intra_op.spin_duration_us"
)

// configEntries are the session's, those that were chosen and ours.
func configEntries(chosen map[string]string) map[string]string {
	// Idle threads that spin steal the cores from the front and from other models.
	entries := map[string]string{"session.inter_op.allow_spinning": "0"}
	if _, ok := chosen[allowSpinning]; !ok {
		// For as long as it takes to get to the next operator, and to the next request of a
		// caller that has just been answered, they may: to sleep and wake costs more.
		entries[allowSpinning], entries[spinDuration] = "1", "100"
	}
	maps.Copy(entries, chosen)
	return entries
}

func setOptions(o *C.OrtSessionOptions, want backend.Options) error {
	entries := configEntries(want.Entries)
	mode := 0
	if want.Parallel {
		mode = 1
	}
	steps := []struct {
		what   string
		status *C.OrtStatus
	}{
		{"intra_op_thread_count", C.SetIntraOpNumThreads(o, C.int(max(1, want.IntraOpThreads)))},
		{"inter_op_thread_count", C.SetInterOpNumThreads(o, C.int(max(1, want.InterOpThreads)))},
		{"execution_mode", C.SetSessionExecutionMode(o, C.int(mode))},
		{"enable_mem_arena", C.SetCpuMemArena(o, flag(!want.NoArena))},
		{"enable_mem_pattern", C.SetMemPattern(o, flag(!want.NoMemPattern))},
		{"optimization.graph.level", C.SetSessionGraphOptimizationLevel(o, graphLevel(want.GraphLevel))},
	}
	var errs []error
	for _, s := range steps {
		if err := check(s.status); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.what, err))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		k, v := C.CString(key), C.CString(entries[key])
		if err := check(C.AddSessionConfigEntry(o, k, v)); err != nil {
			errs = append(errs, fmt.Errorf("parameter %q: %w", key, err))
		}
		C.free(unsafe.Pointer(k))
		C.free(unsafe.Pointer(v))
	}
	return errors.Join(errs...)
}

func flag(on bool) C.int {
	if on {
		return 1
	}
	return 0
}

// graphNone is the runtime's level of optimisation that is none.
const graphNone = 0

// graphLevel turns Triton's number into the runtime's.
func graphLevel(triton int) C.int {
	switch {
	case triton < 0:
		return 1 // basic
	case triton == 1:
		return 2 // extended
	case triton >= 2:
		return graphNone
	default:
		return 99 // all
	}
}

// appendProviders puts the execution providers for a GPU before the CPU's.
func (r *Runtime) appendProviders(o *C.OrtSessionOptions, providers []backend.Provider, d place) error {
	if len(providers) == 0 {
		providers = []backend.Provider{{Name: "cuda"}}
	}
	built, err := r.Providers()
	if err != nil {
		return err
	}
	for _, p := range providers {
		full := map[string]string{"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}[p.Name]
		if !slices.Contains(built, full) {
			return fmt.Errorf("%w: this library of ONNX Runtime has no %s provider, only %v: name a GPU build with --onnxruntime-library, or set instance_group.kind to KIND_CPU",
				backend.ErrUnsupported, cmp.Or(full, p.Name), built)
		}
		options := map[string]string{"device_id": strconv.Itoa(d.Index)}
		maps.Copy(options, p.Options)
		if err := appendProvider(o, p.Name, options); err != nil {
			return fmt.Errorf("%s provider: %w", p.Name, err)
		}
	}
	return nil
}

func appendProvider(o *C.OrtSessionOptions, name string, options map[string]string) error {
	keys, values := cStrings(slices.Sorted(maps.Keys(options)), options)
	defer freeStrings(keys)
	defer freeStrings(values)
	n := C.int(len(options))
	if name == "tensorrt" {
		var trt *C.OrtTensorRTProviderOptionsV2
		if err := check(C.CreateTensorRTProviderOptions(&trt)); err != nil {
			return err
		}
		defer C.ReleaseTensorRTProviderOptions(trt)
		if err := check(C.UpdateTensorRTProviderOptions(trt, &keys[0], &values[0], n)); err != nil {
			return err
		}
		return check(C.AppendExecutionProviderTensorRTV2(o, trt))
	}
	var cuda *C.OrtCUDAProviderOptionsV2
	if err := check(C.CreateCUDAProviderOptions(&cuda)); err != nil {
		return err
	}
	defer C.ReleaseCUDAProviderOptions(cuda)
	if err := check(C.UpdateCUDAProviderOptions(cuda, &keys[0], &values[0], n)); err != nil {
		return err
	}
	return check(C.AppendExecutionProviderCUDAV2(o, cuda))
}

func cStrings(keys []string, m map[string]string) (k, v []*C.char) {
	for _, key := range keys {
		k = append(k, C.CString(key))
		v = append(v, C.CString(m[key]))
	}
	return k, v
}

func freeStrings(all []*C.char) {
	for _, s := range all {
		C.free(unsafe.Pointer(s))
	}
}

// addExternal gives the runtime the bytes of side files. The returned function
// frees what only the making of the session needs.
func addExternal(o *C.OrtSessionOptions, external map[string][]byte) (release func(), err error) {
	n := len(external)
	if n == 0 {
		return func() {}, nil
	}
	names := unsafe.Slice((**C.char)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0))))), n)
	buffers := unsafe.Slice((**C.char)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0))))), n)
	sizes := make([]C.size_t, n)
	for i, location := range slices.Sorted(maps.Keys(external)) {
		names[i] = C.CString(location)
		buffers[i] = (*C.char)(unsafe.Pointer(&external[location][0]))
		sizes[i] = C.size_t(len(external[location]))
	}
	err = check(C.galatea_add_external(o, &names[0], &buffers[0], &sizes[0], C.size_t(n)))
	return func() {
		freeStrings(names)
		C.free(unsafe.Pointer(&names[0]))
		C.free(unsafe.Pointer(&buffers[0]))
	}, err
}
