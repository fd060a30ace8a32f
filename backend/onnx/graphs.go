package onnx

/*
#include "runtime.h"
*/
import "C"

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"galatea/backend"
)

// A folder of optimised graphs holds one file for each model and way of optimising it,
// called by the hash of both: the graph as ONNX, and the hash of that, so that a file
// which is not whole is found out. Files appear by being renamed, are never written
// again, and may be removed at any time.

const (
	graphSuffix = ".graph"
	partSuffix  = ".part"
	hashedBytes = 1 << 18 // at a time: Go cannot stop a goroutine in the midst of one
)

// cachedSession opens a session with the graph that an earlier load left in the
// artifact's folder, or leaves one there. Whatever is wrong with the folder is a line
// in the log; the session is then made as if there were none.
func (r *Runtime) cachedSession(ctx context.Context, a backend.Artifact, d place, f *files) (*C.OrtSession, error) {
	if a.GraphCache == "" || d.Kind != backend.CPU || len(a.External) > 0 || graphLevel(a.Options.GraphLevel) == graphNone {
		return r.openSession(ctx, a, d, f, "")
	}
	path := filepath.Join(a.GraphCache, graphKey(r.version, f.model, a.Options)+graphSuffix)
	session, err := r.fromGraph(ctx, a, d, path)
	if err == nil {
		return session, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("optimised graph is of no use", slog.String("model", a.Name), slog.String("file", path), slog.Any("err", err))
		_ = os.Remove(path) // where that fails, so will the renaming below, and say so
	}
	session, written, err := r.intoGraph(ctx, a, d, f, path)
	if written != nil && err == nil {
		r.log.Warn("optimised graph is not kept", slog.String("model", a.Name), slog.String("folder", a.GraphCache), slog.Any("err", written))
	}
	return session, err
}

// fromGraph opens a session with the graph in a file.
func (r *Runtime) fromGraph(ctx context.Context, a backend.Artifact, d place, path string) (*C.OrtSession, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Munmap(content) }()
	size := len(content) - sha256.Size
	if size <= 0 || sum(content[:size]) != [sha256.Size]byte(content[size:]) {
		return nil, errors.New("the file is not whole")
	}
	a.Options.GraphLevel = 2 // none: all has been done
	return r.openSession(ctx, a, d, &files{model: content[:size]}, "")
}

// intoGraph opens a session with a model, and leaves its graph at path. written says
// why it could not; err, why there is no session.
func (r *Runtime) intoGraph(ctx context.Context, a backend.Artifact, d place, f *files, path string) (session *C.OrtSession, written, err error) {
	part, written := createPart(a.GraphCache)
	if written != nil {
		session, err = r.openSession(ctx, a, d, f, "")
		return session, written, err
	}
	defer func() { _ = os.Remove(part) }() // unless it was renamed
	session, err = r.openSession(ctx, a, d, f, part)
	if err == nil {
		return session, publish(part, path), nil
	}
	if ctx.Err() != nil {
		return nil, nil, err
	}
	// It may be the model's fault or the folder's.
	written = err
	session, err = r.openSession(ctx, a, d, f, "")
	return session, written, err
}

// createPart makes an empty file for a graph to be written to.
func createPart(folder string) (path string, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(folder, "*"+partSuffix)
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// publish ends a file that the runtime has written, and gives it its name.
func publish(part, path string) error {
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, hashedBytes))
	if err == nil {
		_, err = f.Write(h.Sum(nil))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// graphKey is a name for the optimised form of a model. All that the optimiser goes by
// is in it: the graph may hold operators that only this processor has.
func graphKey(version string, model []byte, o backend.Options) string {
	digest := sum(model)
	h := sha256.New()
	for _, part := range []string{
		"galatea graph 1", version, C.GoString(C.galatea_build_info()),
		runtime.GOOS, runtime.GOARCH, fmt.Sprintf("%+v %+v", cpu.X86, cpu.ARM64),
		"cpu", strconv.Itoa(int(graphLevel(o.GraphLevel))),
		hex.EncodeToString(digest[:]),
	} {
		_, _ = fmt.Fprintf(h, "%q\n", part)
	}
	for _, key := range slices.Sorted(maps.Keys(o.Entries)) {
		_, _ = fmt.Fprintf(h, "%q=%q\n", key, o.Entries[key])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sum is the SHA-256 of data.
func sum(data []byte) (digest [sha256.Size]byte) {
	h := sha256.New()
	for chunk := range slices.Chunk(data, hashedBytes) {
		_, _ = h.Write(chunk)
	}
	h.Sum(digest[:0])
	return digest
}
