package process

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
	stopWithin  = 20 * time.Second
	askEvery    = 20 * time.Millisecond
)

// Command is how a server is started, and how it says that it is ready.
type Command struct {
	Args    []string // the program first
	Env     []string // besides this process's
	Dir     string   // its folder, and its log's; "": this process's, and the log's is a temporary one
	Address string   // that it is asked at
	Ready   string   // a path that answers 200
	Logged  string   // unless empty, a text that the log has to hold so many Times, too
	Times   int
}

// Process is a running server. It leads a process group.
type Process struct {
	Address string

	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{} // closed when it has ended, after err was set
	err   error
}

// Start starts a server and waits until it is ready. The caller ends it with Stop or Kill.
func Start(ctx context.Context, c Command) (*Process, error) {
	log, err := os.CreateTemp(c.Dir, "log-")
	if err != nil {
		return nil, err
	}
	p := &Process{Address: c.Address, cmd: exec.Command(c.Args[0], c.Args[1:]...), log: log, ended: make(chan struct{})} //nolint:noctx // ended by Stop, gently first
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.Dir, log, log
	p.cmd.Env = append(p.cmd.Environ(), c.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, p.forget())
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	if err := p.ready(ctx, c); err != nil {
		err = fmt.Errorf("%w; its log ends: %s", err, p.Tail(4))
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// ready waits until the server says that it is.
func (p *Process) ready(ctx context.Context, c Command) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		err := p.ask(ctx, c.Ready)
		if err == nil && (c.Times == 0 || strings.Count(p.Log(), c.Logged) >= c.Times) {
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
func (p *Process) ask(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+path, http.NoBody)
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

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is what the server has written so far; after its end, nothing.
func (p *Process) Log() string {
	text, err := io.ReadAll(io.NewSectionReader(p.log, 0, 16<<20))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail is the last lines of the Log, as one line.
func (p *Process) Tail(lines int) string { return LastLines(p.Log(), lines) }

// LastLines is the last lines of a text, those without words left out, as one line.
func LastLines(text string, n int) string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return strings.Join(all[max(0, len(all)-n):], " | ")
}

// Stop ends the server, as a service manager does, then whatever is left of its group.
// Only one that does not end by itself is an error; Ended tells how it did.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.Kill()
	case <-timer.C:
		return errors.Join(fmt.Errorf("it had not ended %v after it was told to", stopWithin), p.Kill())
	}
}

// Ended is how the server ended, after Stop or Kill: nil is with status 0.
func (p *Process) Ended() error { return p.err }

// Kill ends the server and its group at once.
func (p *Process) Kill() error {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // mostly nobody is left
	<-p.ended
	return p.forget()
}

// forget closes the log, and removes it.
func (p *Process) forget() error {
	return errors.Join(p.log.Close(), os.Remove(p.log.Name()))
}

// FreePorts finds ports of loopback that nobody listens on.
func FreePorts(ctx context.Context, n int) (ports []int, err error) {
	var held []net.Listener
	for range n {
		l, listenErr := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if listenErr != nil {
			err = listenErr
			break
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range held {
		err = errors.Join(err, l.Close())
	}
	return ports, err
}
