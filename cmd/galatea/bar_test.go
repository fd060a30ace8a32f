package main

import (
	"strings"
	"testing"
)

func TestALineIsWrittenOverAndWipedAtTheEnd(t *testing.T) {
	var b strings.Builder // nobody else writes to it once done has returned
	done := keepDrawing(&b, func() string { return "so far" })
	done()
	if got := b.String(); !strings.HasPrefix(got, wipe+"so far") || !strings.HasSuffix(got, wipe) {
		t.Errorf("%q", got)
	}
}

func TestABarIsAsFullAsItsPart(t *testing.T) {
	for part, full := range map[float64]int{-1: 0, 0: 0, 0.5: 10, 0.999: 19, 1: 20, 7: 20} {
		if got := filled(part); strings.Count(got, "#") != full || len(got) != barWidth+2 {
			t.Errorf("%v: %s", part, got)
		}
	}
}
