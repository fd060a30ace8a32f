package repository

import (
	"errors"
	"slices"
	"time"
)

// Op is what an Action does.
type Op uint8

// The actions of a plan.
const (
	Load   Op = iota // open this generation in a worker
	Drain            // unpublish it, wait for its requests, close it
	Cancel           // stop its load
	Forget           // drop the record of a failed generation
)

// String returns the action's name in lower case.
func (o Op) String() string { return [...]string{"load", "drain", "cancel", "forget"}[o] }

// Action is a step towards what is wanted.
type Action struct {
	Op      Op
	Name    string
	Version int64
	Digest  string
	Why     string
}

// Budget is what may be used at once.
type Budget struct {
	Loads int // free workers
}

// plan compares what is wanted with what is observed and returns what to do. It
// never drains the last ready version of a wanted model before another is ready.
//
// want holds the versions of wanted models only, each with its policy; have holds
// every generation that is not gone.
func plan(want []Desired, have []Observed, free Budget, now time.Time) []Action {
	var actions []Action
	wanted := groupDesired(want)
	observed := groupObserved(have)
	for _, name := range names(wanted, observed) {
		m := modelPlan{want: wanted[name], have: observed[name], now: now}
		actions = append(actions, m.actions()...)
	}
	return slices.DeleteFunc(actions, func(a Action) bool {
		if a.Op != Load {
			return false
		}
		free.Loads--
		return free.Loads < 0
	})
}

// separate settles which repository a model comes from when several have it: the
// one whose version serves or is being loaded; else none, and all are refused. The
// second result holds the newcomers beside a model that serves.
func separate(want []Desired, have []Observed) (kept, newcomers []Desired) {
	observed := groupObserved(have)
	for _, name := range names(groupDesired(want), nil) {
		all := groupDesired(want)[name]
		roots := map[string]bool{}
		for _, d := range all {
			roots[d.Root] = true
		}
		holder, held := "", false
		for _, o := range observed[name] {
			if o.State < Draining && roots[o.Root] {
				holder, held = o.Root, true
			}
		}
		for _, d := range all {
			if len(roots) > 1 && (!held || d.Root != holder) {
				d.Err = errTwoRepositories
			}
			if held && d.Root != holder && len(roots) > 1 {
				newcomers = append(newcomers, d)
			} else {
				kept = append(kept, d)
			}
		}
	}
	return kept, newcomers
}

// errTwoRepositories has Triton's words.
var errTwoRepositories = errors.New("model appears in two or more repositories")

// modelPlan plans one model.
type modelPlan struct {
	want []Desired
	have []Observed
	now  time.Time
}

func (m *modelPlan) actions() []Action {
	chosen := m.chosen()
	var actions []Action
	served := len(chosen) > 0
	for _, d := range chosen {
		o, known := m.generation(d.Version, d.Digest)
		switch {
		case d.Settling, m.refused(d):
			// What serves under this number goes on; the new files are not, or never, looked at.
			served = served && m.anyReady(d.Version)
		case !known, o.State == Failed && !o.Terminal && !m.now.Before(o.NextTry):
			actions = append(actions, Action{Load, d.Name, d.Version, d.Digest, "wanted"})
			served = false
		case o.State != Ready:
			served = false
		}
	}
	return append(actions, m.retire(chosen, served)...)
}

// chosen applies the policy over the versions that have not terminally failed. Of a
// version whose new files are refused or still settling, the generation that serves
// counts.
func (m *modelPlan) chosen() []Desired {
	byVersion := map[int64]Desired{}
	var candidates []int64
	var policy Policy
	for _, d := range m.want {
		policy = d.Policy
		if (m.refused(d) || d.Settling) && !m.anyReady(d.Version) {
			continue
		}
		byVersion[d.Version] = d
		candidates = append(candidates, d.Version)
	}
	var chosen []Desired
	for _, v := range policy.choose(candidates, m.failing) {
		chosen = append(chosen, byVersion[v])
	}
	return chosen
}

// refused reports whether a version's present files will never load.
func (m *modelPlan) refused(d Desired) bool {
	if d.Err != nil {
		return true
	}
	o, known := m.generation(d.Version, d.Digest)
	return known && o.State == Failed && o.Terminal
}

// failing reports whether the version has failed, is or will be tried again, and
// has nothing that serves meanwhile.
func (m *modelPlan) failing(version int64) bool {
	for _, d := range m.want {
		if d.Version == version {
			o, known := m.generation(version, d.Digest)
			return known && o.Attempts > 0 && !m.anyReady(version)
		}
	}
	return false
}

func (m *modelPlan) anyReady(version int64) bool {
	return slices.ContainsFunc(m.have, func(o Observed) bool { return o.Version == version && o.State == Ready })
}

func (m *modelPlan) generation(version int64, digest string) (Observed, bool) {
	for _, o := range m.have {
		if o.Version == version && o.Digest == digest && (o.State < Draining || o.State == Failed) {
			return o, true
		}
	}
	return Observed{}, false
}

// retire returns what to do with the generations that are not, or no longer, wanted.
// served says that every chosen version is ready.
func (m *modelPlan) retire(chosen []Desired, served bool) []Action {
	var actions []Action
	for _, o := range m.have {
		d, isChosen := find(chosen, o.Version)
		current := isChosen && d.Digest == o.Digest
		switch {
		case o.State == Pending || o.State == Loading || o.State == Warming:
			if !current || d.Settling {
				actions = append(actions, Action{Cancel, o.Name, o.Version, o.Digest, "no longer wanted"})
			}
		case o.State == Ready:
			if why := m.drain(o, d, isChosen, current, served); why != "" {
				actions = append(actions, Action{Drain, o.Name, o.Version, o.Digest, why})
			}
		case o.State == Failed && !m.listed(o):
			actions = append(actions, Action{Forget, o.Name, o.Version, o.Digest, "its files are gone"})
		}
	}
	return actions
}

// drain says why a ready generation is to go, or "" when it stays.
func (m *modelPlan) drain(o Observed, d Desired, isChosen, current, served bool) string {
	switch {
	case len(m.want) == 0:
		return "the model is not wanted"
	case current:
		return ""
	case isChosen: // the same number with other files
		if next, known := m.generation(d.Version, d.Digest); known && next.State == Ready {
			return "replaced"
		}
		return ""
	case served:
		return "not wanted by the version policy"
	default:
		return ""
	}
}

// listed reports whether a failed generation's files are still there, as they were.
func (m *modelPlan) listed(o Observed) bool {
	return slices.ContainsFunc(m.want, func(d Desired) bool { return d.Version == o.Version && d.Digest == o.Digest })
}

func find(all []Desired, version int64) (Desired, bool) {
	for _, d := range all {
		if d.Version == version {
			return d, true
		}
	}
	return Desired{}, false
}

func groupDesired(all []Desired) map[string][]Desired {
	groups := map[string][]Desired{}
	for _, d := range all {
		groups[d.Name] = append(groups[d.Name], d)
	}
	return groups
}

func groupObserved(all []Observed) map[string][]Observed {
	groups := map[string][]Observed{}
	for _, o := range all {
		groups[o.Name] = append(groups[o.Name], o)
	}
	return groups
}

func names(want map[string][]Desired, have map[string][]Observed) []string {
	var all []string
	for name := range want {
		all = append(all, name)
	}
	for name := range have {
		if _, known := want[name]; !known {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
