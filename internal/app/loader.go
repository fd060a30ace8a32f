package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/trace"

	"galatea/backend"
	"galatea/config"
	"galatea/infer"
	"galatea/internal/onnxfile"
	"galatea/repository"
	"galatea/scheduler"
)

// Loader makes servables of what a source has: it reads the file, completes the
// configuration, opens the model, checks whether its rows can share a batch, and
// puts a queue in front.
type Loader struct {
	Backend  backend.Backend
	Defaults func() config.Defaults           // nil: none
	Verify   func(d repository.Desired) error // says whether the files are still d's; nil: they are
	Log      *slog.Logger
	Tracer   trace.Tracer
	Limiter  *scheduler.Limiter // of what the runs of all models share; nil: nothing is shared
	// GraphCache is a folder that optimised graphs are kept in; empty: nowhere.
	GraphCache string
}

// Load is a repository.Loader.
func (l *Loader) Load(ctx context.Context, d repository.Desired, phase func(repository.State)) (repository.Servable, error) {
	began := time.Now()
	if err := checkIntegrity(ctx, d); err != nil {
		return nil, err
	}
	file, err := onnxfile.Read(d.File)
	if system := syscall.Errno(0); errors.As(err, &system) {
		return nil, err // the disk may do better the next time
	}
	if err != nil {
		return nil, repository.Terminal(err)
	}
	resolved, err := l.resolve(d, file)
	if err != nil {
		return nil, repository.Terminal(err)
	}
	labels, err := readLabels(d)
	if err != nil {
		return nil, err
	}
	l.tell(d)
	if err := checkSignature(ctx, d, resolved); err != nil {
		return nil, err
	}
	name := infer.ID{Name: d.Name, Version: d.Version}.String()
	a := artifact(name, d, file, resolved)
	a.GraphCache = l.GraphCache
	model, err := l.Backend.Load(ctx, a)
	if err != nil {
		if errors.Is(err, backend.ErrUnsupported) {
			err = repository.Terminal(err)
		}
		return nil, err
	}
	phase(repository.Warming)
	s := &servable{model: model, info: repository.Info{Labels: labels}}
	note, err := l.checkRows(ctx, model, a.Devices[0], &resolved)
	if err == nil {
		err = l.prove(ctx, d, s, a.Devices, resolved)
	}
	if err == nil && l.Verify != nil {
		err = l.Verify(d)
	}
	if err != nil {
		if closeErr := s.Close(ctx); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
		return nil, err
	}
	s.info = repository.Info{
		ID:     infer.ID{Name: d.Name, Version: d.Version, Digest: d.Digest},
		Config: resolved, Note: note, Loaded: time.Since(began), Weights: file.ParameterBytes, Labels: labels, Example: s.info.Example,
	}
	return s, nil
}

// tell logs what of a model's configuration does not count.
func (l *Loader) tell(d repository.Desired) {
	if notes := d.Config.Origin().Notes; len(notes) > 0 {
		l.Log.Info("notes on the model's configuration", slog.String("model", d.Name), slog.Int64("version", d.Version), slog.String("text", strings.Join(notes, "; ")))
	}
}

// resolve says how a file is served, as far as that can be known without the runtime.
func (l *Loader) resolve(d repository.Desired, file *onnxfile.File) (*config.Resolved, error) {
	if err := file.CheckOpsets(); err != nil {
		return nil, err
	}
	if err := file.CheckExternal(filepath.Dir(d.File)); err != nil {
		return nil, err
	}
	signature, err := file.Signature()
	if err != nil {
		return nil, err
	}
	var defaults config.Defaults
	if l.Defaults != nil {
		defaults = l.Defaults()
	}
	return config.Complete(d.Config, signature, defaults)
}

// artifact says how the model is opened.
func artifact(name string, d repository.Desired, file *onnxfile.File, r *config.Resolved) backend.Artifact {
	a := backend.Artifact{Name: name, File: d.File, Signature: r.Signature}
	for _, e := range file.External {
		a.External = append(a.External, e.Location)
	}
	for _, l := range lanesOf(r, runtime.GOMAXPROCS(0)) {
		a.Devices = append(a.Devices, l.device)
	}
	s := r.Session
	a.Options = backend.Options{
		InterOpThreads: s.InterOpThreads, Parallel: s.Parallel,
		NoArena: !s.MemArena, NoMemPattern: !s.MemPattern, GraphLevel: int(s.Graph), Entries: s.Entries,
	}
	if s.ArenaShrinkage != "" {
		a.Options.RunEntries = map[string]string{"memory.enable_memory_arena_shrinkage": s.ArenaShrinkage}
	}
	if slices.ContainsFunc(a.Devices, func(d backend.Device) bool { return d.Kind == backend.GPU }) {
		a.Options.Providers = providersOf(r)
	}
	return a
}

// checkRows turns batching off for a model whose rows influence each other, unless
// its file insists, and then returns a note that says why.
func (l *Loader) checkRows(ctx context.Context, m backend.Model, d backend.Device, r **config.Resolved) (note string, err error) {
	if !(*r).Batching() || (*r).Insisted || (*r).MaxBatchSize < 2 {
		return "", nil
	}
	instance, err := m.NewInstance(ctx, d)
	if err != nil {
		return "", err
	}
	reason, err := rowsDepend(ctx, instance, (*r).Signature)
	err = errors.Join(err, instance.Close())
	if err != nil || reason == "" {
		return "", err
	}
	l.Log.Warn("batching is off", slog.String("model", (*r).Name), slog.String("reason", reason))
	*r = (*r).WithoutBatching(reason)
	return "batching is off, since " + reason, nil
}

// prove starts the servable's queue over instances that are warm, and asks it its golden
// requests.
func (l *Loader) prove(ctx context.Context, d repository.Desired, s *servable, devices []backend.Device, r *config.Resolved) error {
	w, err := newWarmer(d, r)
	if err != nil {
		return refuse(ctx, gateWarmup, err)
	}
	if s.queue, err = l.start(ctx, d, s.model, w, devices, r); err != nil {
		return err
	}
	s.info.Example = w.example
	s.Handler = infer.Chain(s.queue, infer.CheckSignature(d.Name, r.CheckedSignature(), r.MaxBatchSize), infer.Classes(r.Batching(), s.info.Labels))
	if reshape := infer.Reshape(r.RequestSignature(), r.CheckedSignature()); reshape != nil {
		s.Handler = reshape(s.Handler)
	}
	return checkGolden(ctx, d, s)
}

func (l *Loader) start(ctx context.Context, d repository.Desired, m backend.Model, w *warmer, devices []backend.Device, r *config.Resolved) (*scheduler.Queue, error) {
	lanes := func(ctx context.Context, i int) (backend.Instance, error) {
		instance, err := m.NewInstance(ctx, devices[i])
		if err != nil {
			return nil, err
		}
		if err := w.run(ctx, instance); err != nil {
			if closeErr := instance.Close(); closeErr != nil {
				err = errors.Join(err, closeErr)
			}
			return nil, refuse(ctx, gateWarmup, err)
		}
		return instance, nil
	}
	demands := lanesOf(r, runtime.GOMAXPROCS(0))
	return scheduler.Start(ctx, lanes, scheduler.Options{
		Name: fmt.Sprintf("%s/%d", d.Name, d.Version), ID: infer.ID{Name: d.Name, Version: d.Version, Digest: d.Digest},
		Signature: r.Signature, MaxBatchSize: r.MaxBatchSize, PreferredBatchSizes: r.PreferredBatchSizes, MaxQueueDelay: r.MaxQueueDelay,
		PreserveOrdering: r.Queue.PreserveOrdering, Levels: levels(r.Queue.Levels), DefaultLevel: r.Queue.DefaultLevel,
		PriorityAgeing: r.Queue.Ageing, RequestTimeout: r.RequestTimeout, AimP99: r.Queue.AimP99,
		Padding: (*scheduler.Padding)(r.Padding), Instances: len(devices),
		Limiter: l.Limiter, Demand: func(i int) scheduler.Demand { return demands[i].demand },
		Log: l.Log, Tracer: l.Tracer,
	})
}

func levels(from []config.Level) []scheduler.Level {
	var to []scheduler.Level
	for _, l := range from {
		to = append(to, scheduler.Level(l))
	}
	return to
}

var _ infer.Admitter = (*servable)(nil)

// servable is a loaded version.
type servable struct {
	infer.Handler
	queue  *scheduler.Queue
	model  backend.Model
	info   repository.Info
	closed atomic.Bool
}

// Admit says what the queue would say of a request.
func (s *servable) Admit(received, deadline time.Time) error {
	return s.queue.Admit(received, deadline)
}

// Info describes the version, with its counters as they are now.
func (s *servable) Info() repository.Info {
	info := s.info
	info.Stats = s.queue.Stats()
	return info
}

// Close stops the queue and frees the model.
func (s *servable) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return errors.New("closed twice")
	}
	var err error
	if s.queue != nil {
		err = s.queue.Close(ctx)
	}
	return errors.Join(err, s.model.Close())
}
