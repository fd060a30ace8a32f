package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"galatea/internal/process"
)

// model is the one that is called.
const model = "m"

// start starts the server and waits until it is ready.
func (d *demo) start(ctx context.Context) error {
	ports, err := process.FreePorts(ctx, 1)
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	d.base = "http://" + address
	d.server, err = process.Start(ctx, process.Command{
		Args: []string{
			d.binary, "serve", "--model-repository=" + d.models, "--state-dir=" + filepath.Join(d.dir, "state"),
			fmt.Sprintf("--http-port=%d", ports[0]), "--grpc-port=-1", "--metrics-port=-1", "--shutdown-delay=0s",
		},
		Address: address, Ready: "/v2/health/ready",
	})
	if err != nil {
		return fmt.Errorf("the server is not ready: %w", err)
	}
	d.follow(ctx)
	return nil
}

// end ends the server as a service manager does.
func (d *demo) end() error {
	if d.server == nil {
		return nil
	}
	d.following()
	return errors.Join(d.server.Stop(), d.server.Ended())
}

// killAndRestart kills the server, starts it again, and makes sure that the same versions
// serve under the same names.
func (d *demo) killAndRestart(ctx context.Context) error {
	before, err := d.serving(ctx)
	if err == nil {
		err = d.caughtUp(ctx)
	}
	if err != nil {
		return err
	}
	d.following()
	if err := d.server.Kill(); err != nil {
		return err
	}
	d.server = nil
	d.record.restart()
	if err := d.start(ctx); err != nil {
		return err
	}
	same := func() error {
		after, err := d.serving(ctx)
		if err == nil && !before.same(after) {
			err = fmt.Errorf("before the restart %+v served, now %+v", before, after)
		}
		return err
	}
	if err := d.until(ctx, same); err != nil {
		return err
	}
	fmt.Printf("killed and restarted: the same versions serve again: %+v\n", before)
	return nil
}

// state is which versions are ready, and under which names.
type state struct {
	Ready   []int64
	Default int64
	Labels  map[string]int64
}

func (s state) same(as state) bool {
	return s.Default == as.Default && slices.Equal(s.Ready, as.Ready) && maps.Equal(s.Labels, as.Labels)
}

func (d *demo) serving(ctx context.Context) (state, error) {
	var rows []struct {
		Name     string
		Default  int64 `json:"default_version"`
		Labels   map[string]int64
		Versions []struct {
			Version int64
			State   string
		}
	}
	text, status, err := d.get(ctx, "/v2/repository/models")
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(text, &rows)
	}
	if err != nil || len(rows) != 1 {
		return state{}, fmt.Errorf("models: status %d, %s: %w", status, text, err)
	}
	s := state{Default: rows[0].Default, Labels: rows[0].Labels}
	for _, v := range rows[0].Versions {
		if v.State == "READY" {
			s.Ready = append(s.Ready, v.Version)
		}
	}
	return s, nil
}

func (d *demo) get(ctx context.Context, path string) ([]byte, int, error) {
	return d.send(ctx, http.MethodGet, path, nil)
}

func (d *demo) send(ctx context.Context, method, path string, body []byte) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return text, resp.StatusCode, err
}

// patience is how long the server may take to come to rest.
const patience = 60 * time.Second

// until looks until check returns nil.
func (d *demo) until(ctx context.Context, check func() error) error {
	end := time.NewTimer(patience)
	defer end.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-end.C:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// caughtUp waits until all events that there are have been taken down.
func (d *demo) caughtUp(ctx context.Context) error {
	text, status, err := d.get(ctx, "/v2/events")
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("events: status %d: %w", status, err)
	}
	var all struct{ Events []event }
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	return d.until(ctx, func() error {
		d.record.mu.Lock()
		defer d.record.mu.Unlock()
		if n := len(all.Events); n > 0 && d.record.seq < all.Events[n-1].Seq {
			return fmt.Errorf("events up to %d of %d", d.record.seq, all.Events[n-1].Seq)
		}
		return nil
	})
}

// follow takes the server's events down; following ends that.
func (d *demo) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	d.following = func() { cancel(); wg.Wait() }
	wg.Go(func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/v2/events", http.NoBody)
		if err != nil {
			return
		}
		req.Header.Set("Accept", "text/event-stream")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			data, is := strings.CutPrefix(lines.Text(), "data: ")
			var e event
			if is && json.Unmarshal([]byte(data), &e) == nil {
				d.record.event(e)
			}
		}
	})
}

func mkdir(parts ...string) (string, error) {
	path := filepath.Join(parts...)
	return path, os.MkdirAll(path, 0o755)
}
