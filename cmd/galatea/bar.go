package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// isTerminal reports whether lines can be written over on a file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// Of a line that is written over and over.
const (
	redraw   = 200 * time.Millisecond // how often
	barWidth = 20
	wipe     = "\r\x1b[K"
)

// keepDrawing writes a line over and over on a terminal. The returned function wipes it, and
// waits for the goroutine.
func keepDrawing(to io.Writer, line func() string) (done func()) {
	over := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			_, _ = fmt.Fprint(to, wipe, line())
			select {
			case <-ticker.C:
			case <-over:
				_, _ = fmt.Fprint(to, wipe)
				return
			}
		}
	})
	return func() {
		close(over)
		work.Wait()
	}
}

// filled is a bar of which a part, from 0 to 1, is full.
func filled(part float64) string {
	full := int(min(1, max(0, part)) * barWidth)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}
