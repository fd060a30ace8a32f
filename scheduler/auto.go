package scheduler

import (
	"math"
	"time"
)

// tune chooses the size of batches and how long to wait for them, for a model that
// aims at a 99th percentile of its time in the queue and on an instance. Until the
// cost of batches is known it lets them be as large as they may and waits for nothing.
//
// A request that has to wait for the run before it, and then runs itself, takes two
// runs: a batch may be so large that two of its runs fit into the aim. An idle lane
// waits for company only while that pays: as long as the rows come faster than the
// lanes could run them in batches of those that wait already.
func (p *pending) tune(now time.Time, lanes int) {
	if p.aim <= 0 || p.maxRows == 0 || !p.cost.known() {
		return
	}
	p.limit = p.largest(time.Duration(float64(p.aim) * aimShare / 2))
	perSecond := p.arrivals.during(now, time.Second)
	p.enough = 1
	if spare := saturated*float64(lanes) - perSecond*p.cost.perRow; spare <= 0 {
		p.enough = p.limit
	} else {
		p.enough = min(p.limit, max(1, int(math.Ceil(perSecond*p.cost.fixed/spare))))
	}
	p.delay = 0
	if p.enough > 1 {
		patience := p.aim - 2*p.cost.cost(p.limit)
		p.delay = max(0, min(patience, time.Duration(float64(p.enough)/perSecond*float64(time.Second))))
	}
}

// aimShare leaves a part of the aim for what is not measured here: the front, and noise.
const aimShare = 0.9

// largest is the most rows of a batch that runs within d; 1 at the least.
func (p *pending) largest(d time.Duration) int {
	if p.cost.perRow <= 0 {
		return p.maxRows
	}
	return int(max(1, min(float64(p.maxRows), (d.Seconds()-p.cost.fixed)/p.cost.perRow)))
}
