package dir

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet gathers the events of one copy into one scan.
const quiet = 100 * time.Millisecond

// Run turns file system events and the poll's ticks into Changed until ctx ends.
// Where no events can be had, the ticks go on alone.
func (s *Source) Run(ctx context.Context) {
	defer s.follow.Stop()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if s.watch != nil {
		defer s.watch.close()
		events, failures = s.watch.fs.Events, s.watch.fs.Errors
	}
	var ticks <-chan time.Time
	if s.o.Poll > 0 {
		ticker := time.NewTicker(s.o.Poll)
		defer ticker.Stop()
		ticks = ticker.C
	}
	timer := time.NewTimer(quiet)
	timer.Stop()
	defer timer.Stop()
	pending := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			if !pending {
				pending = true
				timer.Reset(quiet)
			}
		case err := <-failures:
			s.o.Log.Warn("file system events were lost; scanning", slog.Any("err", err))
			s.Poke()
		case <-timer.C:
			pending = false
			s.Poke()
		case <-ticks:
			s.Poke()
		}
	}
}

// newWatcher starts listening for file system events, which Run then reads. It
// returns nil where the system refuses: then only the ticks say when to scan.
func newWatcher(log *slog.Logger) *watcher {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no file system events; scanning by the clock alone", slog.Any("err", err))
		return nil
	}
	return &watcher{fs: w, log: log}
}

// watcher keeps the set of watched folders equal to the set of scanned ones. Its
// method want is called by Desired alone.
type watcher struct {
	fs     *fsnotify.Watcher
	log    *slog.Logger
	warned bool
}

func (w *watcher) want(dirs []string) {
	have := map[string]bool{}
	for _, d := range w.fs.WatchList() { // which forgets folders that are removed
		have[d] = true
	}
	next := make(map[string]bool, len(dirs))
	for _, d := range dirs {
		next[d] = true
		if have[d] {
			continue
		}
		if err := w.fs.Add(d); err != nil && !w.warned {
			w.warned = true
			w.log.Warn("cannot watch a folder; scanning by the clock for it", slog.String("folder", d), slog.Any("err", err))
		}
	}
	for d := range have {
		if !next[d] {
			_ = w.fs.Remove(d) // it may be gone by now
		}
	}
}

func (w *watcher) close() {
	if err := w.fs.Close(); err != nil {
		w.log.Warn("close the file system events", slog.Any("err", err))
	}
}
