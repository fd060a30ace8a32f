package rollout

import (
	"fmt"
	"time"

	"galatea/config"
)

// Counts is what a trial has shown since its step began.
type Counts struct {
	Requests uint64 `json:"requests"` // answered by the new version, or that it failed to
	Errors   uint64 `json:"errors"`   // of these

	StableRequests uint64 `json:"stable_requests"` // the same of the version that serves
	StableErrors   uint64 `json:"stable_errors"`

	Latency       time.Duration `json:"-"` // together, of the new version's requests that succeeded
	StableLatency time.Duration `json:"-"`

	Compared uint64  `json:"compared"`           // requests that both have answered
	Rows     uint64  `json:"rows"`               // labels in these
	Agreed   uint64  `json:"agreed"`             // those that are the same
	Largest  float64 `json:"largest_difference"` // of any number
	Worst    string  `json:"worst,omitempty"`    // where that was
}

// Verdict is what follows from what a trial has shown.
type Verdict uint8

// The verdicts.
const (
	GoOn Verdict = iota
	NextStep
	Promote
	RollBack
)

// Decide says whether a trial goes on, given its plan, the step that it is in, for how
// long, and what came of that; and why it does not.
func Decide(p config.Plan, step int, in time.Duration, c Counts) (v Verdict, why string) {
	if why := exceeded(p.Bounds, c); why != "" {
		return RollBack, why
	}
	if step >= len(p.Steps) {
		return Promote, "its steps have passed"
	}
	s := p.Steps[step]
	shown := c.Requests
	if p.Strategy == config.StrategyShadow {
		shown = c.Compared
	}
	switch {
	case in < s.Duration || shown < uint64(s.Requests):
		return GoOn, ""
	case tooMuch(p.Bounds, c):
		return GoOn, "" // what little was seen is too much: there must be enough to tell
	case step == len(p.Steps)-1:
		return Promote, passed(p, c)
	default:
		return NextStep, ""
	}
}

func passed(p config.Plan, c Counts) string {
	if p.Strategy == config.StrategyShadow {
		return fmt.Sprintf("its shadow stayed within the limits over %d requests", c.Compared)
	}
	return fmt.Sprintf("its canary stayed within the limits, the last step over %d requests", c.Requests)
}

// tooMuch reports whether a bound would be exceeded if it counted from the first request on.
func tooMuch(b config.Bounds, c Counts) bool {
	b.MinRequests = 1
	return exceeded(b, c) != ""
}

// exceeded says which bound is, or "".
func exceeded(b config.Bounds, c Counts) string {
	least := uint64(b.MinRequests)
	if c.Requests >= least {
		failing, stable := percent(c.Errors, c.Requests), percent(c.StableErrors, c.StableRequests)
		if failing-stable > b.ErrorPercent {
			return fmt.Sprintf("%.1f %% of its %d requests failed, %.1f %% of the old version's: at most %v %% more may", failing, c.Requests, stable, b.ErrorPercent)
		}
	}
	answered, stable := c.Requests-c.Errors, c.StableRequests-c.StableErrors
	if b.LatencyRatio > 0 && answered >= least && stable >= least && c.StableLatency > 0 {
		mine, old := c.Latency/time.Duration(answered), c.StableLatency/time.Duration(stable)
		if ratio := float64(mine) / float64(old); ratio > b.LatencyRatio {
			return fmt.Sprintf("it takes %v on average, %.2f times the old version's %v: at most %v times is allowed", mine.Round(time.Microsecond), ratio, old.Round(time.Microsecond), b.LatencyRatio)
		}
	}
	if b.AgreementPercent > 0 && c.Rows >= least {
		if agreed := percent(c.Agreed, c.Rows); agreed < b.AgreementPercent {
			return fmt.Sprintf("its labels agree with the old version's in %.1f %% of %d rows: at least %v %% must", agreed, c.Rows, b.AgreementPercent)
		}
	}
	if b.Difference > 0 && c.Compared > 0 && !(c.Largest <= b.Difference) {
		return fmt.Sprintf("its answers differ by up to %v (%s): at most %v is allowed", c.Largest, c.Worst, b.Difference)
	}
	return ""
}

func percent(part, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(part) / float64(of)
}
