package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"galatea/internal/client"
	"galatea/internal/golden"
)

type goldenCmd struct {
	Record recordCmd `cmd:"" help:"Ask the running server, and make a golden request of the answer."`
}

type recordCmd struct {
	remoteCmd
	Name     string `arg:"" help:"The model."`
	Request  string `arg:"" type:"existingfile" help:"File of the request in JSON, as it is sent to .../infer; - is the input."`
	CaseName string `name:"name" placeholder:"CASE" help:"The case's name; --dir needs one."`
	Version  int64  `placeholder:"N" help:"Ask this version. (default: the one that answers)"`
	Dir      string `placeholder:"DIR" help:"Model repository to write NAME/golden/CASE.json into. (default: print it)"`
	Force    bool   `help:"Replace a case that is there."`
}

// Help is shown below the command's own line.
func (*recordCmd) Help() string {
	return `Every version that is to go live has to answer a golden request as it was recorded. Add
tolerances, or labels instead of numbers, to the file by hand. Examples:

  galatea golden record digits model_repo/.examples/digits.json
  galatea golden record digits model_repo/.examples/digits.json --name=three --dir=model_repo`
}

// Validate is called by kong.
func (c *recordCmd) Validate() error {
	switch {
	case c.Version < 0:
		return fmt.Errorf("--version=%d: expected a number from 1 up", c.Version)
	case c.Dir != "" && c.CaseName == "":
		return errors.New("--dir needs a --name for the case")
	case c.CaseName != "" && !plainName(c.CaseName):
		return fmt.Errorf("--name=%q: expected the name of a file, without folders, that does not start with a dot", c.CaseName)
	case c.Dir != "" && !plainName(c.Name):
		return fmt.Errorf("%q is no folder of %s", c.Name, c.Dir)
	}
	return nil
}

func plainName(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00")
}

// Run records a case.
func (c *recordCmd) Run(ctx context.Context) error {
	server, err := c.connect()
	if err != nil {
		return err
	}
	to, err := c.file()
	if err != nil {
		return err
	}
	request, err := readRequest(c.Request)
	if err != nil {
		return err
	}
	answer, err := server.Infer(ctx, client.Which{Name: c.Name, Version: c.Version}, request)
	if err != nil {
		return err
	}
	recorded, err := golden.RecordJSON(request, answer)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Request, err)
	}
	if to == "" {
		_, err = os.Stdout.Write(recorded)
		return err
	}
	if err := writeWhole(to, recorded); err != nil {
		return err
	}
	_, err = fmt.Printf("wrote %s\n", to)
	return err
}

// file returns where the case is written, "" for nowhere. It is asked before the server is,
// so that nobody is asked in vain.
func (c *recordCmd) file() (string, error) {
	if c.Dir == "" {
		return "", nil
	}
	model := filepath.Join(c.Dir, c.Name)
	if info, err := os.Stat(model); err != nil || !info.IsDir() {
		return "", fmt.Errorf("no folder %s: expected the model repository as --dir", model)
	}
	to := filepath.Join(model, golden.Folder, strings.TrimSuffix(c.CaseName, ".json")+".json")
	_, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && c.Force:
		return to, nil
	case err == nil:
		return "", fmt.Errorf("%s is there already: choose another --name, or replace it with --force", to)
	default:
		return "", err
	}
}

func readRequest(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// writeWhole writes a file that is there whole or not at all; one that it replaces keeps its
// mode. Until then its name starts with a dot, which is nobody's for the server.
func writeWhole(to string, data []byte) error {
	dir, base := filepath.Split(to)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(to); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is wrong is said
	}
	return err
}
