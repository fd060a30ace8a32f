package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galatea/config/pbtxt"
)

type convertCmd struct {
	Path  []string `arg:"" name:"path" placeholder:"DIR|FILE" help:"A config.pbtxt, the folder of a model that has one, or a repository of such models."`
	Write bool     `help:"Write each config.yaml beside its config.pbtxt, unless one is there. (default: print them)"`
}

// Help is shown below the command's own line.
func (*convertCmd) Help() string {
	return `What of a config.pbtxt does not count stands in comments. A config.yaml counts before a
config.pbtxt. Examples:

  galatea convert /models/simple/config.pbtxt
  galatea convert --write /models`
}

const (
	pbtxtEnd = ".pbtxt"
	yamlEnd  = ".yaml"
)

// Run converts all files that can be, and fails when one cannot.
func (c *convertCmd) Run() error {
	var files []string
	for _, path := range c.Path {
		found, err := pbtxts(path)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	failed := false
	another := false
	for _, file := range files {
		if err := c.convert(file, another); err != nil {
			fmt.Fprintf(os.Stderr, "galatea: %v\n", err)
			failed = true
			continue
		}
		another = true
	}
	if failed {
		return errFailed
	}
	return nil
}

// pbtxts lists the files that a path stands for: itself, or those of a model's folder, or
// those of the models in a repository.
func pbtxts(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if filepath.Ext(path) != pbtxtEnd {
			return nil, fmt.Errorf("%s: expected a file whose name ends with %s, or a folder", path, pbtxtEnd)
		}
		return []string{path}, nil
	}
	var all []string
	for _, below := range []string{".", "*"} {
		for _, name := range []string{"config" + pbtxtEnd, filepath.Join("configs", "*"+pbtxtEnd)} {
			found, err := fs.Glob(os.DirFS(path), filepath.ToSlash(filepath.Join(below, name)))
			if err != nil {
				return nil, err
			}
			for _, one := range found {
				all = append(all, filepath.Join(path, filepath.FromSlash(one)))
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no config%s in it, or in a folder in it", path, pbtxtEnd)
	}
	slices.Sort(all)
	return all, nil
}

// convert converts one file; another one was printed before it.
func (c *convertCmd) convert(file string, another bool) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m, err := pbtxt.Parse(file, data)
	if err != nil {
		return err
	}
	if c.Write {
		return create(strings.TrimSuffix(file, pbtxtEnd)+yamlEnd, m.YAML())
	}
	separator := ""
	if another {
		separator = "---\n"
	}
	_, err = fmt.Printf("%s# %s\n%s", separator, strings.TrimSuffix(file, pbtxtEnd)+yamlEnd, m.YAML())
	return err
}

// create writes a file that must not be there.
func create(file string, text []byte) error {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s is there already: remove it, or leave --write out", file)
		}
		return err
	}
	if err := writeWhole(file, text); err != nil {
		return err
	}
	_, err := fmt.Println(file)
	return err
}
