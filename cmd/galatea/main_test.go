package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/internal/onnxtest"
)

// asGalatea makes the test binary be galatea itself, so that exit codes, signals and
// streams are the real ones.
const asGalatea = "GALATEA_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asGalatea) != "" {
		os.Exit(run(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// library is the one that make onnxruntime brought.
func library(t *testing.T) string {
	t.Helper()
	matches, err := filepath.Glob("../../.onnxruntime/*/*/libonnxruntime.*")
	if err != nil || len(matches) == 0 {
		t.Fatal("no ONNX Runtime: run `make onnxruntime`")
	}
	path, err := filepath.Abs(matches[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func galatea(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asGalatea+"=1")
	return cmd
}

// output runs a command that ends by itself.
func output(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err strings.Builder
	cmd := galatea(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

func TestVersion(t *testing.T) {
	out, _, code := output(t, "version")
	if code != 0 || !strings.HasPrefix(out, "galatea dev (ONNX Runtime ") {
		t.Errorf("got %d: %s", code, out)
	}
}

func TestMistakesAreOneLine(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"an unknown flag", []string{"serve", "--model-repo=x"}, 2, "did you mean \"--model-repository\""},
		{"no repository", []string{"serve"}, 2, "--model-repository"},
		{"a mode that there is not", []string{"serve", "--model-repository=.", "--model-control-mode=push"}, 2, "explicit"},
		{"a time that is negative", []string{"serve", "--model-repository=.", "--grpc-keepalive-time=-1s"}, 2, "--grpc-keepalive-time: expected a time of 0 or more, got -1s"},
		{"a repository that there is not", []string{"serve", "--model-repository=/nowhere", "--onnxruntime-library=" + library(t)}, 1, "--model-repository"},
		{"a library that there is not", []string{"serve", "--model-repository=.", "--onnxruntime-library=/nowhere.so"}, 1, "make onnxruntime"},
		{"a port that is taken", []string{"serve", "--model-repository=" + t.TempDir(), "--http-port=" + port, "--grpc-port=-1", "--metrics-port=-1", "--onnxruntime-library=" + library(t)}, 1, "is in use: end what listens there, or name another port with --http-port"},
		{"a restriction that is none", []string{"serve", "--model-repository=.", "--http-restricted-api=inference", "--onnxruntime-library=" + library(t)}, 1, "--http-restricted-api: \"inference\": expected CATEGORY[,CATEGORY...]:HEADER=VALUE"},
		{"a category that there is not", []string{"serve", "--model-repository=.", "--grpc-restricted-protocol=inferences:k=v", "--onnxruntime-library=" + library(t)}, 1, "--grpc-restricted-protocol: \"inferences:k=v\": unknown category"},
		{"a file that is no model", []string{"inspect", "main.go"}, 1, "not an ONNX model"},
		{"a repository that is nowhere to be checked", []string{"check", "--onnxruntime-library=" + library(t), "/nowhere"}, 1, "expected a folder of models"},
		{"a command without what it needs", []string{"golden", "record"}, 2, "see galatea golden record --help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, text, code := output(t, tt.args...)
			if code != tt.code || !strings.HasPrefix(text, "galatea: ") || !strings.Contains(text, tt.says) || strings.Count(text, "\n") != 1 {
				t.Errorf("got %d: %s", code, text)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "good", 1, onnxtest.Scale(2))
	onnxtest.Version(t, root, "mixes", 1, onnxtest.Centre())
	out, text, code := output(t, "check", "--onnxruntime-library="+library(t), root)
	if code != 0 || !regexp.MustCompile(`(?m)^good/1 +ok .*batching: on`).MatchString(out) || !regexp.MustCompile(`(?m)^mixes/1 +ok .*batching: off, since`).MatchString(out) {
		t.Errorf("got %d: %s%s", code, out, text)
	}
	onnxtest.Write(t, filepath.Join(root, "good", "config.yaml"), []byte("max_batchsize: 3\n"))
	onnxtest.Write(t, filepath.Join(root, "broken", "1", "model.onnx"), []byte("not a model"))
	onnxtest.Write(t, filepath.Join(root, "empty", "readme.txt"), []byte("no version here"))
	out, text, code = output(t, "check", "--onnxruntime-library="+library(t), root)
	for _, line := range []string{
		`(?m)^good/1 +ERROR .*config.yaml:1: .*did you mean "max_batch_size"`,
		`(?m)^broken/1 +ERROR .*not an ONNX model`,
		`(?m)^empty +ERROR .*no version folder`,
		`(?m)^mixes/1 +ok`,
		`(?m)^3 of 4 would not be served`,
	} {
		if !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("no line %s", line)
		}
	}
	if code != 1 || text != "" || t.Failed() {
		t.Errorf("got %d: %s%s", code, out, text)
	}
}

func TestCheckOfAModelInTwoRepositories(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	onnxtest.Version(t, one, "m", 1, onnxtest.Scale(2))
	onnxtest.Version(t, two, "m", 2, onnxtest.Scale(2))
	out, _, code := output(t, "check", "--onnxruntime-library="+library(t), one, two)
	if code != 1 || strings.Count(out, "model appears in two or more repositories") != 2 {
		t.Errorf("got %d: %s", code, out)
	}
}

func TestInspect(t *testing.T) {
	out, text, code := output(t, "inspect", "../../model_repo/digits/2/model.onnx")
	for _, part := range []string{"image", "tensor(float)", "[batch,8,8]", "opset", "# config.yaml", "name: digits", "TYPE_FP32"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q", part)
		}
	}
	if code != 0 || t.Failed() {
		t.Errorf("got %d: %s%s", code, out, text)
	}
}

// server is a running galatea serve.
type server struct {
	*exec.Cmd
	addr, grpc string           // where it listens
	log        *strings.Builder // to be read after end
	read       chan struct{}    // closed when all of the log has been read
}

// serve starts a server over a repository of one model and waits until it is ready.
func serve(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	root := t.TempDir()
	onnxtest.Version(t, root, "slow", 1, onnxtest.SlowBy())
	s := &server{log: &strings.Builder{}, read: make(chan struct{})}
	s.Cmd = galatea(t, append([]string{"serve", "--model-repository=" + root, "--http-port=0", "--grpc-port=0", "--metrics-port=-1", "--onnxruntime-library=" + library(t)}, args...)...)
	s.Env = append(s.Env, env...)
	stderr, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan []string, 1)
	go s.follow(stderr, ready)
	select {
	case addrs := <-ready:
		if addrs == nil {
			t.Fatalf("it ended: %s", s.log)
		}
		s.addr, s.grpc = addrs[1], addrs[2]
	case <-time.After(time.Minute):
		t.Fatal("not ready within a minute")
	}
	return s
}

var listening = regexp.MustCompile(`msg=listening http=(\S+) grpc=(\S+)`)

func (s *server) follow(stderr io.Reader, ready chan<- []string) {
	defer close(s.read)
	defer close(ready)
	var addrs []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		s.log.WriteString(line + "\n")
		if m := listening.FindStringSubmatch(line); m != nil {
			addrs = m
		}
		if strings.Contains(line, "msg=ready versions=") {
			ready <- addrs
		}
	}
}

// end waits for the process and returns its state.
func (s *server) end() *os.ProcessState {
	<-s.read
	_ = s.Wait() // how it ended is in the state
	return s.ProcessState
}

// ask runs the slow model for about n milliseconds and returns the status.
func (s *server) ask(ctx context.Context, n int) (int, error) {
	body := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[%d]}]}`, n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/v2/models/slow/infer", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestFirstSignalLetsRequestsFinish(t *testing.T) {
	s := serve(t, nil, "--shutdown-delay=100ms")
	answered := make(chan error, 1)
	go func() {
		status, err := s.ask(t.Context(), 300)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		answered <- err
	}()
	waitForRun(t, s)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if state := s.end(); state.ExitCode() != 0 || !strings.Contains(s.log.String(), "msg=stopped") {
		t.Errorf("ended with %v: %s", state, s.log)
	}
}

// waitForRun waits until a request has arrived: the statistics count it as pending or running.
func waitForRun(t *testing.T, s *server) {
	t.Helper()
	// A second request of the same kind would queue behind the first; a metadata
	// request answers at once, and by then the first has been accepted.
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+"/v2/models/slow/stats", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	s := serve(t, nil, "--shutdown-delay=10m")
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The first one is taken when ready has turned false.
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+"/v2/health/ready", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			break
		}
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status, ok := s.end().Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", s.ProcessState)
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	s := serve(t, []string{"NOTIFY_SOCKET=" + path}, "--shutdown-delay=0s")
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if state := s.end(); state.ExitCode() != 0 {
		t.Errorf("ended with %v: %s", state, s.log)
	}
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		buffer := make([]byte, 100)
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Errorf("got %q, %v, want %q", buffer[:n], err, want)
		}
	}
}

func TestHangupReadsTheFileAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "galatea.yaml")
	onnxtest.Write(t, file, []byte("log: {verbose: 0}\n"))
	s := serve(t, nil, "--shutdown-delay=0s", "--config="+file)
	onnxtest.Write(t, file, []byte("log: {verbos: 1}\n"))
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if status, err := s.ask(t.Context(), 1); err != nil || status != http.StatusOK {
		t.Errorf("after a wrong file: %d, %v", status, err)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	state := s.end()
	if log := s.log.String(); state.ExitCode() != 0 || !strings.Contains(log, "the configuration stays as it was") || !strings.Contains(log, `did you mean \"verbose\"`) {
		t.Errorf("ended with %v: %s", state, log)
	}
}
