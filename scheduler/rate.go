package scheduler

import (
	"math"
	"time"
)

// rate estimates how many rows a second arrive: those of the last moments count, the
// older the less. It is pure; the zero value has seen none.
type rate struct {
	at   time.Time
	rows float64 // each times its weight
}

// rateMemory is the time after which a row counts for 1/e.
const rateMemory = time.Second

// arrive takes in rows that have come at now.
func (r *rate) arrive(now time.Time, rows int) {
	r.rows = r.rows*r.fade(now) + float64(rows)
	if now.After(r.at) {
		r.at = now
	}
}

func (r *rate) fade(now time.Time) float64 {
	return math.Exp(-max(0, now.Sub(r.at).Seconds()) / rateMemory.Seconds())
}

// during is how many rows are to be expected in a time that begins at now.
func (r *rate) during(now time.Time, d time.Duration) float64 {
	return r.rows * r.fade(now) / rateMemory.Seconds() * d.Seconds()
}
