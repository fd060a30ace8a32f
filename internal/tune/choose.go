package tune

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Measured is a setting and what was measured of it.
type Measured struct {
	Setting
	Present bool // it is how the model is now
	Round   int  // in which it was measured last, from 1 up

	Rows     float64       // a second, under load
	P50, P99 time.Duration // of requests under load
	Lone     time.Duration // the median of requests that come alone
	Waits    bool          // those are held back for others to join them, as the config has it
	Requests int           // answered under load

	Err error // why nothing was measured; the rest is zero then
}

// Goal is what a setting has to keep to.
type Goal struct {
	P99 time.Duration // the most that the 99th percentile under load may be; 0: any
	// LoneRatio is the most that a lone request may take, in relation to the setting that
	// is best for it, of those that hold it back or of those that do not: whether it may
	// be held back, the config has said.
	LoneRatio float64
}

// noise is how far apart two rates may be that count as the same.
const noise = 0.05

// Choice is the setting to take.
type Choice struct {
	Measured
	Why string // a sentence
}

// Choose returns the setting with the most rows a second of those that keep to the goal,
// by the last round that says anything. Of those within noise of it, the present one is
// taken, since a change has to be worth it; else the one with the fewest instances, then
// the one with the largest batch, which only bounds what a busy queue sends at once, then
// the one with the fewest threads. The error says why there is none.
func Choose(all []Measured, goal Goal) (Choice, error) {
	all = lastRound(all)
	if len(all) == 0 {
		return Choice{}, errors.New("nothing could be measured")
	}
	lone := shortestLone(all)
	fit := slices.DeleteFunc(slices.Clone(all), func(m Measured) bool { return !goal.kept(m, lone, 1) })
	if len(fit) == 0 {
		low := slices.MinFunc(all, func(a, b Measured) int { return cmp.Compare(a.P99, b.P99) })
		return Choice{}, fmt.Errorf("none keeps a p99 of %s and answers lone requests fast enough: the lowest p99 is %s, with %v", Time(goal.P99), Time(low.P99), low.Setting)
	}
	best := slices.MaxFunc(fit, func(a, b Measured) int { return cmp.Compare(a.Rows, b.Rows) })
	ties := slices.DeleteFunc(slices.Clone(fit), func(m Measured) bool { return m.Rows < (1-noise)*best.Rows })
	chosen := slices.MinFunc(ties, func(a, b Measured) int {
		return cmp.Or(cmp.Compare(a.Instances, b.Instances), cmp.Compare(b.Batch, a.Batch), cmp.Compare(a.Threads, b.Threads))
	})
	if i := slices.IndexFunc(ties, func(m Measured) bool { return m.Present }); i >= 0 {
		chosen = ties[i]
	}
	return Choice{chosen, why(chosen, best, len(ties), lone, all, goal)}, nil
}

// lastRound returns what the choice is among: what the last round measured, if that is
// more than one setting.
func lastRound(all []Measured) []Measured {
	last := 0
	count := map[int]int{}
	for _, m := range all {
		if m.Err == nil {
			count[m.Round]++
			last = max(last, m.Round)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(m Measured) bool { return m.Err != nil || count[last] > 1 && m.Round < last })
}

// shortest is the least median of lone requests, where they are held back and where not.
type shortest map[bool]time.Duration

func shortestLone(all []Measured) shortest {
	best := shortest{}
	for _, m := range all {
		if known, ok := best[m.Waits]; !ok || m.Lone < known {
			best[m.Waits] = m.Lone
		}
	}
	return best
}

// kept reports whether a setting keeps to the goal, times a slack.
func (g Goal) kept(m Measured, lone shortest, slack float64) bool {
	return (g.P99 == 0 || float64(m.P99) <= slack*float64(g.P99)) && g.quick(m, lone, slack)
}

// quick is kept for lone requests alone.
func (g Goal) quick(m Measured, lone shortest, slack float64) bool {
	return float64(m.Lone) <= slack*g.LoneRatio*float64(lone[m.Waits])
}

func why(chosen, best Measured, ties int, lone shortest, all []Measured, goal Goal) string {
	var kept []string
	if goal.P99 > 0 {
		kept = append(kept, fmt.Sprintf("a p99 of at most %s", Time(goal.P99)))
	}
	if slices.ContainsFunc(all, func(m Measured) bool { return !goal.quick(m, lone, 1) }) {
		kept = append(kept, fmt.Sprintf("lone requests within %g times the shortest", goal.LoneRatio))
	}
	keep := strings.Join(kept, " and ")
	text := fmt.Sprintf("%v: %.0f rows/s, the ", chosen.Setting, chosen.Rows)
	which := "simplest"
	if chosen.Present {
		which = "present one"
	}
	switch tie := ties > 1 && chosen.Setting != best.Setting; {
	case tie && keep != "":
		text += fmt.Sprintf("%s of the %d that keep %s and are within %.0f %% of the most, %.0f rows/s", which, ties, keep, 100*noise, best.Rows)
	case tie:
		text += fmt.Sprintf("%s of the %d within %.0f %% of the most, %.0f rows/s", which, ties, 100*noise, best.Rows)
	case keep != "":
		text += "most of those that keep " + keep
	default:
		text += "most"
	}
	if chosen.Present {
		return text + "; it is so now"
	}
	if i := slices.IndexFunc(all, func(m Measured) bool { return m.Present && m.Rows > 0 }); i >= 0 {
		text += fmt.Sprintf("; %.2f times what the model does now", chosen.Rows/all[i].Rows)
	}
	return text
}

// finalists is how many settings are measured a second time.
const finalists = 8

// survivors returns which settings are worth a second, longer look, the best first: of
// those that may yet keep to the goal, and have at least half the rows a second of the
// best, the better half; and the present one in any case.
func survivors(all []Measured, goal Goal) []Setting {
	ranked := slices.DeleteFunc(slices.Clone(all), func(m Measured) bool { return m.Err != nil })
	if len(ranked) == 0 {
		return nil
	}
	lone := shortestLone(ranked)
	const slack = 1.5 // what was measured briefly is not exact
	rank := func(m Measured) float64 {
		if !goal.kept(m, lone, slack) {
			return -1 / (1 + m.Rows) // behind all that do
		}
		return m.Rows
	}
	slices.SortStableFunc(ranked, func(a, b Measured) int { return cmp.Compare(rank(b), rank(a)) })
	keep := min(finalists, (len(ranked)+1)/2)
	var chosen []Setting
	for i, m := range ranked {
		if m.Present || i < keep && (i == 0 || rank(m) >= rank(ranked[0])/2) {
			chosen = append(chosen, m.Setting)
		}
	}
	return chosen
}

// Time writes a duration with three digits, for people.
func Time(d time.Duration) string {
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}
