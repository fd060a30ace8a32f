package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"slices"
	"time"

	"galatea/repository"
)

// root is one repository folder, with what is remembered of it between scans. Its
// scanner may be used by any goroutine, the rest by Desired alone.
type root struct {
	scanner
	o       *Options
	overlay bool
	layout  layout
	last    []model          // as last read
	seen    map[string]sight // by path, of versions and configs
	fresh   map[string]sight // those of the scan that goes on
	empty   time.Time        // since when it is empty; zero: it is not
	again   bool             // the last scan asks for another
}

// sight is when something was first seen with a digest.
type sight struct {
	digest string
	since  time.Time
	ok     bool // settled
}

func newRoot(at string, fsys fs.FS, o *Options) *root {
	return &root{scanner: scanner{at, fsys, o.Log, o.ConfigName}, o: o}
}

// scan reads a root's models. A model whose folder cannot be read stays as it was.
func (r *root) scan(now time.Time) ([]model, error) {
	name := r.o.DefaultModelName
	if name == "" {
		name = filepath.Base(r.root)
	}
	found, layout, err := folders(r.fsys, name, r.layout, len(r.last) > 0)
	if r.overlay && errors.Is(err, fs.ErrNotExist) {
		found, layout, err = nil, many, nil
	}
	if err != nil {
		return nil, err
	}
	r.again, r.fresh = false, map[string]sight{}
	if r.holdEmpty(len(found), now) {
		r.again = true
		return r.last, nil
	}
	next := make([]model, 0, len(found))
	for _, f := range found {
		last, known := r.known(f.name)
		m, err := r.model(f, last, known)
		switch {
		case err == nil:
			r.adoptPolicy(&m, last, known, now)
		case known:
			r.o.Log.Warn("read a model's folder; it stays as it was", slog.String("model", f.name), slog.Any("err", err))
			m = last
		case errors.Is(err, fs.ErrNotExist):
			r.again = true
			continue
		default:
			m.err = fmt.Errorf("read the model's folder: %w", err)
		}
		r.again = r.again || m.again || errors.Is(err, fs.ErrNotExist)
		next = append(next, m)
	}
	r.last, r.layout = next, layout
	return next, nil
}

// adoptPolicy lets a model's policy be that of its config only when that is right and
// settled: half of a file may be a right one, too, and would drain what the whole wants.
func (r *root) adoptPolicy(m *model, last model, known bool, now time.Time) {
	settled := r.settled(path.Join(m.path, configName), m.config.digest, m.config.changed, now)
	if !known || settled && m.config.wrong == nil {
		return
	}
	m.policy = last.policy
	r.again = r.again || !settled
}

func (r *root) known(name string) (model, bool) {
	for _, m := range r.last {
		if m.name == name {
			return m, true
		}
	}
	return model{}, false
}

// holdEmpty reports whether a root that had models and has none now is to be taken
// as it was, since it may be a volume that is not mounted at the moment.
func (r *root) holdEmpty(found int, now time.Time) bool {
	if r.overlay || found > 0 || len(r.last) == 0 {
		r.empty = time.Time{}
		return false
	}
	if r.empty.IsZero() {
		r.empty = now
		r.o.Log.Warn("the model repository is empty of a sudden; waiting for confirmation before anything is unloaded", slog.String("root", r.root))
	}
	return now.Sub(r.empty) < r.o.EmptyFor
}

// desired says what the models are to the reconciler.
func (r *root) desired(models []model, now time.Time) []repository.Desired {
	var all []repository.Desired
	for _, m := range models {
		if len(m.versions) == 0 {
			all = append(all, repository.Desired{Name: m.name, Root: r.root, Folder: r.shown(m.path), Policy: m.policy, Err: m.err})
		}
		for _, folder := range r.strays(m) {
			all = append(all, repository.Desired{
				Name: m.name, Root: r.root, Folder: r.shown(path.Join(m.path, folder)), Policy: m.policy,
				Err: fmt.Errorf("folder %q is not served: it is %s", folder, notVersion),
			})
		}
		for _, v := range m.versions {
			settled := r.settled(v.path, v.digest+v.gate, v.changed, now)
			d := repository.Desired{
				Name: m.name, Version: v.number, Root: r.root, Folder: r.shown(v.path), File: r.shown(v.file),
				Digest: v.digest, Gate: v.gate, Policy: m.policy, Config: v.config, Settling: !settled,
			}
			if settled {
				d.Err = v.err
			}
			all = append(all, d)
		}
	}
	r.seen = r.fresh
	return all
}

// strays lists the folders of a model with versions that hold a model file, and are none.
func (r *root) strays(m model) []string {
	if len(m.versions) == 0 {
		return nil // that is said in another way
	}
	return slices.DeleteFunc(slices.Clone(m.others), func(folder string) bool {
		_, is, err := modelFile(r.fsys, path.Join(m.path, folder), m.config.file)
		return err != nil || !is
	})
}

// settled reports whether what lies at a path has been the same for long enough: in
// two scans, or, when it was never seen before, by the times of its files.
func (r *root) settled(at, digest string, changed, now time.Time) bool {
	s, known := r.seen[at]
	switch {
	case r.overlay: // it was moved there whole
		s = sight{digest, now, true}
	case !known:
		s = sight{digest, time.Now(), now.Sub(changed) >= r.o.LongSettled}
	case s.digest != digest:
		s = sight{digest, time.Now(), false}
	case now.Sub(s.since) >= r.o.Settle:
		s.ok = true
	}
	r.fresh[at] = s
	return s.ok
}
