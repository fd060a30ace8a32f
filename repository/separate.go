package repository

import "errors"

// errTwoRepositories has Triton's words.
var errTwoRepositories = errors.New("model appears in two or more repositories")

// separate settles which repository a model comes from when several have it: the
// one whose version serves or is being loaded; else none, and all are refused. The
// second result holds the newcomers beside a model that serves.
func separate(want []Desired, have []Observed) (kept, newcomers []Desired) {
	wanted := groupDesired(want)
	observed := groupObserved(have)
	for _, name := range names(wanted, nil) {
		roots := map[string]bool{}
		for _, d := range wanted[name] {
			roots[d.Root] = true
		}
		if len(roots) == 1 {
			kept = append(kept, wanted[name]...)
			continue
		}
		holder, held := holderOf(roots, observed[name])
		for _, d := range wanted[name] {
			switch {
			case !held:
				d.Err = errTwoRepositories
				kept = append(kept, d)
			case d.Root == holder:
				kept = append(kept, d)
			default:
				d.Err = errTwoRepositories
				newcomers = append(newcomers, d)
			}
		}
	}
	return kept, newcomers
}

// holderOf returns the repository that a model's best generation comes from, if it
// is among roots.
func holderOf(roots map[string]bool, have []Observed) (holder string, held bool) {
	best := Pending
	for _, o := range have {
		if o.State <= Ready && roots[o.Root] && (!held || o.State > best) {
			holder, held, best = o.Root, true, o.State
		}
	}
	return holder, held
}
