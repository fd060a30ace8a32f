package dir

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// layout says how a root holds models.
type layout uint8

const (
	many      layout = iota // a folder for each model
	versioned               // the root is a model's folder, as a mounted single model has it
	bare                    // the root holds the model file itself, as version 1
)

// folder is a model's folder, relative to its root.
type folder struct {
	name string // the model's
	path string
	bare bool // holds the model file itself, as version 1
}

// prober looks what is in a root, and remembers whether it could see everything.
type prober struct {
	fsys fs.FS
	err  error // of a look that failed
	top  error // of one into the root itself
}

// layout tells a root's layout. A file that was dropped at the wrong place does not
// change it: while there is a folder with a version in it, the root holds many models;
// and a root that was one model, as was says, stays one until there is such a folder.
func (p *prober) layout(entries, dirs []string, was layout) layout {
	switch {
	case slices.ContainsFunc(dirs, p.holdsVersion):
		return many
	case p.isFile(modelName):
		return bare
	case slices.ContainsFunc(dirs, func(d string) bool { return isVersion(d) && p.holdsModel(d) }):
		return versioned
	case was != many && len(entries) > 0:
		return was
	case !p.isFile(configName) && !p.isFile(pbtxtName):
		return many
	case slices.ContainsFunc(dirs, isVersion):
		return versioned
	default:
		return bare
	}
}

func (p *prober) isFile(name string) bool {
	is, err := isFile(p.fsys, name)
	p.err = cmp.Or(p.err, err)
	if path.Dir(name) == "." {
		p.top = cmp.Or(p.top, err)
	}
	return is
}

// holdsVersion reports whether a folder has a version folder in it.
func (p *prober) holdsVersion(dir string) bool {
	_, dirs, err := list(p.fsys, dir)
	if !errors.Is(err, fs.ErrNotExist) {
		p.err = cmp.Or(p.err, err)
	}
	return slices.ContainsFunc(dirs, isVersion)
}

// holdsModel reports whether a version's folder has its model in it.
func (p *prober) holdsModel(dir string) bool {
	_, there, err := modelFile(p.fsys, dir, modelName)
	p.err = cmp.Or(p.err, err)
	return there
}

// folders lists the models below a root, whose own name is for a model that it is
// itself. was is the layout that it had, if it is known: it holds on while not
// everything can be seen. A root without anything in it has no models, whatever it was.
func folders(fsys fs.FS, name string, was layout, known bool) ([]folder, layout, error) {
	entries, dirs, err := list(fsys, ".")
	if err != nil || len(entries) == 0 {
		return nil, was, err
	}
	p := prober{fsys: fsys}
	l := p.layout(entries, dirs, was)
	switch {
	case p.err != nil && known:
		l = was
	case p.top != nil:
		return nil, was, p.top
	}
	if l != many {
		return []folder{{name, ".", l == bare}}, l, nil
	}
	all := make([]folder, len(dirs))
	for i, d := range dirs {
		all[i] = folder{d, d, false}
	}
	return all, l, nil
}

// list returns a folder's entries, and those of them that are folders, behind links
// too. Names that start with a dot are nobody's: they are the way to write a folder
// before renaming it into place. A link that cannot be followed counts as a folder,
// for whoever reads it to say why; one that leads nowhere does not count.
func list(fsys fs.FS, at string) (entries, dirs []string, err error) {
	found, err := fs.ReadDir(fsys, at)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range found {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "lost+found" {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(fsys, path.Join(at, e.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			isDir = err != nil || info.IsDir()
		}
		entries = append(entries, e.Name())
		if isDir {
			dirs = append(dirs, e.Name())
		}
	}
	return entries, dirs, nil
}

// isFile reports whether there is a file of this name, behind a link too.
func isFile(fsys fs.FS, name string) (bool, error) {
	info, err := fs.Stat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Mode().IsRegular(), err
}

// modelFile returns the file of a version's model, and whether it is there: the one of
// the name, or one of the same name in a folder of the name, beside its external data.
func modelFile(fsys fs.FS, dir, name string) (file string, there bool, err error) {
	file = path.Join(dir, name)
	info, err := fs.Stat(fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file, false, nil
	case err != nil || !info.IsDir():
		return file, err == nil && info.Mode().IsRegular(), err
	}
	inside := path.Join(file, name)
	if there, err = isFile(fsys, inside); there {
		file = inside
	}
	return file, there, err
}

func isVersion(name string) bool {
	_, ok := versionNumber(name)
	return ok
}

// versionNumber reads a version folder's name: a decimal number from 1 up, without leading zeros.
func versionNumber(name string) (int64, bool) {
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == name
}
