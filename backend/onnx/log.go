package onnx

/*
#include "runtime.h"
*/
import "C"

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
)

// The runtime's severities.
const (
	severityInfo = iota + 1
	severityWarning
	severityError
	severityFatal
)

// runtimeLog is where the runtime's lines go. The runtime calls back with no
// state of ours, so this is the process's.
var runtimeLog atomic.Pointer[slog.Logger]

func logTo(log *slog.Logger) { runtimeLog.Store(log) }

// levelDetail is the level of the runtime's own info lines. They are many and cost time
// while a session is made.
const levelDetail = slog.LevelDebug - 4

// logSeverity is the least severity that log would print.
func logSeverity(log *slog.Logger) int {
	if log.Enabled(context.Background(), levelDetail) {
		return severityInfo
	}
	return severityWarning
}

//export galateaLog
func galateaLog(severity C.int, category, location, message *C.char) {
	log := runtimeLog.Load()
	if log == nil {
		return
	}
	level := levelDetail
	switch {
	case severity >= severityError:
		level = slog.LevelError
	case severity == severityWarning:
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, "onnxruntime",
		slog.String("category", C.GoString(category)),
		slog.String("location", C.GoString(location)),
		slog.String("text", strings.TrimSpace(C.GoString(message))))
}
