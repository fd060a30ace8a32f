package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is one of the server's.
type event struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Version int64     `json:"version"`
}

// answer is what came of a request.
type answer struct {
	sent, got time.Time
	kind      string // unversioned, label or pinned
	pin       int64
	status    int
	version   int64
	factor    float64
	text      string
}

// period is when a version was published.
type period struct{ from, to time.Time }

// record takes down what was done and what was answered.
type record struct {
	mu        sync.Mutex
	changes   map[string]int
	published map[int64][]period
	answers   map[string]int
	versions  map[int64]bool
	pending   []answer // to be held against the events once they are all there
	refusals  int      // of pinned requests, by a version that was not there
	faults    []string
	restarts  int
	seq       uint64 // of the last event of the present server
}

func newRecord() *record {
	return &record{changes: map[string]int{}, published: map[int64][]period{}, answers: map[string]int{}, versions: map[int64]bool{}}
}

func (r *record) changed(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes[kind]++
}

// event takes down when a version is published and when it is withdrawn.
func (r *record) event(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq = max(r.seq, e.Seq)
	periods := r.published[e.Version]
	switch e.Kind {
	case "ready":
		r.published[e.Version] = append(periods, period{from: e.At})
	case "draining":
		if n := len(periods); n > 0 && periods[n-1].to.IsZero() {
			periods[n-1].to = e.At
		}
	}
}

// restart says that the server was killed: nothing is published any more.
func (r *record) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restarts++
	r.seq = 0
	r.judge()
	for _, periods := range r.published {
		if n := len(periods); n > 0 && periods[n-1].to.IsZero() {
			periods[n-1].to = time.Now()
		}
	}
}

func (r *record) answer(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[a.kind]++
	r.pending = append(r.pending, a)
}

// judge holds the answers against what was published when they were asked for.
func (r *record) judge() {
	for _, a := range r.pending {
		switch {
		case a.kind == "pinned" && (a.status == 404 || a.status == 503):
			r.refusals++
			if r.throughout(a.pin, a.sent, a.got) {
				r.fault("version %d was there, but it answered %d %s", a.pin, a.status, a.text)
			}
		case a.status != 200:
			r.fault("a %s request got %d %s", a.kind, a.status, a.text)
		case a.factor != float64(a.version):
			r.fault("version %d answered as %v would", a.version, a.factor)
		case a.kind == "pinned" && a.version != a.pin:
			r.fault("version %d was pinned, %d answered", a.pin, a.version)
		case !r.some(a.version, a.sent, a.got):
			r.fault("version %d answered a %s request that was sent at %v; it was published %v", a.version, a.kind, a.sent, r.published[a.version])
		default:
			r.versions[a.version] = true
		}
	}
	r.pending = nil
}

// slack is more than lies between an event and the table that it is about.
const slack = 100 * time.Millisecond

// throughout reports whether a version was surely published all the time.
func (r *record) throughout(version int64, from, to time.Time) bool {
	return slices.ContainsFunc(r.published[version], func(p period) bool {
		return p.from.Add(slack).Before(from) && (p.to.IsZero() || p.to.After(to.Add(slack)))
	})
}

// some reports whether a version was published at some time between the two.
func (r *record) some(version int64, from, to time.Time) bool {
	return slices.ContainsFunc(r.published[version], func(p period) bool {
		return p.from.Before(to) && (p.to.IsZero() || p.to.After(from))
	})
}

func (r *record) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// shownFaults is how many faults are printed.
const shownFaults = 10

// report prints what came of it all.
func (r *record) report(to io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge()
	total, all := 0, []string{}
	for _, kind := range slices.Sorted(maps.Keys(r.changes)) {
		total += r.changes[kind]
		all = append(all, fmt.Sprintf("%d %s", r.changes[kind], kind))
	}
	_, _ = fmt.Fprintf(to, "changes: %d (%s), %d kill and restart\n", total, strings.Join(all, ", "), r.restarts)
	sum := 0
	all = all[:0]
	for _, kind := range slices.Sorted(maps.Keys(r.answers)) {
		sum += r.answers[kind]
		all = append(all, fmt.Sprintf("%d %s", r.answers[kind], kind))
	}
	_, _ = fmt.Fprintf(to, "requests: %d (%s), answered by %d versions; %d pinned ones to versions that were not there were refused\n",
		sum, strings.Join(all, ", "), len(r.versions), r.refusals)
	_, _ = fmt.Fprintf(to, "faults: %d\n", len(r.faults))
	for _, f := range r.faults[:min(shownFaults, len(r.faults))] {
		_, _ = fmt.Fprintln(to, " ", f)
	}
	if len(r.faults) > 0 {
		return fmt.Errorf("%d of %d requests were not answered as they should be", len(r.faults), sum)
	}
	return nil
}
