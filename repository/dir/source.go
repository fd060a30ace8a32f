package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galatea/repository"
)

// Options tune a Source. The zero value of each field is sensible.
type Options struct {
	// DefaultModelName names the model of a root that is a model itself; "": the root's folder does.
	DefaultModelName string
	// ConfigName is the name of a file in a model's folder configs, without its end, that
	// counts before the model's own configuration; "": none does.
	ConfigName string
	// Overlays are folders of models that stand in for those of the same names in the
	// roots. What is in them is moved there whole; they may be empty, or not be there yet.
	Overlays []string
	Poll     time.Duration // between scans without events; 0: none
	NoWatch  bool          // do not ask for file system events
	Settle   time.Duration // how long files must stay as they are; 0 is 1 s
	// LongSettled is how long a folder that was never seen before must have been left
	// alone to count as settled at once; 0 is 10 s.
	LongSettled time.Duration
	// EmptyFor is how long a root that had models must be empty to be believed; 0 is 5 s.
	EmptyFor time.Duration
	Open     func(root string) fs.FS // nil: os.DirFS
	Log      *slog.Logger            // nil: no log
}

// Source scans folders for models.
type Source struct {
	roots   []*root
	o       Options
	changed chan struct{}
	polls   chan time.Duration // capacity 1: the latest SetPoll
	follow  *time.Timer        // pokes again while something settles
	watch   *watcher           // nil: no events
}

var _ repository.Source = (*Source)(nil)

// New returns a source over the given folders. It returns an error when one is not
// a readable folder. Run must be called to end what New starts, unless o.NoWatch.
func New(roots []string, o Options) (*Source, error) {
	if name := o.ConfigName; strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("--model-config-name=%q: expected the name of a file in a model's folder %s, without its end", name, configsName)
	}
	if o.Settle <= 0 {
		o.Settle = time.Second
	}
	if o.LongSettled <= 0 {
		o.LongSettled = 10 * time.Second
	}
	if o.EmptyFor <= 0 {
		o.EmptyFor = 5 * time.Second
	}
	if o.Open == nil {
		o.Open = os.DirFS
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{o: o, changed: make(chan struct{}, 1), polls: make(chan time.Duration, 1)}
	for i, path := range slices.Concat(o.Overlays, roots) {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.roots, func(r *root) bool { return r.root == absolute }) {
			continue // named twice
		}
		fsys := o.Open(absolute)
		if _, err := fs.ReadDir(fsys, "."); err != nil && i >= len(o.Overlays) {
			return nil, fmt.Errorf("model repository %q: %w: expected a folder of models", path, reason(err))
		}
		r := newRoot(absolute, fsys, &s.o)
		r.overlay = i < len(o.Overlays)
		s.roots = append(s.roots, r)
	}
	s.follow = time.AfterFunc(time.Hour, s.Poke)
	s.follow.Stop()
	if !o.NoWatch {
		s.watch = newWatcher(o.Log)
	}
	return s, nil
}

// reason is a file system's error without the path, which the caller names.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// Changed receives when another scan may be worth it.
func (s *Source) Changed() <-chan struct{} { return s.changed }

// Poke asks for a scan.
func (s *Source) Poke() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Desired scans all roots. A root that cannot be read is an error.
func (s *Source) Desired(ctx context.Context) ([]repository.Desired, error) {
	var all []repository.Desired
	var dirs []string
	again := false
	over := map[string]bool{} // models of overlays
	for _, r := range s.roots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now := time.Now()
		models, err := r.scan(now)
		if err != nil {
			return nil, fmt.Errorf("model repository %q: %w", r.root, err)
		}
		dirs = append(dirs, r.root)
		models = slices.DeleteFunc(slices.Clone(models), func(m model) bool { return !r.overlay && over[m.name] })
		for _, m := range models {
			if r.overlay {
				over[m.name] = true
			}
			for _, d := range m.dirs {
				dirs = append(dirs, r.shown(d))
			}
		}
		desired := r.desired(models, now)
		all = append(all, desired...)
		again = again || r.again || slices.ContainsFunc(desired, func(d repository.Desired) bool { return d.Settling })
	}
	if again {
		s.follow.Reset(s.o.Settle + s.o.Settle/50)
	}
	if s.watch != nil && s.watch.want(dirs) {
		s.Poke() // for what happened between the scan and the watch
	}
	return all, nil
}

// Verify scans a version again and returns an error when its files are not those
// of d any more. A load calls it at its end: what was read may have been half new.
// Any goroutine may call it.
func (s *Source) Verify(d repository.Desired) error {
	for _, r := range s.roots {
		if r.root != d.Root {
			continue
		}
		at, err := filepath.Rel(r.root, d.Folder)
		if err != nil {
			return err
		}
		f := folder{d.Name, path.Dir(filepath.ToSlash(at)), false}
		if at == "." {
			f = folder{d.Name, ".", true}
		}
		conf, err := r.config(f)
		if err != nil {
			return err
		}
		v, _, err := r.version(f, d.Version, conf)
		if err != nil {
			return err
		}
		if v.digest == d.FilesDigest() {
			return nil
		}
	}
	return errors.New("its files changed while it was loaded")
}
