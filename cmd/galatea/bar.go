package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"galatea/internal/tune"
)

// bar shows on stderr how far tuning is: as one line that is written over and over on a
// terminal, else as a line for each combination. Its goroutine ends with end.
type bar struct {
	out  io.Writer // nil: it is quiet
	over bool      // lines can be written over
	done chan struct{}
	work sync.WaitGroup

	mu    sync.Mutex
	last  tune.Step // with Gone as it was at since
	since time.Time
}

// redraw is how often a line is written anew.
const redraw = 200 * time.Millisecond

func (c *tuneCmd) bar() *bar {
	b := &bar{done: make(chan struct{})}
	if c.Quiet {
		return b
	}
	b.out = os.Stderr
	info, err := os.Stderr.Stat()
	b.over = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	if b.over {
		b.work.Go(b.draw)
	}
	return b
}

func (b *bar) draw() {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-b.done:
			return
		}
		b.mu.Lock()
		if !b.since.IsZero() {
			b.drawLocked()
		}
		b.mu.Unlock()
	}
}

func (b *bar) drawLocked() {
	s := b.last
	s.Gone += time.Since(b.since)
	_, _ = fmt.Fprint(b.out, "\r\x1b[K", barLine(s))
}

// say writes a line.
func (b *bar) say(text string) {
	if b.out != nil {
		_, _ = fmt.Fprintln(b.out, text)
	}
}

// step takes what is measured next.
func (b *bar) step(s tune.Step) {
	if b.out == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.since = s, time.Now()
	if b.over {
		b.drawLocked()
		return
	}
	b.say(stepLine(s))
}

// end wipes the line and waits for the goroutine.
func (b *bar) end() {
	close(b.done)
	b.work.Wait()
	if b.over {
		_, _ = fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// stepLine says what is measured.
func stepLine(s tune.Step) string {
	return fmt.Sprintf("round %d of %d, %d of %d: %v", s.Round, tune.Rounds, s.At, s.Of, s.Setting)
}

const barWidth = 20

// barLine is the same in short, with the time that has gone.
func barLine(s tune.Step) string {
	part := min(1, max(0, float64(s.Gone)/float64(s.Time)))
	full := int(part * barWidth)
	line := fmt.Sprintf("[%s%s] %3.0f %%  round %d/%d, %d/%d: %d x %d x %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), 100*part,
		s.Round, tune.Rounds, s.At, s.Of, s.Instances, s.Threads, s.Batch)
	if s.Best > 0 {
		line += fmt.Sprintf("; best %.0f rows/s", s.Best)
	}
	return line
}
