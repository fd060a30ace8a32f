package scheduler

import (
	"math"
	"time"
)

// fit estimates what a batch costs: time = perRow*rows + fixed, by weighted least
// squares over the batches seen, the older the less. It is pure; the zero value knows
// nothing. The time is from when the batch is handed to a lane until the lane is idle
// again, so that what else the processors do counts.
type fit struct {
	samples int // seen, at most fitKnown
	// Sums over the batches, each times its weight: 1, rows, seconds, rows*rows, rows*seconds.
	w, x, y, xx, xy float64
	perRow, fixed   float64 // seconds
	spread          float64 // how far off the expected costs were of late, as a share of them
}

const (
	fitKnown = 8     // batches before the fit is believed
	fitDecay = 0.978 // half weight after 31 batches
	// A batch that took longer than fitOutlier times what was expected counts as if it
	// took that: something else had the processor. A lasting change still gets through.
	fitOutlier = 3
)

// observe takes in a batch that has run.
func (f *fit) observe(rows int, took time.Duration) {
	x, y := float64(rows), took.Seconds()
	if f.known() {
		expected := f.seconds(rows)
		y = min(y, fitOutlier*expected)
		if expected > 0 {
			f.spread += (1 - fitDecay) * (math.Abs(y-expected)/expected - f.spread)
		}
	}
	f.samples = min(f.samples+1, fitKnown)
	f.w = f.w*fitDecay + 1
	f.x = f.x*fitDecay + x
	f.y = f.y*fitDecay + y
	f.xx = f.xx*fitDecay + x*x
	f.xy = f.xy*fitDecay + x*y
	f.solve()
}

// observeAtLeast takes in a batch that was stopped after so long, since nobody was left to
// wait for it. That says something only when it was expected to have ended by then. It is
// believed at once: a queue that goes on sending batches of a size that nobody can wait
// for learns nothing else.
func (f *fit) observeAtLeast(rows int, took time.Duration) {
	if f.known() && took.Seconds() <= f.seconds(rows) {
		return
	}
	f.observe(rows, took)
	f.samples = fitKnown
}

// solve finds the line. Neither part of the cost can be negative; where the batches
// are too much alike to tell the two apart, all of the cost is taken to be the rows'.
func (f *fit) solve() {
	meanX, meanY := f.x/f.w, f.y/f.w
	variance := f.xx/f.w - meanX*meanX
	f.perRow, f.fixed = meanY/meanX, 0
	if variance <= 1e-3*meanX*meanX {
		return
	}
	slope := (f.xy/f.w - meanX*meanY) / variance
	switch intercept := meanY - slope*meanX; {
	case slope < 0:
		f.perRow, f.fixed = 0, meanY
	case intercept > 0:
		f.perRow, f.fixed = slope, intercept
	}
}

// known reports whether enough was seen for the fit to be believed.
func (f *fit) known() bool { return f.samples >= fitKnown }

func (f *fit) seconds(rows int) float64 { return f.perRow*float64(rows) + f.fixed }

// within is the time that a batch of the rows hardly ever exceeds: deadlines are kept by
// it. 0 while it is not known.
func (f *fit) within(rows int) time.Duration { return f.careful(f.cost(rows)) }

// careful adds to an expected time what expected times were off by of late, twice.
func (f *fit) careful(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + 2*f.spread))
}

// cost is the time that a batch of the rows takes; 0 while it is not known.
func (f *fit) cost(rows int) time.Duration {
	if !f.known() {
		return 0
	}
	return time.Duration(f.seconds(rows) * float64(time.Second))
}
