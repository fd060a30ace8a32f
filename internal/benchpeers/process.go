package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	startWithin = 60 * time.Second
	stopWithin  = 15 * time.Second
	askEvery    = 20 * time.Millisecond
)

// process is a running server. It leads a process group, so that nothing of it is left.
type process struct {
	cmd     *exec.Cmd
	log     *os.File
	address string
	ended   chan struct{} // closed when it has ended, after err was set
	err     error
}

// start starts a server in a folder of its own and waits until it is ready.
func start(ctx context.Context, c command, dir string, port int) (*process, error) {
	log, err := os.CreateTemp(dir, "log-")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(c.args[0], c.args[1:]...), log: log, address: fmt.Sprintf("127.0.0.1:%d", port), ended: make(chan struct{})} //nolint:noctx // ended by stop, gently first
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	if err := p.ready(ctx, c); err != nil {
		err = fmt.Errorf("%w; its log ends: %s", err, readTail(log, 4))
		return nil, errors.Join(err, p.stop(false))
	}
	return p, nil
}

// ready waits until the server says that it is.
func (p *process) ready(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		err := p.ask(ctx, c.ready)
		if err == nil && (c.times == 0 || strings.Count(p.text(), c.logged) >= c.times) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended while it started: %w", errors.Join(p.err, errors.New("it did not wait for requests")))
		case <-ctx.Done():
			return fmt.Errorf("it is not ready after %v: %w", startWithin, errors.Join(err, context.Cause(ctx)))
		case <-again.C:
		}
	}
}

// ask gets a path, on a connection that is closed again.
func (p *process) ask(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// text is the log so far.
func (p *process) text() string {
	text, err := io.ReadAll(io.NewSectionReader(p.log, 0, 16<<20))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stop ends the server, as a service manager does, then whatever is left of its group. How
// a server ends is its own business: only one that does not is an error.
func (p *process) stop(logged bool) error {
	defer p.log.Close()
	var late error
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		late = fmt.Errorf("it had not ended %v after it was told to", stopWithin)
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // mostly nobody is left
	<-p.ended
	if logged {
		fmt.Fprintf(os.Stderr, "%s\n", p.text())
	}
	return late
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
