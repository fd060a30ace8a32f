package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"galatea/internal/tune"
)

// bar shows on stderr how far tuning is: as one line that is written over and over on a
// terminal, else as a line for each combination. Its goroutine ends with end.
type bar struct {
	out  io.Writer // nil: it is quiet
	done func()    // ends the line that is written over; nil: there is none

	mu    sync.Mutex
	last  tune.Step // with Gone as it was at since
	since time.Time
}

func (c *tuneCmd) bar() *bar {
	b := &bar{}
	if c.Quiet {
		return b
	}
	b.out = os.Stderr
	if isTerminal(os.Stderr) {
		b.done = keepDrawing(b.out, b.line)
	}
	return b
}

// line is empty before the first step.
func (b *bar) line() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return ""
	}
	s := b.last
	s.Gone += time.Since(b.since)
	return barLine(s)
}

// say writes a line.
func (b *bar) say(text string) {
	if b.out != nil {
		_, _ = fmt.Fprintln(b.out, text)
	}
}

// step takes what is measured next.
func (b *bar) step(s tune.Step) {
	b.mu.Lock()
	b.last, b.since = s, time.Now()
	b.mu.Unlock()
	if b.done == nil {
		b.say(stepLine(s))
	}
}

// end wipes the line and waits for the goroutine.
func (b *bar) end() {
	if b.done != nil {
		b.done()
	}
}

// stepLine says what is measured.
func stepLine(s tune.Step) string {
	return fmt.Sprintf("round %d of %d, %d of %d: %v", s.Round, tune.Rounds, s.At, s.Of, s.Setting)
}

// barLine is the same in short, with the time that has gone.
func barLine(s tune.Step) string {
	part := min(1, max(0, float64(s.Gone)/float64(s.Time)))
	line := fmt.Sprintf("%s %3.0f %%  round %d/%d, %d/%d: %d x %d x %d", filled(part), 100*part,
		s.Round, tune.Rounds, s.At, s.Of, s.Instances, s.Threads, s.Batch)
	if s.Best > 0 {
		line += fmt.Sprintf("; best %.0f rows/s", s.Best)
	}
	return line
}
