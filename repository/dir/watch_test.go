package dir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// run runs the source until the test ends.
func run(t *testing.T, s *Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
}

// TestEventsArrive is the one test here that waits for the real system.
func TestEventsArrive(t *testing.T) {
	root := filepath.Join(t.TempDir(), "models")
	write(t, root, map[string]string{
		"a/1/model.onnx": "x", "a/1/weights/w.bin": "x", ".b/1/model.onnx": "x",
		"..one/c/1/model.onnx": "x", "..two/c/1/model.onnx": "xx",
	})
	must(t, os.Symlink("..one", filepath.Join(root, "..data")))
	must(t, os.Symlink("..data/c", filepath.Join(root, "c")))
	s, err := New([]string{root}, Options{Settle: time.Millisecond})
	must(t, err)
	run(t, s)
	in := func(name string) string { return filepath.Join(root, name) }
	for _, row := range []struct {
		name   string
		change func() error
	}{
		{"a new version", func() error { return os.MkdirAll(in("a/2"), 0o755) }},
		{"a file in the new version", func() error { return os.WriteFile(in("a/2/model.onnx"), []byte("x"), 0o644) }},
		{"a file that grows", func() error { return os.WriteFile(in("a/2/model.onnx"), []byte("xxx"), 0o644) }},
		{"a file deep inside", func() error { return os.WriteFile(in("a/1/weights/w.bin"), []byte("xxx"), 0o644) }},
		{"a config", func() error { return os.WriteFile(in("a/config.yaml"), nil, 0o644) }},
		{"a time of modification", func() error { return os.Chtimes(in("a/1/model.onnx"), time.Time{}, time.Unix(1, 0)) }},
		{"a version removed", func() error { return os.RemoveAll(in("a/1")) }},
		{"a version put back", func() error { return os.MkdirAll(in("a/1"), 0o755) }},
		{"a file in the version put back", func() error { return os.WriteFile(in("a/1/model.onnx"), nil, 0o644) }},
		{"a model renamed into place", func() error { return os.Rename(in(".b"), in("b")) }},
		{"a file in the model renamed", func() error { return os.WriteFile(in("b/1/model.onnx"), []byte("xxx"), 0o644) }},
		{"a link swapped", func() error {
			return errors.Join(os.Symlink("..two", in("..data_tmp")), os.Rename(in("..data_tmp"), in("..data")))
		}},
		{"a file behind the swapped link", func() error { return os.WriteFile(in("..two/c/1/model.onnx"), []byte("x"), 0o644) }},
		{"the root renamed away", func() error { return os.Rename(root, root+".away") }},
		{"the root put back", func() error { return os.Rename(root+".away", root) }},
		{"a file in the root put back", func() error { return os.WriteFile(in("a/2/model.onnx"), []byte("x"), 0o644) }},
	} {
		// What was asked for before is answered, and watched, until it asks no more.
		for asked := true; asked; {
			_, _ = s.Desired(t.Context()) // an error while the root is away
			select {
			case <-s.Changed():
			case <-time.After(quiet + 50*time.Millisecond):
				asked = false
			}
		}
		must(t, row.change())
		if row.name == "the root put back" {
			continue // nobody can watch a folder that is not there
		}
		select {
		case <-s.Changed():
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no event", row.name)
		}
	}
}

func TestEventsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{NoWatch: true, Settle: 4 * time.Second})
		events := make(chan fsnotify.Event)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.listen(ctx, events, nil)
		start := time.Now()
		events <- fsnotify.Event{}
		events <- fsnotify.Event{}
		if poked(s) {
			t.Error("it asks before the change is over")
		}
		<-s.Changed()
		if waited := time.Since(start); waited != quiet {
			t.Errorf("it asks after %v", waited)
		}
		asked := 0
		for time.Since(start) < 20*time.Second { // a long copy
			events <- fsnotify.Event{}
			time.Sleep(10 * time.Millisecond)
			if poked(s) {
				asked++
			}
		}
		if asked != 9 {
			t.Errorf("it asks %d times in 20 s", asked)
		}
		time.Sleep(2 * time.Second)
		if !poked(s) {
			t.Error("the end of the copy is missed")
		}
		time.Sleep(time.Minute)
		start = time.Now()
		events <- fsnotify.Event{}
		<-s.Changed()
		if waited := time.Since(start); waited != quiet {
			t.Errorf("after a long silence it asks after %v", waited)
		}
	})
}

func TestLostEventsAskForAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{NoWatch: true})
		failures := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.listen(ctx, nil, failures)
		failures <- fsnotify.ErrEventOverflow
		if !poked(s) {
			t.Error("no scan")
		}
	})
}

func TestTicksAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t)
		s := open(t, Options{NoWatch: true, Poll: 15 * time.Second}, root)
		run(t, s)
		start := time.Now()
		finds(t, s)
		write(t, root, map[string]string{"a/1/model.onnx": "x"})
		<-s.Changed()
		finds(t, s, "a/1 settling")
		<-s.Changed()
		finds(t, s, "a/1")
		if took := time.Since(start); took < 16*time.Second || took > 17*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestSetPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{NoWatch: true})
		s.SetPoll(time.Hour) // nobody has seen it yet
		s.SetPoll(time.Minute)
		run(t, s)
		next := func() time.Duration {
			synctest.Wait()
			start := time.Now()
			select {
			case <-s.Changed():
				return time.Since(start)
			case <-time.After(24 * time.Hour):
				return 0
			}
		}
		if got := next(); got != time.Minute {
			t.Errorf("got %v", got)
		}
		s.SetPoll(time.Second)
		if got := next(); got != time.Second {
			t.Errorf("got %v", got)
		}
		s.SetPoll(0)
		if got := next(); got != 0 {
			t.Errorf("it asks after %v", got)
		}
	})
}

func TestPokeNeverBlocks(t *testing.T) {
	s := open(t, atOnce)
	s.Poke()
	s.Poke()
	<-s.Changed()
	if poked := len(s.changed); poked != 0 {
		t.Errorf("%d more", poked)
	}
}

func TestWatcherFollowsTheFolders(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"a/x": "", "b/x": ""})
	must(t, os.Symlink("a", filepath.Join(root, "link")))
	s, err := New([]string{t.TempDir()}, Options{})
	must(t, err)
	defer s.watch.close()
	for _, grown := range []bool{true, false} { // what happened before the watch has to be looked for
		if _, err := s.Desired(t.Context()); err != nil || len(s.changed) > 0 != grown {
			t.Errorf("asks for another scan: %v, not %v; %v", !grown, grown, err)
		}
		for len(s.changed) > 0 {
			<-s.changed
		}
	}
	a, b, link, missing := filepath.Join(root, "a"), filepath.Join(root, "b"), filepath.Join(root, "link"), filepath.Join(root, "missing")
	for _, row := range []struct {
		name  string
		dirs  []string
		grown bool
		count int
	}{
		{"new folders -> grown", []string{a, b, b}, true, 2},
		{"the same -> not grown", []string{b, a}, false, 2},
		{"one that is not there -> not grown", []string{a, b, missing}, false, 2},
		{"one that is there by now -> grown", []string{a, b, missing}, true, 3},
		{"one that is gone again -> not grown", []string{a, b}, false, 2},
		{"a link to one of them -> grown once", []string{a, b, link}, true, 2},
		{"the link again -> not grown", []string{a, b, link}, false, 2},
		{"without what it leads to -> not grown", []string{b, link}, false, 2},
		{"fewer", []string{b}, false, 1},
		{"none", nil, false, 0},
	} {
		switch row.name {
		case "one that is there by now -> grown":
			must(t, os.Mkdir(missing, 0o755))
		case "one that is gone again -> not grown":
			must(t, os.Remove(missing))
		}
		if grown := s.watch.want(row.dirs); grown != row.grown {
			t.Errorf("%s: grown %v", row.name, grown)
		}
		if list := s.watch.fs.WatchList(); len(list) != row.count {
			t.Errorf("%s: watches %q", row.name, list)
		}
	}
	s.watch.close()
	if s.watch.want([]string{a}) {
		t.Error("grown after its end")
	}
}
