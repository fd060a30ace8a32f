package process_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/internal/process"
)

// variable makes this test's program be the server that it starts: its value is an
// address, or what else it is to do.
const variable = "GALATEA_TEST_PROCESS"

func TestMain(m *testing.M) {
	switch at := os.Getenv(variable); at {
	case "":
		goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
	case "fails":
		fmt.Fprintln(os.Stderr, "no disk")
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "listening")
		server := http.Server{Addr: at, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		_ = server.ListenAndServe()
	}
}

func start(t *testing.T, does string) (*process.Process, error) {
	t.Helper()
	ports, err := process.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	if does == "" {
		does = address
	}
	return process.Start(t.Context(), process.Command{
		Args: []string{os.Args[0]}, Env: []string{variable + "=" + does}, Dir: t.TempDir(),
		Address: address, Ready: "/", Logged: "listening", Times: 1,
	})
}

func TestServerIsReadyAndEnds(t *testing.T) {
	p, err := start(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if p.PID() <= 0 || !strings.Contains(p.Log(), "listening") {
		t.Errorf("process %d says %q", p.PID(), p.Log())
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Ended() == nil {
		t.Error("a program that a signal ended has status 0")
	}
}

func TestServerThatEndsWhileItStartsIsAnErrorWithItsLog(t *testing.T) {
	if _, err := start(t, "fails"); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("got %v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := process.Start(ctx, process.Command{Args: []string{"sleep", "60"}, Dir: t.TempDir(), Address: "127.0.0.1:1", Ready: "/"})
	if err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("got %v", err)
	}
}

func TestLastLinesAreJoinedWithoutEmptyOnes(t *testing.T) {
	if got := process.LastLines("a\n\n  b\n c  \n\n", 2); got != "b | c" {
		t.Errorf("%q", got)
	}
	if got := process.LastLines("", 2); got != "" {
		t.Errorf("%q", got)
	}
	if got := process.LastLines("a", 2); got != "a" {
		t.Errorf("%q", got)
	}
}
