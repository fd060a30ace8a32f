package repository

import (
	"sync"
	"time"
)

// Kinds of events.
const (
	EventLoading   = "loading"
	EventWarming   = "warming"
	EventReady     = "ready"     // it can answer
	EventLive      = "live"      // it is what a request without a version gets
	EventFailed    = "failed"    // it will be tried again
	EventRefused   = "refused"   // it will not, until its files change
	EventDraining  = "draining"  // it takes no new requests
	EventGone      = "gone"      // its memory is free
	EventTrial     = "trial"     // a canary or a shadow has begun, or has come to its next step
	EventPromoted  = "promoted"  // it takes over
	EventWithdrawn = "withdrawn" // it was rolled back
	EventName      = "name"      // a label, or the default, has moved
)

// Event is a change of state that somebody may want to know of.
type Event struct {
	Seq     uint64    `json:"seq"` // from 1 up, without gaps
	At      time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Model   string    `json:"model"`
	Version int64     `json:"version,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Label   string    `json:"label,omitempty"`
	Gate    string    `json:"gate,omitempty"` // the check that refused it
	Text    string    `json:"text,omitempty"`
}

// maxEvents is how many events are remembered.
const maxEvents = 1024

// Events is the history of a Reconciler's events, the last ones of it. Any goroutine
// may read it.
type Events struct {
	mu      sync.Mutex
	last    []Event // at most maxEvents
	next    uint64
	changed chan struct{} // closed by the next event
}

func newEvents() *Events { return &Events{next: 1, changed: make(chan struct{})} }

func (e *Events) add(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event.Seq = e.next
	e.next++
	if len(e.last) == maxEvents {
		copy(e.last, e.last[1:])
		e.last = e.last[:maxEvents-1]
	}
	e.last = append(e.last, event)
	close(e.changed)
	e.changed = make(chan struct{})
}

// Since returns the events after seq that are still remembered, and a channel that is
// closed when there are more. Whoever is slower than the events sees a gap in their
// numbers. A seq that is yet to come is of an earlier start's history: all are after it.
func (e *Events) Since(seq uint64) ([]Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if seq >= e.next {
		seq = 0
	}
	from := len(e.last)
	for from > 0 && e.last[from-1].Seq > seq {
		from--
	}
	return append([]Event(nil), e.last[from:]...), e.changed
}

func (l *loop) event(e Event) {
	e.At = time.Now()
	l.Reconciler.events.add(e)
}

// happened records an event of a generation.
func (l *loop) happened(g *generation, kind, text string) {
	l.event(Event{Kind: kind, Model: g.Name, Version: g.Version, Digest: g.Digest, Text: text})
}
