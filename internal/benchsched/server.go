package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"galatea/internal/gauge"
	"galatea/internal/process"
)

// server is a running galatea serve.
type server struct {
	*process.Process
	metrics string // address
}

// serve starts a server over a repository and waits until all of it is ready.
func serve(ctx context.Context, s settings, repository string) (*server, error) {
	ports, err := process.FreePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	at := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	c := process.Command{
		Args: []string{
			s.binary, "serve", "--model-repository=" + repository, "--http-port=" + strconv.Itoa(ports[0]), "--grpc-port=-1", "--metrics-port=" + strconv.Itoa(ports[1]),
		},
		Address: at(ports[0]), Ready: "/v2/health/ready",
	}
	if s.library != "" {
		c.Args = append(c.Args, "--onnxruntime-library="+s.library)
	}
	p, err := process.Start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes the server)", err)
	}
	return &server{p, at(ports[1])}, nil
}

// stop ends the server.
func (v *server) stop() error { return errors.Join(v.Stop(), v.Ended()) }

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
	f, err := gauge.Tree(v.PID())
	return f.Resident, err
}
