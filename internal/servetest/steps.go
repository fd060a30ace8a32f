package servetest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"galatea/config"
	"galatea/internal/onnxtest"
	"galatea/repository"
)

// garbage begins like no model.
const garbage = "this is no model, whatever its name says"

// need returns the words behind the first one, which must be at least n.
func (st step) need(n int) ([]string, error) {
	args := st.words[1:]
	if len(args) < n {
		return nil, fmt.Errorf("expected %d words behind it", n)
	}
	return args, nil
}

// at is a path in the model repository.
func (s *script) at(parts ...string) string {
	return filepath.Join(append([]string{s.dir, s.root}, parts...)...)
}

func (s *script) model(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	m, err := build(args[1:])
	if err != nil {
		return err
	}
	return onnxtest.WriteFile(s.at(args[0], "model.onnx"), m)
}

func (s *script) corrupt(st step) error {
	args, err := st.need(1)
	if err != nil {
		return err
	}
	return onnxtest.WriteFile(s.at(args[0], "model.onnx"), []byte(garbage))
}

func (s *script) config(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(strings.TrimPrefix(st.rest, args[0]))
	return onnxtest.WriteFile(s.at(args[0], "config.yaml"), []byte(strings.ReplaceAll(text, `\n`, "\n")+"\n"))
}

func (s *script) file(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	data, known := s.files[args[1]]
	if !known {
		return fmt.Errorf("the archive has no file %q", args[1])
	}
	return onnxtest.WriteFile(filepath.Join(s.dir, args[0]), data)
}

func (s *script) copy(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	module, err := ModuleRoot()
	if err != nil {
		return err
	}
	to := filepath.Join(s.dir, args[1])
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) { // the empty repository
		return err
	}
	return os.CopyFS(to, os.DirFS(filepath.Join(module, args[0])))
}

func (s *script) rename(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	return os.Rename(s.at(args[0]), s.at(args[1]))
}

// remove takes a file or a folder away, also one that the server is just writing into.
func (s *script) remove(st step) error {
	args, err := st.need(1)
	if err != nil {
		return err
	}
	for range 10 {
		if err = os.RemoveAll(s.at(args[0])); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

func (s *script) link(st step) error {
	args, err := st.need(2)
	if err != nil {
		return err
	}
	next := s.at(".next")
	if err := os.Symlink(args[1], next); err != nil {
		return err
	}
	return os.Rename(next, s.at(args[0]))
}

// readOnly lets nobody but root write; the end of the test gives it back.
func (s *script) readOnly(step) error {
	return filepath.WalkDir(s.at(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode, back := fs.FileMode(0o444), fs.FileMode(0o644)
		if d.IsDir() {
			mode, back = 0o555, 0o755
		}
		s.t.Cleanup(func() { _ = os.Chmod(path, back) })
		return os.Chmod(path, mode)
	})
}

func (s *script) setRoot(st step) error {
	args, err := st.need(1)
	if err != nil {
		return err
	}
	s.root = args[0]
	return os.MkdirAll(s.at(), 0o755)
}

// copySlowly writes a model piece by piece. Before each piece, the last one too, the
// version must not be ready; and meanwhile the index must say what it waits for.
func (s *script) copySlowly(st step) error {
	args, err := st.need(3)
	if err != nil {
		return err
	}
	took, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	m, err := build(args[2:])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.at(args[0]), 0o755); err != nil {
		return err
	}
	f, err := os.Create(s.at(args[0], "model.onnx"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	const pace = settle / 2
	pieces := max(2, int(took/pace))
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	said := false
	for piece := range slices.Chunk(m, (len(m)+pieces-1)/pieces) {
		<-ticker.C
		row, err := s.row(args[0])
		if err != nil {
			return err
		}
		if row.State == repository.StateReady {
			return errors.New("it is ready before it is whole")
		}
		said = said || row.State == repository.StateLoading && row.Reason == "waiting until its files stop changing"
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
	if !said {
		return errors.New("the index has not said what it waits for")
	}
	return f.Close()
}

// serve starts the server with flags that are named like those of galatea serve.
func (s *script) serve(st step) error {
	o := Options{Backend: s.backend}
	var pollSecs, verbose int
	var maxInput int64
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("model-repository", "", func(dir string) error {
		o.Repositories = append(o.Repositories, filepath.Join(s.dir, dir))
		return nil
	})
	flags.Func("load-model", "", func(name string) error {
		o.LoadModels = append(o.LoadModels, name)
		return nil
	})
	flags.Func("config", "", func(path string) error {
		o.ConfigFile = filepath.Join(s.dir, path)
		return nil
	})
	flags.StringVar((*string)(&o.Control), "model-control-mode", "poll", "")
	flags.Func("state-dir", "", func(dir string) error {
		o.StateDir = filepath.Join(s.dir, dir)
		return nil
	})
	flags.StringVar(&o.DefaultModelName, "default-model-name", "", "")
	flags.StringVar(&o.ModelConfigName, "model-config-name", "", "")
	flags.IntVar(&pollSecs, "repository-poll-secs", 0, "")
	flags.Int64Var(&maxInput, "http-max-input-size", 0, "")
	flags.IntVar(&verbose, "log-verbose", 0, "")
	flags.BoolVar(&o.ExitOnError, "exit-on-error", false, "")
	flags.BoolVar(&o.StrictReadiness, "strict-readiness", false, "")
	flags.DurationVar(&o.ShutdownDelay, "shutdown-delay", 0, "")
	words := slices.DeleteFunc(slices.Clone(st.words[1:]), func(w string) bool {
		o.NoWatch = o.NoWatch || w == "no-watch"
		return w == "no-watch"
	})
	if err := flags.Parse(words); err != nil {
		return err
	}
	if !slices.Contains([]repository.Mode{repository.ModeNone, repository.ModePoll, repository.ModeExplicit}, o.Control) || flags.NArg() > 0 {
		return fmt.Errorf("no such mode, or %q behind the flags", flags.Args())
	}
	if len(o.Repositories) == 0 {
		o.Repositories = []string{s.at()}
	}
	o.Override = func(c *config.Server) {
		if pollSecs > 0 {
			c.Repository.Poll = time.Duration(pollSecs) * time.Second
		}
		c.Log.Verbose = max(c.Log.Verbose, verbose)
		if maxInput > 0 {
			c.HTTP.MaxInputSize = config.Size(maxInput)
		}
	}
	s.server, s.startErr = TryStart(s.t, o)
	return nil
}

func (s *script) refused(st step) error {
	if s.startErr == nil {
		return errors.New("the server has started")
	}
	err := matches(s.startErr.Error(), st.rest)
	s.startErr = nil
	return err
}

func matches(text, pattern string) error {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if !r.MatchString(text) {
		return fmt.Errorf("got %q, want %s", text, pattern)
	}
	return nil
}

func (s *script) ready(step) error {
	s.server.Ready()
	return nil
}

func (s *script) reload(st step) error {
	err := s.server.App.Reload()
	switch {
	case st.rest == "":
		return err
	case err == nil:
		return errors.New("the configuration was applied")
	default:
		return matches(err.Error(), st.rest)
	}
}

func (s *script) hold(st step) error {
	args, err := st.need(1)
	if err == nil {
		s.backend.Hold(args[0])
	}
	return err
}

func (s *script) release(st step) error {
	args, err := st.need(1)
	if err == nil {
		s.backend.Release(args[0])
	}
	return err
}

func (s *script) stop(step) error { return s.server.Stop() }

func (s *script) exits(st step) error {
	if err := s.server.Ended(); err == nil {
		return errors.New("the server ended without an error")
	}
	return matches(s.server.Stop().Error(), st.rest)
}

func (s *script) logged(st step) error { return matches(s.server.Log(), "(?m)"+st.rest) }
