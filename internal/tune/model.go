package tune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"galatea/config"
	"galatea/infer"
	"galatea/internal/app"
	"galatea/repository"
)

// Input says what the model is asked.
type Input struct {
	Shapes Shapes // of made-up inputs
	Golden bool   // the model's golden requests are asked
}

// Model is a version of a model that is to be tuned.
type Model struct {
	Config string   // the file that its config is in, or would be
	Inputs string   // what it is asked, for people
	Notes  []string // what a reader should know of the sweep
	Space  Space

	d        repository.Desired
	disk     []byte // what the file holds
	raw      []byte // what it says, or would say: the same unless it is to take the place of a config.pbtxt
	loader   app.Loader
	resolved *config.Resolved // as the model is now
	ask      func() *infer.Request
}

// Prepare loads a version as it is now, makes sure that it can be asked, and frees it.
// It is asked without limits on how many requests wait, and for how long. largest is the
// largest batch to try; 0: the model's.
func Prepare(ctx context.Context, loader *app.Loader, d repository.Desired, in Input, largest int) (*Model, error) {
	m := &Model{Config: app.ConfigFile(d), d: d, loader: *loader}
	m.loader.Defaults = func() config.Defaults {
		var all config.Defaults
		if loader.Defaults != nil {
			all = loader.Defaults()
		}
		all.MaxQueueSize = 0
		return all
	}
	var err error
	m.disk, err = os.ReadFile(m.Config)
	m.raw = m.disk
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.Config != nil && len(d.Config.Origin().Honoured) > 0:
		m.raw = d.Config.YAML()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	version, err := m.load(ctx, m.raw)
	if err != nil {
		return nil, err
	}
	m.resolved = version.Info().Config
	m.ask, m.Inputs, err = asking(ctx, d, version, m.resolved, in)
	if e := version.Close(context.WithoutCancel(ctx)); e != nil && err == nil {
		err = e
	}
	if err == nil {
		err = m.setSpace(largest)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// load loads the version with a config.
func (m *Model) load(ctx context.Context, raw []byte) (repository.Servable, error) {
	c, err := config.ParseModel(m.Config, raw)
	if err == nil {
		c, err = c.Named(m.d.Name)
	}
	if err != nil {
		return nil, err
	}
	d := m.d
	d.Config = unlimited(c)
	return m.loader.Load(ctx, d, func(repository.State) {})
}

// unlimited returns a model whose requests may wait in any number for any time.
func unlimited(m *config.Model) *config.Model {
	all := *m
	all.RequestTimeout = 0
	if all.DynamicBatching != nil {
		batching := *all.DynamicBatching
		batching.DefaultQueuePolicy, batching.PriorityQueuePolicy = nil, nil
		all.DynamicBatching = &batching
	}
	return &all
}

// setSpace finds out which settings make sense.
func (m *Model) setSpace(largest int) error {
	r := m.resolved
	group := r.Instances[0]
	s := Space{
		Procs: runtime.GOMAXPROCS(0), Devices: max(1, len(group.GPUs)),
		LargestBatch: r.MaxBatchSize, SmallestBatch: 1, Waits: r.MaxQueueDelay > 0,
		Present: Setting{Instances: group.Count, Batch: r.MaxBatchSize},
	}
	if len(group.CPUs) > 0 {
		s.Procs = min(s.Procs, len(group.CPUs))
	}
	s.Present.Threads = r.Threads(s.Lanes(s.Present), s.Procs)
	if len(r.Instances) > 1 {
		s.Fixed, s.Devices, s.Procs = true, 1, runtime.GOMAXPROCS(0)
		s.Present.Instances, s.Present.Threads = r.Lanes(), r.Session.IntraOpThreads
		m.Notes = append(m.Notes, fmt.Sprintf("there are %d instance groups, so the instances stay as they are", len(r.Instances)))
	}
	switch {
	case !r.Batching() && largest > 0:
		return fmt.Errorf("--max-batch-size=%d: the model does not batch: expected it left out", largest)
	case !r.Batching():
		m.Notes = append(m.Notes, "the model does not batch")
	case largest > 0:
		s.LargestBatch = largest
	}
	if least, why := m.smallestBatch(); r.Batching() && least > 1 {
		s.SmallestBatch = least
		m.Notes = append(m.Notes, fmt.Sprintf("batches of less than %d rows are not tried, since %s has such", least, why))
		if s.LargestBatch < least {
			return fmt.Errorf("--max-batch-size=%d: expected %d or more, which %s has", largest, least, why)
		}
	}
	m.Space = s
	return nil
}

// smallestBatch returns the least max_batch_size that what else the config says allows.
func (m *Model) smallestBatch() (least int, why string) {
	for _, n := range m.resolved.PreferredBatchSizes {
		least, why = max(least, n), "preferred_batch_size"
	}
	c, err := config.ParseModel(m.Config, m.raw)
	if err != nil {
		return least, why // it was loaded with it
	}
	for _, w := range c.ModelWarmup {
		if w.BatchSize != nil && *w.BatchSize > least {
			least, why = *w.BatchSize, "model_warmup"
		}
	}
	return least, why
}

// Sweep measures the model as it is now, and in the settings that make sense, until the
// time is over or ctx ends.
func (m *Model) Sweep(ctx context.Context, o Options) (*Report, error) {
	s := &sweep{Options: o, space: m.Space, ask: m.ask, open: func(ctx context.Context, at Setting) (repository.Servable, error) {
		raw, _, err := m.With(at)
		if err != nil {
			return nil, err
		}
		return m.load(ctx, raw)
	}}
	return s.run(ctx)
}

// With returns the model's config.yaml with a setting in it, and those of its keys that
// say so, for people; nil where the model is so already. Only what has to be said is.
func (m *Model) With(at Setting) (whole, lines []byte, err error) {
	var t config.Tuning
	if at.Batch != m.Space.Present.Batch {
		t.MaxBatchSize = &at.Batch
	}
	if at.Instances != m.Space.Present.Instances {
		t.Instances = &at.Instances
	}
	byItself := m.resolved.Session.IntraOpThreads
	if byItself == 0 && !m.Space.Fixed {
		byItself = m.resolved.Threads(m.Space.Lanes(at), m.Space.Procs)
	}
	if at.Threads != byItself {
		t.Threads = &at.Threads
	}
	whole, err = t.Edit(m.Config, m.raw)
	if err != nil {
		return nil, nil, err
	}
	return whole, t.Excerpt(whole), nil
}

// Unchanged returns an error when the config is not what it was when the model was prepared.
func (m *Model) Unchanged() error {
	now, err := os.ReadFile(m.Config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, m.disk) {
		return fmt.Errorf("%s has changed while the model was measured: it is left as it is", m.Config)
	}
	return nil
}
