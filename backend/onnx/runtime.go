package onnx

/*
#cgo linux LDFLAGS: -ldl -lrt
#include <stdlib.h>
#include "runtime.h"

extern const char *GetErrorMessage(OrtStatus *status);
extern void ReleaseOrtStatus(OrtStatus *status);
extern OrtStatus *CreateOrtMemoryInfo(OrtMemoryInfo **info);
*/
import "C"

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"galatea/backend"
)

// Runtime is the process's ONNX Runtime.
type Runtime struct {
	version string
	log     *slog.Logger
	env     *C.OrtEnv
	memory  *C.OrtMemoryInfo
	freed   atomic.Int64 // bytes of models since memory was returned
}

// returnFrom is how much of models is freed before memory is returned: looking for what
// can be takes the longer, the more models are loaded.
const returnFrom = 4 << 20

// returnMemory gives memory that was freed back to the system, once enough was. n is
// the size of the model that a load was for, or an end.
func (r *Runtime) returnMemory(n int64) {
	if r.freed.Add(n) >= returnFrom {
		r.freed.Store(0)
		C.galatea_return_memory()
	}
}

var _ backend.Backend = (*Runtime)(nil)

// The runtime's environment belongs to the process, whoever asks for it, and so
// does this.
var process struct {
	sync.Mutex
	opened *Runtime
	path   string
}

// Open opens the library at path and initialises the runtime, whose log lines go
// to log. A second call returns the same Runtime, or an error when it names another
// library. The runtime stays until the process ends.
func Open(path string, log *slog.Logger) (*Runtime, error) {
	process.Lock()
	defer process.Unlock()
	if process.opened != nil {
		if process.path != path {
			return nil, fmt.Errorf("%w: %q is open already: a process has one runtime, cannot open %q", ErrLibrary, process.path, path)
		}
		return process.opened, nil
	}
	r, err := open(path, log)
	if err != nil {
		return nil, err
	}
	process.opened, process.path = r, path
	return r, nil
}

func open(path string, log *slog.Logger) (*Runtime, error) {
	// Official builds report usage to their maker unless this stands in the
	// environment before the library is opened; its API call comes too late for
	// the first report.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, fmt.Errorf("%w: switch off its telemetry: %w", ErrLibrary, err)
	}
	C.galatea_tune_memory()
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	var version *C.char
	if text := C.galatea_open(cPath, apiVersion, &version); text != nil {
		if version != nil {
			return nil, fmt.Errorf("%w: %q is release %s, 1.29 or newer is needed: run `make onnxruntime`", ErrLibrary, path, C.GoString(version))
		}
		return nil, fmt.Errorf("%w: cannot open %q: %s: run `make onnxruntime`, or name another with --onnxruntime-library", ErrLibrary, path, C.GoString(text))
	}
	logTo(log)
	r := &Runtime{version: C.GoString(version), log: log}
	if err := check(C.galatea_create_env(C.int(logSeverity(log)), &r.env)); err != nil {
		return nil, fmt.Errorf("%w: create its environment: %w", ErrLibrary, err)
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	if err := check(C.CreateOrtMemoryInfo(&r.memory)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	return r, nil
}

// Version returns the library's release, such as 1.30.0.
func (r *Runtime) Version() string { return r.version }

// Providers lists the execution providers that the library was built with.
func (r *Runtime) Providers() ([]string, error) {
	var names **C.char
	var n C.int
	if err := check(C.galatea_available_providers(&names, &n)); err != nil {
		return nil, fmt.Errorf("list the execution providers: %w", err)
	}
	defer C.galatea_release_providers(names, n)
	var all []string
	for _, name := range unsafe.Slice(names, int(n)) {
		all = append(all, C.GoString(name))
	}
	slices.Sort(all)
	return all, nil
}

// statusError is an error that the runtime returned.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// The runtime's error codes that we tell apart.
const (
	codeLoadCancelled  = 12
	codeNotImplemented = 9
	codeDeviceReset    = 15
)

// check turns a status into an error and frees it.
func check(status *C.OrtStatus) error {
	if status == nil {
		return nil
	}
	defer C.ReleaseOrtStatus(status)
	return &statusError{
		code: int(C.galatea_error_code(status)),
		text: strings.TrimSpace(C.GoString(C.GetErrorMessage(status))),
	}
}

func hasCode(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}
