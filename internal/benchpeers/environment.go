package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"galatea/internal/process"
)

// programs are the peers' programs, and the lists of the packages that they need.
//
//go:embed peers/*.py peers/*.txt
var programs embed.FS

// unpack writes the peers' programs to a folder.
func unpack(dir string) error {
	scripts, err := fs.Sub(programs, "peers")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, scripts)
}

// requirements is the list of a Python environment.
func requirements(name string) (string, error) {
	text, err := programs.ReadFile("peers/" + name + ".txt")
	return string(text), err
}

// releases picks packages with their releases out of a list: "fastapi 1.2, numpy 3.4".
func releases(list string, packages []string) string {
	var found []string
	for _, name := range packages {
		for line := range strings.Lines(list) {
			if release, ok := strings.CutPrefix(strings.TrimSpace(line), name+"=="); ok {
				found = append(found, name+" "+release)
			}
		}
	}
	return strings.Join(found, ", ")
}

// installed is the file in an environment that holds the list it was made of, once all of
// it is there.
const installed = ".installed"

// install makes the Python environment of that name in dir, unless it is there already, of
// the same list. The error says what pip said last.
func install(ctx context.Context, python, dir, name string) error {
	list, err := requirements(name)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(filepath.Join(dir, installed)); err == nil && string(have) == list {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%s: installing %d packages into %s (minutes)\n", name, strings.Count(list, "=="), dir)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Dir(dir), 0o755)); err != nil {
		return err
	}
	if err := quietly(ctx, python, "-m", "venv", dir); err != nil {
		return fmt.Errorf("make a Python environment (-python names another Python): %w", err)
	}
	file := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		return err
	}
	if err := quietly(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "-r", file); err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, installed), []byte(list), 0o600)
}

// quietly runs a program; the error has the end of what it printed.
func quietly(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, process.LastLines(string(out), 4))
	}
	return nil
}
