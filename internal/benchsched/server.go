package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"galatea/internal/gauge"
)

const (
	startWithin = time.Minute
	stopWithin  = 20 * time.Second
	askEvery    = 20 * time.Millisecond
)

// server is a running galatea serve.
type server struct {
	cmd              *exec.Cmd
	address, metrics string
	ended            chan error
}

// serve starts a server over a repository and waits until all of it is ready.
func serve(ctx context.Context, s settings, repository string) (*server, error) {
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	args := []string{
		"serve", "--model-repository=" + repository, "--http-port=" + strconv.Itoa(ports[0]), "--metrics-port=" + strconv.Itoa(ports[1]),
	}
	if s.library != "" {
		args = append(args, "--onnxruntime-library="+s.library)
	}
	at := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	v := &server{cmd: exec.Command(s.binary, args...), address: at(ports[0]), metrics: at(ports[1]), ended: make(chan error, 1)} //nolint:noctx // ended by stop, gently first
	var log strings.Builder
	v.cmd.Stderr = &log
	if err := v.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: make build makes it", err)
	}
	go func() { v.ended <- v.cmd.Wait() }()
	if err := v.ready(ctx); err != nil {
		err = errors.Join(err, v.stop())
		return nil, fmt.Errorf("%w; its log: %s", err, log.String())
	}
	return v, nil
}

// freePorts finds ports that nobody listens on.
func freePorts(ctx context.Context, n int) (ports []int, err error) {
	var held []net.Listener
	for range n {
		var c net.ListenConfig
		l, listenErr := c.Listen(ctx, "tcp", "127.0.0.1:0")
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

func (v *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		_, err := get(ctx, "http://"+v.address+"/v2/health/ready")
		if err == nil {
			return nil
		}
		select {
		case err := <-v.ended:
			v.ended <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready after %v: %w", startWithin, err)
		case <-again.C:
		}
	}
}

// stop ends the server, as a service manager does.
func (v *server) stop() error {
	_ = v.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-v.ended:
		return err
	case <-timer.C:
		_ = v.cmd.Process.Kill()
		return errors.Join(errors.New("the server did not end by itself"), <-v.ended)
	}
}

func get(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", url, resp.StatusCode, body)
	}
	return string(body), err
}

// series returns the values of the metrics whose line begins so, by the rest of their
// name and labels.
func (v *server) series(ctx context.Context, begins string) (map[string]float64, error) {
	text, err := get(ctx, "http://"+v.metrics+"/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		rest, is := strings.CutPrefix(strings.TrimSpace(line), begins)
		if !is {
			continue
		}
		name, value, _ := strings.Cut(rest, " ")
		if i := strings.LastIndex(rest, "} "); i >= 0 {
			name, value = rest[:i+1], rest[i+2:]
		}
		if all[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// resident is the server's memory, in bytes.
func (v *server) resident() (int64, error) {
	f, err := gauge.Tree(v.cmd.Process.Pid)
	return f.Resident, err
}
