package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"galatea/config/pbtxt"
	"galatea/gateway/wire"
	"galatea/repository"
)

// overrides are models as callers have sent them: a folder for each in one of two
// overlays, which stand in for the models of the same names in the repositories. A model
// is in one overlay at most, and appears there, and goes, by a rename.
type overrides struct {
	repositories []string
	temporary    string // until the server ends
	kept         string // over restarts; "": there is no such

	turns turns      // loads, which may be undone: one at a time for each model
	mu    sync.Mutex // held over one change
}

// turns lets one at a time do something to a model.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // by model, closed when the turn is over
}

// take waits for a model's turn, which ends with a call of over. The error is ctx's.
func (t *turns) take(ctx context.Context, name string) (over func(), err error) {
	mine := make(chan struct{})
	for {
		before := t.enter(name, mine)
		if before == nil {
			return func() { t.leave(name, mine) }, nil
		}
		select {
		case <-before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// enter takes the turn, or returns the one that goes on.
func (t *turns) enter(name string, mine chan struct{}) (before chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before = t.taken[name]; before != nil {
		return before
	}
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	t.taken[name] = mine
	return nil
}

func (t *turns) leave(name string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, name)
	close(mine)
}

// newOverrides tidies what an earlier server has kept; state is --state-dir's, "" for
// none. A folder is made when the first model is put into it: most servers need none, and
// many have no place for one.
func newOverrides(repositories []string, state string) (*overrides, error) {
	o := &overrides{repositories: repositories, temporary: filepath.Join(os.TempDir(), "galatea-overrides-"+rand.Text())}
	if state == "" {
		return o, nil
	}
	o.kept = filepath.Join(state, "overrides")
	return o, tidy(o.kept)
}

// Names of what is on its way in, and of what it takes the place of.
const (
	nextPrefix  = ".next-"
	asidePrefix = ".before-"
)

// tidy ends what a server that was killed left half done.
func tidy(overlay string) error {
	entries, err := os.ReadDir(overlay)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		at := filepath.Join(overlay, e.Name())
		name, aside := strings.CutPrefix(e.Name(), asidePrefix)
		_, missing := os.Lstat(filepath.Join(overlay, name))
		switch {
		case aside && missing != nil: // nothing has taken its place
			err = errors.Join(err, os.Rename(at, filepath.Join(overlay, name)))
		case aside, strings.HasPrefix(e.Name(), nextPrefix):
			err = errors.Join(err, os.RemoveAll(at))
		}
	}
	return err
}

// overlays lists the folders, the first one first to be looked at.
func (o *overrides) overlays() []string {
	if o.kept == "" {
		return []string{o.temporary}
	}
	return []string{o.temporary, o.kept}
}

// close removes what is not kept.
func (o *overrides) close() error {
	if _, err := os.Lstat(o.temporary); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was put there, and the file system may be read-only
	}
	return os.RemoveAll(o.temporary)
}

// put makes a model what the override says. undo takes that back, done forgets what was
// there before; one of them is to be called.
func (o *overrides) put(name string, over wire.Override) (undo, done func() error, err error) {
	overlay := o.temporary
	if over.Persist {
		if overlay = o.kept; overlay == "" {
			return nil, nil, errors.New("parameter 'persist' needs a server with --state-dir")
		}
	}
	parsed, text, err := pbtxt.ParseSent("config", over.Config)
	over.Config = text
	if err == nil {
		_, err = parsed.Named(name)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(overlay, 0o700); err != nil {
		return nil, nil, err
	}
	next, err := os.MkdirTemp(overlay, nextPrefix)
	if err == nil {
		err = o.fill(next, name, over)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(next))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	before, err := o.setAside(name)
	if err == nil {
		err = os.Rename(next, filepath.Join(overlay, name))
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(next))
	}
	undo = func() error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if err := os.RemoveAll(filepath.Join(overlay, name)); err != nil || before == "" {
			return err
		}
		return os.Rename(before, filepath.Join(filepath.Dir(before), name))
	}
	done = func() error {
		if before == "" {
			return nil
		}
		return os.RemoveAll(before)
	}
	return undo, done, nil
}

// fill writes a model's folder: the config, and the files that were sent or else links to
// what the repository has.
func (o *overrides) fill(folder, name string, over wire.Override) error {
	if err := os.WriteFile(filepath.Join(folder, "config.yaml"), over.Config, 0o600); err != nil {
		return err
	}
	for path, data := range over.Files {
		version, rest, _ := strings.Cut(path, "/")
		if n, err := strconv.ParseInt(version, 10, 64); err != nil || n < 1 || !filepath.IsLocal(path) || rest == "" || filepath.Clean(path) != path {
			return fmt.Errorf("file:%s: expected file:VERSION/NAME, within the model's folder", path)
		}
		at := filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(at, data, 0o600); err != nil {
			return err
		}
	}
	if len(over.Files) > 0 {
		return nil
	}
	for _, root := range o.repositories {
		original, err := filepath.Abs(filepath.Join(root, name))
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(original)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"config.yaml", "config.pbtxt", "configs"}, e.Name()) {
				continue
			}
			if err := os.Symlink(filepath.Join(original, e.Name()), filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no repository has a folder %q to take the model's files from: send them as file:VERSION/NAME", name)
}

// setAside moves what there is of a model out of sight, and returns where to; "" when
// there is nothing.
func (o *overrides) setAside(name string) (string, error) {
	for _, overlay := range o.overlays() {
		at := filepath.Join(overlay, name)
		if _, err := os.Lstat(at); err != nil {
			continue
		}
		aside := filepath.Join(overlay, asidePrefix+name)
		if err := os.RemoveAll(aside); err != nil {
			return "", err
		}
		return aside, os.Rename(at, aside)
	}
	return "", nil
}

// drop makes a model what the repositories have again.
func (o *overrides) drop(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.removeAll(name)
}

func (o *overrides) removeAll(name string) error {
	before, err := o.setAside(name)
	if err != nil || before == "" {
		return err
	}
	return os.RemoveAll(before)
}

// control is the reconciler with loads that bring a model along.
type control struct {
	*repository.Reconciler
	overrides *overrides
}

var _ wire.Control = control{}

// Load makes the model what the repositories have, and loads that.
func (c control) Load(ctx context.Context, name string) error {
	if c.Mode() == repository.ModeExplicit {
		over, err := c.overrides.turns.take(ctx, name)
		if err != nil {
			return err
		}
		defer over()
		if err := c.overrides.drop(name); err != nil {
			return err
		}
	}
	return c.Reconciler.Load(ctx, name)
}

// LoadWith loads a model as the override has it. When that fails, it is what it was
// before for the next load.
func (c control) LoadWith(ctx context.Context, name string, over wire.Override) error {
	if c.Mode() != repository.ModeExplicit {
		return repository.ErrMode
	}
	turnOver, err := c.overrides.turns.take(ctx, name)
	if err != nil {
		return err
	}
	defer turnOver()
	undo, done, err := c.overrides.put(name, over)
	if err != nil {
		return &repository.LoadError{Name: name, Failures: []repository.Failure{{Text: err.Error()}}}
	}
	if err := c.Reconciler.Load(ctx, name); err != nil {
		return errors.Join(err, undo())
	}
	return done()
}
