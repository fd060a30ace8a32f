package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"galatea/config"
	"galatea/repository"
)

// Names in a model's folder.
const (
	configName = "config.yaml"
	modelName  = "model.onnx"
)

// Bounds on what a scan reads, against folders that were dropped by mistake.
const (
	maxConfig  = 1 << 20
	maxFiles   = 10_000 // in a version's folder
	maxNesting = 8
)

// folder is a model's folder as found, relative to its root.
type folder struct {
	name string // the model's
	path string
	bare bool // holds the model file itself, as version 1
}

// model is what a scan finds of one model.
type model struct {
	folder
	policy   repository.Policy
	versions []version
	dirs     []string // folders to watch
	err      error    // the model as a whole cannot be served
	bad      bool     // its config is wrong, so policy says nothing
}

// version is what a scan finds of one version.
type version struct {
	number  int64
	path    string
	file    string
	digest  string
	changed time.Time // when something in it was last touched
	config  *config.Model
	err     error
}

// folders lists the models below a root. Three layouts are known: a folder for each
// model; version folders, as a mounted single model has them; and the bare file.
func folders(fsys fs.FS, name string) ([]folder, error) {
	entries, err := readDirs(fsys, ".")
	if err != nil {
		return nil, err
	}
	if isFile(fsys, modelName) {
		return []folder{{name, ".", true}}, nil
	}
	var all []folder
	for _, e := range entries {
		if _, ok := versionNumber(e); ok && isFile(fsys, path.Join(e, modelName)) {
			return []folder{{name, ".", false}}, nil
		}
		all = append(all, folder{e, e, false})
	}
	return all, nil
}

// readDirs lists the folders in a folder, those behind links too. Names that start
// with a dot are nobody's: they are the way to write a folder before renaming it into place.
func readDirs(fsys fs.FS, at string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, at)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := fs.Stat(fsys, path.Join(at, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile, or a link to nothing
		}
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			dirs = append(dirs, e.Name())
		}
	}
	return dirs, nil
}

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

// versionNumber reads a version folder's name: a decimal number from 1 up, without leading zeros.
func versionNumber(name string) (int64, bool) {
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == name
}

// scanModel reads one model's folder. An error means that it could not be read.
func scanModel(root string, fsys fs.FS, f folder) (model, error) {
	m := model{folder: f, dirs: []string{f.path}}
	conf, raw, err := readConfig(root, fsys, f)
	if errors.As(err, new(*fs.PathError)) {
		return m, err
	}
	m.err, m.bad = err, err != nil
	file := modelName
	if conf != nil {
		m.policy = policyOf(conf)
		if conf.DefaultModelFilename != "" {
			file = conf.DefaultModelFilename
		}
		raw = loadKey(conf)
	}
	numbers, err := versionsOf(fsys, f)
	if err != nil {
		return m, err
	}
	for _, n := range numbers {
		v := version{number: n, path: path.Join(f.path, strconv.FormatInt(n, 10)), config: conf, err: m.err}
		if f.bare {
			v.path = f.path
		}
		if err := v.read(fsys, file, raw, f.bare, &m.dirs); err != nil {
			return m, err
		}
		m.versions = append(m.versions, v)
	}
	if len(numbers) == 0 && m.err == nil {
		m.err = fmt.Errorf("no version folder in %s: put the model into %s", filepath.Join(root, f.path), filepath.Join(f.path, "1", file))
	}
	return m, nil
}

func versionsOf(fsys fs.FS, f folder) ([]int64, error) {
	if f.bare {
		return []int64{1}, nil
	}
	dirs, err := readDirs(fsys, f.path)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, d := range dirs {
		if n, ok := versionNumber(d); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// readConfig parses a model's config.yaml; a model without one has an empty one.
// raw is the file as it is, to tell one wrong file from the next.
func readConfig(root string, fsys fs.FS, f folder) (conf *config.Model, raw []byte, err error) {
	name := path.Join(f.path, configName)
	file, err := fsys.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, nil, err
	default:
		raw, err = io.ReadAll(io.LimitReader(file, maxConfig+1))
		_ = file.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	shown := filepath.Join(root, filepath.FromSlash(name))
	if len(raw) > maxConfig {
		return nil, raw[:maxConfig], fmt.Errorf("%s: larger than %d bytes", shown, maxConfig)
	}
	if conf, err = config.ParseModel(shown, raw); err != nil {
		return nil, raw, err
	}
	if conf, err = conf.Named(f.name); err != nil {
		return nil, raw, err
	}
	return conf, raw, nil
}

func policyOf(c *config.Model) repository.Policy {
	p := c.VersionPolicy
	switch {
	case p == nil:
		return repository.Policy{}
	case p.All != nil:
		return repository.Policy{All: true}
	case p.Specific != nil:
		return repository.Policy{Specific: p.Specific.Versions}
	case p.Latest != nil && p.Latest.NumVersions != nil:
		return repository.Policy{Latest: *p.Latest.NumVersions}
	default:
		return repository.Policy{}
	}
}

// loadKey is what of a config a load depends on: all but the version policy.
func loadKey(c *config.Model) []byte {
	relevant := *c
	relevant.VersionPolicy = nil
	key, err := json.Marshal(&relevant)
	if err != nil {
		return []byte(err.Error())
	}
	return key
}

// read digests a version's files: their names, sizes and times of modification, and
// what the load takes from the config.
func (v *version) read(fsys fs.FS, file string, conf []byte, bare bool, dirs *[]string) error {
	hash := sha256.New()
	hash.Write(conf)
	files := 0
	err := v.walk(fsys, v.path, 0, func(name string, info fs.FileInfo) {
		if bare && strings.Contains(name, "/") {
			return
		}
		files++
		_, _ = fmt.Fprintf(hash, "%s\x00%d\x00%d\x00", name, info.Size(), info.ModTime().UnixNano())
	}, dirs)
	if err != nil {
		return err
	}
	v.digest = hex.EncodeToString(hash.Sum(nil))[:16]
	v.file = path.Join(v.path, file)
	switch {
	case v.err != nil:
	case files >= maxFiles:
		v.err = fmt.Errorf("more than %d files in %s: a version's folder holds one model", maxFiles, v.path)
	case !isFile(fsys, v.file):
		v.err = fmt.Errorf("no file %s in %s: a version's folder holds its model under this name", file, v.path)
	}
	return nil
}

// walk calls f for the files below a folder, links followed, and notes the folders and
// the latest touch.
func (v *version) walk(fsys fs.FS, at string, depth int, f func(name string, info fs.FileInfo), dirs *[]string) error {
	if depth > maxNesting {
		return nil
	}
	info, err := fs.Stat(fsys, at)
	if err != nil {
		return err
	}
	v.touch(info)
	if depth == 0 || !slices.Contains(*dirs, at) {
		*dirs = append(*dirs, at)
	}
	entries, err := fs.ReadDir(fsys, at)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || i >= maxFiles {
			continue
		}
		name := path.Join(at, e.Name())
		info, err := fs.Stat(fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case info.IsDir():
			if err := v.walk(fsys, name, depth+1, f, dirs); err != nil {
				return err
			}
		default:
			v.touch(info)
			f(strings.TrimPrefix(strings.TrimPrefix(name, v.path), "/"), info)
		}
	}
	return nil
}

func (v *version) touch(info fs.FileInfo) {
	if t := changeTime(info); t.After(v.changed) {
		v.changed = t
	}
}
