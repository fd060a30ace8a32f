package dir

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"galatea/config"
	"galatea/config/pbtxt"
	"galatea/repository"
)

// Names of a model's configuration. A config.yaml counts before a config.pbtxt; a pair
// in the folder configs, named by the server, before both.
const (
	configName  = "config.yaml"
	pbtxtName   = "config.pbtxt"
	configsName = "configs"
	yamlEnd     = ".yaml"
	pbtxtEnd    = ".pbtxt"
)

// maxConfig bounds what is read of a config.
const maxConfig = 1 << 20

// configFile is a model's configuration as a scan takes it.
type configFile struct {
	model   *config.Model // nil when it is wrong
	wrong   error
	file    string // the name of a version's model file
	policy  repository.Policy
	digest  string    // of the whole file
	key     []byte    // changes with everything that a load takes from it
	changed time.Time // when it, or what it names, was last touched
	dirs    []string  // folders to watch, besides the model's
}

// config reads a model's configuration; a model without one has an empty one. An error
// means that it could not be read.
func (s scanner) config(f folder) (configFile, error) {
	c := configFile{file: modelName}
	name, raw, err := s.findConfig(&c, f)
	if err != nil {
		return c, err
	}
	c.key, c.digest = raw, fmt.Sprintf("%x", sha256.Sum256(raw))
	parsed, err := s.parse(name, raw)
	if err == nil {
		parsed, err = parsed.Named(f.name)
	}
	if err != nil {
		c.wrong, c.policy.Unknown = err, true
		return c, nil
	}
	if other, doubled := strings.CutSuffix(name, yamlEnd); doubled {
		there, err := isFile(s.fsys, other+pbtxtEnd)
		if err != nil {
			return c, err
		}
		if there {
			parsed = parsed.Noted(fmt.Sprintf("%s is not read, since there is a %s", path.Base(other)+pbtxtEnd, path.Base(name)))
		}
	}
	c.model = parsed
	c.policy = policyOf(parsed)
	c.key = loadKey(parsed, raw)
	if parsed.DefaultModelFilename != "" {
		c.file = parsed.DefaultModelFilename
	}
	err = c.labels(s.fsys, f.path)
	return c, err
}

// findConfig returns the file that counts, and what is in it; the name of a config.yaml
// without anything when there is none.
func (s scanner) findConfig(c *configFile, f folder) (name string, raw []byte, err error) {
	names := []string{configName, pbtxtName}
	if s.choice != "" {
		at := path.Join(configsName, s.choice)
		names = append([]string{at + yamlEnd, at + pbtxtEnd}, names...)
		c.dirs = append(c.dirs, path.Join(f.path, configsName))
	}
	for _, name := range names {
		name = path.Join(f.path, name)
		raw, found, err := c.read(s.fsys, name)
		if found || err != nil {
			return name, raw, err
		}
	}
	return path.Join(f.path, configName), nil, nil
}

func (s scanner) parse(name string, raw []byte) (*config.Model, error) {
	shown := s.shown(name)
	switch {
	case len(raw) > maxConfig:
		return nil, fmt.Errorf("%s: larger than %d bytes", shown, maxConfig)
	case strings.HasSuffix(name, pbtxtEnd):
		return pbtxt.Parse(shown, raw)
	default:
		return config.ParseModel(shown, raw)
	}
}

// read returns the file, up to a byte more than it may have, and whether it is there.
func (c *configFile) read(fsys fs.FS, name string) (raw []byte, found bool, err error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, false, fmt.Errorf("%s is not a file", name)
	}
	c.changed = changeTime(info)
	file, err := fsys.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = file.Close() }()
	raw, err = io.ReadAll(io.LimitReader(file, maxConfig+1))
	return raw, true, err
}

// labels lets the label files that the configuration names count for a load. That one
// is missing is for the load to say.
func (c *configFile) labels(fsys fs.FS, folder string) error {
	files := c.model.LabelFiles()
	for _, output := range slices.Sorted(maps.Keys(files)) {
		name := path.Join(folder, files[output])
		info, err := fs.Stat(fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		if t := changeTime(info); t.After(c.changed) {
			c.changed = t
		}
		c.key = fmt.Appendf(c.key, "\x00%s\x00%d\x00%d", files[output], info.Size(), info.ModTime().UnixNano())
		c.dirs = append(c.dirs, path.Dir(name))
	}
	return nil
}

func policyOf(c *config.Model) repository.Policy {
	p := repository.Policy{Labels: c.Labels, Rollout: c.RolloutPlan()}
	if c.DefaultVersion != nil {
		p.Default = *c.DefaultVersion
	}
	v := c.VersionPolicy
	switch {
	case v == nil:
	case v.All != nil:
		p.All = true
	case v.Specific != nil:
		p.Specific = v.Specific.Versions
	case v.Latest != nil && v.Latest.NumVersions != nil:
		p.Latest = *v.Latest.NumVersions
	}
	return p
}

// loadKey is what of a config a load depends on: all but what is said about the versions
// as a whole, and about trying them. raw, the file itself, stands in for what cannot be
// written down.
func loadKey(c *config.Model, raw []byte) []byte {
	relevant := *c
	relevant.VersionPolicy, relevant.DefaultVersion, relevant.Labels, relevant.Rollout, relevant.ModelWarmup = nil, nil, nil, nil, nil
	key, err := json.Marshal(&relevant)
	if err != nil {
		return raw
	}
	return key
}
