package servetest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
)

const scaleRequest = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`

func TestCallersStayWithAVersionByTheirHeader(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	onnxtest.Write(t, filepath.Join(root, "m", "config.yaml"), []byte("rollout: {strategy: canary, canary: {steps: [{percent: 50, seconds: 1h}], sticky_header: X-User}}\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	onnxtest.Version(t, root, "m", 2, onnxtest.Scale(2))
	s.Eventually("version 2 is on trial", func() error {
		if reply := s.Get("/v2/repository/rollouts"); !strings.Contains(string(reply.Body), `"version":2`) {
			return fmt.Errorf("got %v", reply)
		}
		return nil
	})
	got := map[string]int{}
	for user := range 40 {
		first := ""
		for range 3 {
			reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/m/infer", Header: map[string]string{"X-User": fmt.Sprint(user)}, Body: []byte(scaleRequest)})
			if err != nil || reply.Status != http.StatusOK {
				t.Fatalf("%v %v", reply, err)
			}
			version := "1"
			if strings.Contains(string(reply.Body), `"model_version":"2"`) {
				version = "2"
			}
			if first == "" {
				first = version
				got[version]++
			}
			if version != first {
				t.Fatalf("user %d: version %s, then %s", user, first, version)
			}
		}
	}
	if got["1"] < 8 || got["2"] < 8 {
		t.Errorf("40 users at 50 %%: %v", got)
	}
}

// A stream of events tells what happens, and does not keep the server from ending.
func TestTheStreamOfEvents(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("/v2/events"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	onnxtest.Version(t, root, "m", 2, onnxtest.Scale(2))
	lines := bufio.NewScanner(resp.Body)
	for want := `"kind":"live","model":"m","version":2`; ; {
		if !lines.Scan() {
			t.Fatalf("it ended: %v", lines.Err())
		}
		if strings.Contains(lines.Text(), want) {
			break
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	_ = resp.Body.Close()
	goleak.VerifyNone(t)
}

func TestAStreamOfEventsThatIsTakenUpAgain(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(1))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	var all struct{ Events []struct{ Seq int } }
	events := func(lastID string) int {
		t.Helper()
		reply, err := s.Do(t.Context(), servetest.Request{Method: http.MethodGet, Path: "/v2/events?after=1", Header: map[string]string{"Last-Event-ID": lastID}})
		all.Events = nil
		if err == nil {
			err = json.Unmarshal(reply.Body, &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		return len(all.Events)
	}
	behind := events("")
	last := all.Events[behind-1].Seq
	if got := events(strconv.Itoa(last)); got != 0 {
		t.Errorf("%d events behind the last: the header is newer than the address", got)
	}
	if got := events("4711"); got != behind+1 {
		t.Errorf("%d events behind one of an earlier start, want all %d", got, behind+1)
	}

	// There is nothing to tell, yet the caller knows at once that it is connected.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL("/v2/events"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", strconv.Itoa(last))
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}
