package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

// fakeSource has what it was given last.
type fakeSource struct {
	changed chan struct{}
	mu      sync.Mutex
	desired []Desired
	err     error
	scans   int
	delay   time.Duration
}

func (s *fakeSource) Changed() <-chan struct{} { return s.changed }

func (s *fakeSource) Desired(context.Context) ([]Desired, error) {
	s.mu.Lock()
	s.scans++
	desired, err, delay := slices.Clone(s.desired), s.err, s.delay
	s.mu.Unlock()
	time.Sleep(delay)
	return desired, err
}

// set replaces what there is, without saying so.
func (s *fakeSource) set(desired []Desired, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desired, s.err = desired, err
}

func (s *fakeSource) poke() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *fakeSource) scanned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scans
}

// fakeServable fails the test when it is used after its end.
type fakeServable struct {
	t      testing.TB
	id     infer.ID
	hold   chan struct{} // when not nil, requests wait for it
	close  func(ctx context.Context) error
	closed atomic.Int32
	inside atomic.Int32
}

func (s *fakeServable) Infer(context.Context, *infer.Request) (*infer.Response, error) {
	s.inside.Add(1)
	defer s.inside.Add(-1)
	if s.closed.Load() > 0 {
		s.t.Errorf("%v/%s was asked after it was closed", s.id, s.id.Digest)
	}
	if s.hold != nil {
		<-s.hold
	}
	return &infer.Response{Model: s.id}, nil
}

func (s *fakeServable) Info() Info { return Info{ID: s.id} }

func (s *fakeServable) Close(ctx context.Context) error {
	if s.inside.Load() > 0 && ctx.Err() == nil {
		s.t.Errorf("%v/%s was closed while a request was in it", s.id, s.id.Digest)
	}
	if s.closed.Add(1) > 1 {
		s.t.Errorf("%v/%s was closed twice", s.id, s.id.Digest)
	}
	if s.close != nil {
		return s.close(ctx)
	}
	return nil
}

// fakeLoader loads what a behaviour, by digest, does not keep it from.
type fakeLoader struct {
	t  testing.TB
	mu sync.Mutex
	// before runs in the load; its error is the load's.
	before map[string]func(ctx context.Context, phase func(State)) error
	dress  func(*fakeServable)
	loads  map[string]int
	at     []time.Time
	made   []*fakeServable
	busy   int
	most   int // loads at the same time
}

func newFakeLoader(t testing.TB) *fakeLoader {
	return &fakeLoader{t: t, before: map[string]func(context.Context, func(State)) error{}, loads: map[string]int{}}
}

func (l *fakeLoader) load(ctx context.Context, d Desired, phase func(State)) (Servable, error) {
	l.mu.Lock()
	l.loads[d.Digest]++
	l.at = append(l.at, time.Now())
	l.busy++
	l.most = max(l.most, l.busy)
	before := l.before[d.Digest]
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy--
	}()
	if before != nil {
		if err := before(ctx, phase); err != nil {
			return nil, err
		}
	}
	s := &fakeServable{t: l.t, id: infer.ID{Name: d.Name, Version: d.Version, Digest: d.Digest}}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dress != nil {
		l.dress(s)
	}
	l.made = append(l.made, s)
	return s, nil
}

// on says what happens in the loads of a digest.
func (l *fakeLoader) on(digest string, before func(ctx context.Context, phase func(State)) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before[digest] = before
}

func (l *fakeLoader) count(digest string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loads[digest]
}

// nth returns the nth servable made.
func (l *fakeLoader) nth(n int) *fakeServable {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made[n]
}

// leftOpen fails the test for every servable that was not closed.
func (l *fakeLoader) leftOpen() {
	for _, s := range l.made {
		if s.closed.Load() != 1 {
			l.t.Errorf("%v/%s was closed %d times", s.id, s.id.Digest, s.closed.Load())
		}
	}
}

// Behaviours of loads.
func failing(err error) func(context.Context, func(State)) error {
	return func(context.Context, func(State)) error { return err }
}

func lasting(d time.Duration) func(context.Context, func(State)) error {
	return func(ctx context.Context, _ func(State)) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bench is a reconciler at work, in a bubble.
type bench struct {
	*Reconciler
	t      *testing.T
	source *fakeSource
	loader *fakeLoader
	router *Router
	cancel context.CancelFunc
	done   chan struct{}
}

// begin starts a reconciler on the given files. At the end of the test it is stopped
// and everything that it opened has to be closed.
func begin(t *testing.T, o Options, desired []Desired, prepare ...func(*bench)) *bench {
	t.Helper()
	b := &bench{
		t: t, source: &fakeSource{changed: make(chan struct{}, 1), desired: desired},
		loader: newFakeLoader(t), router: NewRouter(), done: make(chan struct{}),
	}
	b.Reconciler = New(b.source, b.loader.load, b.router, o)
	for _, f := range prepare {
		f(b)
	}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		defer close(b.done)
		b.Run(ctx)
	}()
	t.Cleanup(b.end)
	synctest.Wait()
	return b
}

// end stops the reconciler and waits for it.
func (b *bench) end() {
	b.cancel()
	<-b.done
	b.loader.leftOpen()
}

// has replaces the files and waits for what follows at once.
func (b *bench) has(desired []Desired) {
	b.source.set(desired, nil)
	b.source.poke()
	synctest.Wait()
}

// after lets time pass.
func (b *bench) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// shows demands this index, a row for each line.
func (b *bench) shows(want ...string) {
	b.t.Helper()
	var got []string
	for _, s := range b.router.Index() {
		row := s.Name
		if s.Version != 0 {
			row += fmt.Sprint("/", s.Version)
		}
		row = strings.TrimSpace(row + " " + s.State)
		if s.Reason != "" {
			row += ": " + s.Reason
		}
		got = append(got, row)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the index is\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// serves demands that a model answers with this generation; "" is none.
func (b *bench) serves(ref infer.Ref, digest string) {
	b.t.Helper()
	r, err := b.router.Infer(b.t.Context(), &infer.Request{Model: ref})
	switch {
	case err != nil && digest != "":
		b.t.Errorf("%v: %v", ref, err)
	case err == nil && r.Model.Digest != digest:
		b.t.Errorf("%v: %s answers, want %q", ref, r.Model.Digest, digest)
	}
}

func model(name string) infer.Ref { return infer.Ref{Name: name} }

var errBoom = errors.New("boom")
