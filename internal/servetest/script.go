package servetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// script is a script that is played. A step is a line; lines that are indented below
// it say what is expected, and # starts a comment. What the steps are is in the table
// below. A step that follows the word eventually is tried until it succeeds.
type script struct {
	t        testing.TB
	files    map[string][]byte // the archive's
	dir      string            // the working folder of the server
	root     string            // the model repository that is written to
	backend  *Backend
	server   *Server
	startErr error
	calls    *calls
}

// step is a step of a script.
type step struct {
	number  int // of its line
	text    string
	words   []string
	rest    string // all behind the first word
	expects []string
}

// steps are what a script may do:
//
//	model NAME/VERSION GENERATOR [ARG...]                write a model file, whole
//	copy-slowly NAME/VERSION DURATION GENERATOR [ARG...] write it piece by piece; it must not be served before the last
//	corrupt NAME/VERSION                                 write a model file that is none
//	config NAME YAML                                     write a model's config.yaml
//	file PATH FILE                                       write one of the archive's files, below the working folder
//	copy FROM TO                                         copy a folder of the module into the working folder
//	rename FROM TO, remove PATH                          in the model repository
//	link NAME TARGET                                     let a name of the model repository lead elsewhere, in one step
//	read-only                                            take away what is needed to write to the model repository
//	root FOLDER                                          which repository the steps above mean; at first models
//	serve [FLAG...]                                      start a server, with the flags of galatea serve, and
//	                                                     no-watch for one that gets no file system events
//	refused REGEXP                                       the start failed, with this text
//	ready                                                wait until the server is ready
//	reload [REGEXP]                                      read the configuration again; with a text: it is refused
//	hold NAME/VERSION, release NAME/VERSION              keep loads of a version from going on
//	GET PATH, POST PATH [BODY...]                        send a request, below which status, error, json, body,
//	                                                     header and with say what is expected and added
//	answers NAME[/VERSION] version V times K             a model made by scale answers, as this version, with this factor
//	index NAME/VERSION STATE [REGEXP]                    a row of the index; the state absent: there is none
//	metric NAME{LABELS} VALUE                            a metric
//	keep-calling NAME, stop-calling                      call a model made by scale all the time; no call may fail
//	log REGEXP                                           a line of the server's log
//	stop                                                 end the server, which ends cleanly
//	exits REGEXP                                         the server ends by itself, with this text
func steps(name string) func(*script, step) error {
	return map[string]func(*script, step) error{
		"model": (*script).model, "copy-slowly": (*script).copySlowly, "corrupt": (*script).corrupt, "config": (*script).config,
		"file": (*script).file, "copy": (*script).copy, "rename": (*script).rename, "remove": (*script).remove, "root": (*script).setRoot,
		"link": (*script).link, "read-only": (*script).readOnly,
		"serve": (*script).serve, "refused": (*script).refused, "ready": (*script).ready, "reload": (*script).reload,
		"hold": (*script).hold, "release": (*script).release, "stop": (*script).stop, "exits": (*script).exits,
		"GET": (*script).request, "POST": (*script).request, "PUT": (*script).request, "DELETE": (*script).request,
		"answers": (*script).answers, "index": (*script).index, "metric": (*script).metric, "log": (*script).logged,
		"keep-calling": (*script).keepCalling, "stop-calling": (*script).stopCalling,
	}[name]
}

// Run plays a script file. The server that it started has ended when Run returns.
func Run(t testing.TB, path string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, files: map[string][]byte{}, dir: t.TempDir(), root: "models"}
	if s.backend, err = NewBackend(nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		s.files[f.Name] = f.Data
	}
	if err := os.Mkdir(filepath.Join(s.dir, s.root), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(archive.Comment))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, st := range all {
		if err := s.do(st); err != nil {
			s.end()
			t.Fatalf("%s:%d: %s: %v", path, st.number, st.text, err)
		}
	}
	if s.calls != nil {
		t.Errorf("%s: keep-calling without stop-calling", path)
	}
	if s.startErr != nil {
		t.Errorf("%s: the server did not start: %v", path, s.startErr)
	}
	s.end()
}

// end stops what the script started.
func (s *script) end() {
	if s.calls != nil {
		_ = s.calls.stop() // the script has failed already
	}
	if s.server != nil {
		if err := s.server.Stop(); err != nil {
			s.t.Errorf("the server ended with: %v", err)
		}
	}
}

// do does a step, or tries it until it succeeds.
func (s *script) do(st step) error {
	again := st.words[0] == "eventually"
	if again {
		st.words = st.words[1:]
		st.rest = strings.TrimSpace(strings.TrimPrefix(st.rest, st.words[0]))
	}
	f := steps(st.words[0])
	switch {
	case f == nil:
		return errors.New("no such step")
	case s.startErr != nil && st.words[0] != "refused":
		return s.startErr
	case again:
		return eventually(s.t.Context(), func() error { return f(s, st) })
	default:
		return f(s, st)
	}
}

// parse reads the steps of a script.
func parse(text string) ([]step, error) {
	var all []step
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n\t ")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case line != trimmed && len(all) == 0:
			return nil, fmt.Errorf("line %d: indented below nothing", number)
		case line != trimmed:
			last := &all[len(all)-1]
			last.expects = append(last.expects, trimmed)
		default:
			first, rest, _ := strings.Cut(line, " ")
			if first == "eventually" && strings.TrimSpace(rest) == "" {
				return nil, fmt.Errorf("line %d: eventually what?", number)
			}
			all = append(all, step{number: number, text: line, words: strings.Fields(line), rest: strings.TrimSpace(rest)})
		}
	}
	return all, nil
}
