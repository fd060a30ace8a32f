package dir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"galatea/repository"
)

// Names in a model's folder.
const (
	modelName  = "model.onnx"
	goldenName = "golden" // in a version's folder, too
	warmupName = "warmup"
)

// model is what a scan finds of one model.
type model struct {
	folder
	config   configFile
	policy   repository.Policy // the config's, once that is settled and right
	versions []version         // ascending
	dirs     []string          // folders to watch
	others   []string          // folders that are no versions
	err      error             // why it has no versions
	again    bool              // something went away while it was read
}

// scanner reads the models of one root.
type scanner struct {
	root   string
	fsys   fs.FS
	log    *slog.Logger
	choice string // of a config among the others; "": none
}

// model reads a model's folder. last is what it was before, if it is known: a version
// that cannot be read stays as it was. An error means that the folder, or its config,
// could not be read.
func (s scanner) model(f folder, last model, known bool) (model, error) {
	m := model{folder: f, dirs: []string{f.path}}
	conf, err := s.config(f)
	if err != nil {
		return m, err
	}
	m.config, m.policy, m.dirs = conf, conf.policy, append(m.dirs, conf.dirs...)
	numbers, others, err := versionsOf(s.fsys, f)
	if err != nil {
		return m, err
	}
	m.others = others
	for _, n := range numbers {
		v, dirs, err := s.version(f, n, conf)
		m.dirs = append(m.dirs, dirs...)
		old := slices.IndexFunc(last.versions, func(v version) bool { return v.number == n })
		switch {
		case err == nil:
		case known && old >= 0:
			v = last.versions[old]
			m.again = m.again || errors.Is(err, fs.ErrNotExist)
			s.log.Warn("read a version's folder; it stays as it was",
				slog.String("model", f.name), slog.Int64("version", n), slog.Any("err", err))
		case errors.Is(err, fs.ErrNotExist):
			m.again = true
			continue
		default:
			v.err = fmt.Errorf("read the version's folder: %w", err)
		}
		m.versions = append(m.versions, v)
	}
	if len(m.versions) == 0 {
		if m.err = conf.wrong; m.err == nil {
			m.err = s.noVersion(f, others, conf.file)
		}
	}
	return m, nil
}

// versionsOf lists the versions in a model's folder, ascending, and the names of the
// folders that are none.
func versionsOf(fsys fs.FS, f folder) (numbers []int64, others []string, err error) {
	if f.bare {
		return []int64{1}, nil, nil
	}
	_, dirs, err := list(fsys, f.path)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range dirs {
		if n, ok := versionNumber(d); ok {
			numbers = append(numbers, n)
		} else {
			others = append(others, d)
		}
	}
	slices.Sort(numbers)
	return numbers, others, nil
}

const notVersion = "not a version, which is a number from 1 up without leading zeros"

func (s scanner) noVersion(f folder, others []string, file string) error {
	text := ""
	if len(others) > 0 {
		text = fmt.Sprintf("; %q is %s", others[0], notVersion)
	}
	return fmt.Errorf("no version folder in %s: put the model into %s%s", s.shown(f.path), path.Join(f.path, "1", file), text)
}

// shown is a path for people.
func (s scanner) shown(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// gate digests what a version is tried against before it serves: golden requests and
// warm-up data, and what the config says about trying. It is no part of the version's
// own digest, since a version that serves is not loaded again for it.
func (s scanner) gate(f folder, version string, conf configFile) (*walk, error) {
	w := newWalk(s.fsys, f.path, nil)
	if conf.model != nil {
		tried, err := json.Marshal(conf.model.ModelWarmup)
		if err != nil {
			return w, err
		}
		w.hash.Write(tried)
		_, _ = fmt.Fprint(w.hash, conf.model.RolloutPlan().AllowSignatureChange)
	}
	places := []string{path.Join(f.path, goldenName), path.Join(f.path, warmupName)}
	if !f.bare {
		places = append(places, path.Join(version, goldenName))
	}
	for _, at := range places {
		info, err := fs.Stat(s.fsys, at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return w, err
		case !info.IsDir():
			continue
		}
		if err := w.folder(at, 1); err != nil {
			return w, err
		}
	}
	return w, nil
}

// version reads one version's folder and returns the folders in it, to be watched.
func (s scanner) version(f folder, number int64, conf configFile) (version, []string, error) {
	v := version{number: number, path: path.Join(f.path, strconv.FormatInt(number, 10)), config: conf.model, err: conf.wrong}
	if f.bare {
		v.path = f.path
	}
	v.file = path.Join(v.path, conf.file)
	w := newWalk(s.fsys, v.path, conf.key)
	w.skip = []string{goldenName}
	if f.bare {
		w.skip = append(w.skip, warmupName, configName, pbtxtName, configsName) // its key says what matters
	}
	if err := w.folder(v.path, 0); err != nil {
		return v, w.dirs, err
	}
	gate, err := s.gate(f, v.path, conf)
	w.dirs = append(w.dirs, gate.dirs...)
	if err != nil {
		return v, w.dirs, err
	}
	v.digest, v.gate, v.changed = w.digest(), gate.digest(), w.changed
	for _, t := range []time.Time{conf.changed, gate.changed} {
		if t.After(v.changed) {
			v.changed = t
		}
	}
	file, there, err := modelFile(s.fsys, v.path, conf.file)
	v.file = file
	switch {
	case v.err != nil:
	case w.wrong != nil:
		v.err = w.wrong
	case !there:
		v.err = fmt.Errorf("no file %s in %s: a version's folder holds its model under this name", conf.file, s.shown(v.path))
	}
	return v, w.dirs, err
}
