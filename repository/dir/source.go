package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"galatea/repository"
)

// Options tune a Source. The zero value of each field is sensible.
type Options struct {
	// DefaultModelName names the model of a root that is a model itself; "": the root's folder does.
	DefaultModelName string
	Poll             time.Duration // between scans without events; 0: none
	NoWatch          bool          // do not ask for file system events
	Settle           time.Duration // how long files must stay as they are; 0 is 1 s
	// LongSettled is how long a folder that was never seen before must have been left
	// alone to count as settled at once; 0 is 10 s.
	LongSettled time.Duration
	// EmptyFor is how long a root that had models must be empty to be believed; 0 is 5 s.
	EmptyFor time.Duration
	Open     func(root string) fs.FS // nil: os.DirFS
	Log      *slog.Logger
}

// Source scans folders for models.
type Source struct {
	roots   []*root
	o       Options
	changed chan struct{}
	follow  *time.Timer // pokes again while something settles
	watch   *watcher
}

var _ repository.Source = (*Source)(nil)

// root is one repository folder, with what is remembered of it between scans.
type root struct {
	path  string
	fsys  fs.FS
	last  map[string]model // by name, as last read
	seen  map[string]sight // by version path
	empty time.Time        // since when it is empty; zero: it is not
}

// sight is when a version was first seen with a digest.
type sight struct {
	digest string
	since  time.Time
	ok     bool // settled
}

// New returns a source over the given folders. It returns an error when one is not
// a readable folder. Run must be called to end what New starts, unless o.NoWatch.
func New(roots []string, o Options) (*Source, error) {
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
	s := &Source{o: o, changed: make(chan struct{}, 1)}
	for _, path := range roots {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		fsys := o.Open(absolute)
		if _, err := fs.ReadDir(fsys, "."); err != nil {
			return nil, fmt.Errorf("model repository %q: %w: name an existing folder with --model-repository", path, errors.Unwrap(err))
		}
		s.roots = append(s.roots, &root{path: absolute, fsys: fsys, last: map[string]model{}, seen: map[string]sight{}})
	}
	s.follow = time.AfterFunc(time.Hour, s.Poke)
	s.follow.Stop()
	if !o.NoWatch {
		s.watch = newWatcher(o.Log)
	}
	return s, nil
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
	now := time.Now()
	for _, r := range s.roots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		models, err := r.scan(s.o, now)
		if err != nil {
			return nil, fmt.Errorf("model repository %q: %w", r.path, err)
		}
		for _, m := range models {
			all = append(all, r.desired(m, s.o, now)...)
			for _, d := range m.dirs {
				dirs = append(dirs, filepath.Join(r.path, filepath.FromSlash(d)))
			}
		}
		dirs = append(dirs, r.path)
	}
	if s.watch != nil {
		s.watch.want(dirs)
	}
	if s.unsettled(all) {
		s.follow.Reset(s.o.Settle + s.o.Settle/50)
	}
	return all, nil
}

func (s *Source) unsettled(all []repository.Desired) bool {
	for _, d := range all {
		if d.Settling {
			return true
		}
	}
	for _, r := range s.roots {
		if !r.empty.IsZero() && len(r.last) > 0 {
			return true
		}
	}
	return false
}

// scan reads a root's models. A model whose folder cannot be read stays as it was.
func (r *root) scan(o Options, now time.Time) ([]model, error) {
	name := o.DefaultModelName
	if name == "" {
		name = filepath.Base(r.path)
	}
	found, err := folders(r.fsys, name)
	if err != nil {
		return nil, err
	}
	if r.holdEmpty(len(found), o, now) {
		models := make([]model, 0, len(r.last))
		for _, m := range r.last {
			models = append(models, m)
		}
		return models, nil
	}
	next := map[string]model{}
	for _, f := range found {
		m, err := scanModel(r.path, r.fsys, f)
		last, known := r.last[f.name]
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// Removed while it was read: the next scan tells.
			if known {
				m = last
			} else {
				continue
			}
		case err != nil && known:
			o.Log.Warn("read a model's folder; it stays as it was", slog.String("model", f.name), slog.Any("err", err))
			m = last
		case err != nil:
			m.versions, m.err = nil, fmt.Errorf("read the model's folder: %w", err)
		case m.bad && known:
			m.policy = last.policy
		}
		next[f.name] = m
	}
	r.last = next
	models := make([]model, 0, len(next))
	for _, f := range found {
		if m, ok := next[f.name]; ok {
			models = append(models, m)
		}
	}
	return models, nil
}

// holdEmpty reports whether a root that had models and has none now is to be taken
// as it was, since it may be a volume that is not mounted at the moment.
func (r *root) holdEmpty(found int, o Options, now time.Time) bool {
	if found > 0 || len(r.last) == 0 {
		r.empty = time.Time{}
		return false
	}
	if r.empty.IsZero() {
		r.empty = now
		o.Log.Warn("the model repository is empty of a sudden; waiting for confirmation before anything is unloaded", slog.String("root", r.path))
	}
	return now.Sub(r.empty) < o.EmptyFor
}

func (r *root) desired(m model, o Options, now time.Time) []repository.Desired {
	if len(m.versions) == 0 {
		return []repository.Desired{{Name: m.name, Root: r.path, Folder: filepath.Join(r.path, filepath.FromSlash(m.path)), Err: m.err}}
	}
	all := make([]repository.Desired, len(m.versions))
	for i, v := range m.versions {
		settled := r.settled(v, o, now)
		all[i] = repository.Desired{
			Name: m.name, Version: v.number, Root: r.path,
			Folder: filepath.Join(r.path, filepath.FromSlash(v.path)),
			File:   filepath.Join(r.path, filepath.FromSlash(v.file)),
			Digest: v.digest, Policy: m.policy, Config: v.config, Settling: !settled,
		}
		if settled {
			all[i].Err = v.err
		}
	}
	return all
}

// settled reports whether a version's files have been the same for long enough: in
// two scans, or, when it was never seen before, by the times of its files.
func (r *root) settled(v version, o Options, now time.Time) bool {
	s, known := r.seen[v.path]
	switch {
	case !known:
		s = sight{v.digest, now, now.Sub(v.changed) >= o.LongSettled}
	case s.digest != v.digest:
		s = sight{v.digest, now, false}
	case now.Sub(s.since) >= o.Settle:
		s.ok = true
	}
	r.seen[v.path] = s
	return s.ok
}

// Verify scans a version again and returns an error when its files are not those
// of d any more. A load calls it at its end: what was read may have been half new.
func (s *Source) Verify(d repository.Desired) error {
	for _, r := range s.roots {
		if r.path != d.Root {
			continue
		}
		name := s.o.DefaultModelName
		if name == "" {
			name = filepath.Base(r.path)
		}
		found, err := folders(r.fsys, name)
		if err != nil {
			return err
		}
		for _, f := range found {
			if f.name != d.Name {
				continue
			}
			m, err := scanModel(r.path, r.fsys, f)
			if err != nil {
				return err
			}
			for _, v := range m.versions {
				if v.number == d.Version && v.digest == d.Digest {
					return nil
				}
			}
		}
	}
	return errors.New("its files changed while it was loaded")
}
