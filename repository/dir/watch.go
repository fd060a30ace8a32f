package dir

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet gathers the events of one change into one scan.
const quiet = 100 * time.Millisecond

// Run turns file system events and the poll's ticks into Changed until ctx ends.
// Where no events can be had, the ticks go on alone. However fast events come, as
// during a long copy, they do not ask for more than two scans in the time of Settle.
func (s *Source) Run(ctx context.Context) {
	defer s.follow.Stop()
	if s.watch == nil {
		s.listen(ctx, nil, nil)
		return
	}
	defer s.watch.close()
	s.listen(ctx, s.watch.fs.Events, s.watch.fs.Errors)
}

func (s *Source) listen(ctx context.Context, events <-chan fsnotify.Event, failures <-chan error) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	s.poll(ticker, s.o.Poll)
	timer := time.NewTimer(quiet)
	timer.Stop()
	defer timer.Stop()
	pending := false
	var last time.Time // poke for events
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			if !pending {
				pending = true
				timer.Reset(max(quiet, time.Until(last.Add(s.o.Settle/2))))
			}
		case err := <-failures:
			s.o.Log.Warn("file system events were lost; scanning", slog.Any("err", err))
			s.Poke()
		case <-timer.C:
			pending = false
			last = time.Now()
			s.Poke()
		case every := <-s.polls:
			s.poll(ticker, every)
		case <-ticker.C:
			s.Poke()
		}
	}
}

func (s *Source) poll(ticker *time.Ticker, every time.Duration) {
	if every > 0 {
		ticker.Reset(every)
	} else {
		ticker.Stop()
	}
}

// SetPoll changes the time between scans without events; 0 is none. It must not be
// called from two goroutines at a time.
func (s *Source) SetPoll(every time.Duration) {
	select {
	case <-s.polls: // one that Run has not seen yet
	default:
	}
	s.polls <- every
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
	fs      *fsnotify.Watcher
	log     *slog.Logger
	watched map[string]bool
	warned  bool
}

// want watches these folders and no others, and reports whether one of them was not
// watched before.
//
// Every folder is added again each time: the system drops the watch of a folder that
// was removed, and keeps that of a link's old target, without this being told.
func (w *watcher) want(dirs []string) (grown bool) {
	next := make(map[string]bool, len(dirs))
	for _, d := range dirs {
		next[d] = true
	}
	for d := range w.watched {
		if !next[d] {
			_ = w.fs.Remove(d) // it may be gone by now
		}
	}
	for d := range next {
		err := w.fs.Add(d)
		switch {
		case err == nil:
			grown = grown || !w.watched[d]
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fsnotify.ErrClosed): // removed meanwhile; at the end
		case !w.warned:
			w.warned = true
			w.log.Warn("cannot watch a folder; scanning by the clock for it", slog.String("folder", d), slog.Any("err", err))
		}
		delete(next, d)
	}
	w.watched = next
	return grown
}

func (w *watcher) close() {
	if err := w.fs.Close(); err != nil {
		w.log.Warn("close the file system events", slog.Any("err", err))
	}
}
