package repository

import (
	"fmt"
	"slices"
	"time"
)

// Op is what an Action does.
type Op uint8

// The actions of a plan.
const (
	Enlist Op = iota // record this generation as pending: no worker is free
	Load             // open it in a worker
	Drain            // unpublish it, wait for its requests, close it
	Cancel           // stop its load
	Forget           // drop the record of a failed generation
)

// String returns the action's name in lower case.
func (o Op) String() string { return [...]string{"enlist", "load", "drain", "cancel", "forget"}[o] }

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
		actions = append(actions, m.actions(&free)...)
	}
	return actions
}

// relevant returns what of want matters to a reader of the index: of each model the
// versions that its policy serves, and those in whose place others stand in. A model
// of which the policy leaves nothing is a Desired with Version 0 and an Err, too.
func relevant(want []Desired, have []Observed) []Desired {
	var all []Desired
	wanted := groupDesired(want)
	observed := groupObserved(have)
	for _, name := range names(wanted, nil) {
		m := modelPlan{want: wanted[name], have: observed[name]}
		versions := m.considered()
		if len(versions) == 0 {
			err := fmt.Errorf("at least one version must be available under the version policy of model '%s'", name)
			versions = []Desired{{Name: name, Root: m.want[0].Root, Err: err}}
		}
		all = append(all, versions...)
	}
	return all
}

// modelPlan plans one model.
type modelPlan struct {
	want []Desired
	have []Observed
	now  time.Time
}

func (m *modelPlan) actions(free *Budget) []Action {
	chosen := m.chosen()
	var actions []Action
	s := service{all: len(chosen) > 0}
	makeRoom := len(chosen) > 0 && chosen[0].Policy.Rollout.ResourceFirst && m.crowded(chosen)
	for _, d := range chosen {
		if m.held(d) {
			s.any = s.any || !d.Trial
			continue // what serves under this number goes on
		}
		o, known := m.generation(d.Version, d.Digest)
		if known && o.State == Ready {
			s.any = s.any || !d.Trial
			s.all = s.all && !d.Trial
			continue
		}
		s.all = false
		due := !known || o.State == Pending || o.State == Failed && (o.Gate != d.Gate || !m.now.Before(o.NextTry))
		switch {
		case due && makeRoom:
			s.room = true
		case due && free.Loads > 0:
			free.Loads--
			actions = append(actions, Action{Load, d.Name, d.Version, d.Digest, "wanted"})
		case !known:
			actions = append(actions, Action{Enlist, d.Name, d.Version, d.Digest, "wanted"})
		}
	}
	return append(actions, m.retire(chosen, s)...)
}

// service says what is there without the generations that are to go.
type service struct {
	all  bool // every chosen version is ready, and none is on trial
	any  bool // one of them is ready and not on trial
	room bool // a load waits for the memory of what is to go
}

// crowded reports whether generations are in memory that are not chosen.
func (m *modelPlan) crowded(chosen []Desired) bool {
	return slices.ContainsFunc(m.have, func(o Observed) bool {
		d, is := find(chosen, o.Version)
		return o.State >= Ready && o.State < Gone && (!is || d.Digest != o.Digest && !m.held(d))
	})
}

// chosen returns the versions that are to be served. A version whose files are held
// is among them only while an earlier generation of it serves.
func (m *modelPlan) chosen() []Desired {
	return slices.DeleteFunc(m.considered(), m.missing)
}

// considered applies the policy. The versions that cannot be served now, because they
// are refused, still settling or failing, do not count against it: the next ones stand
// in for them.
func (m *modelPlan) considered() []Desired {
	byVersion := map[int64]Desired{}
	var versions []int64
	var all []Desired
	var policy Policy
	for _, d := range m.want {
		policy = d.Policy
		if d.Version == 0 {
			all = append(all, d)
			continue
		}
		byVersion[d.Version] = d
		versions = append(versions, d.Version)
	}
	needsStandIn := func(v int64) bool {
		d := byVersion[v]
		// Where two do not fit into memory, none stands in while the same is tried again.
		failing := m.failing(d) && !policy.Rollout.ResourceFirst
		return m.missing(d) || failing || d.Trial
	}
	for _, v := range policy.choose(versions, needsStandIn) {
		all = append(all, byVersion[v])
	}
	return all
}

// held reports whether a version's files are not to be loaded, now or ever.
func (m *modelPlan) held(d Desired) bool { return d.Settling || m.refused(d) }

// missing reports whether a version can be served neither from its files nor from
// what was loaded before, or is not to be.
func (m *modelPlan) missing(d Desired) bool {
	return d.Withdrawn != "" || m.held(d) && !m.anyReady(d.Version)
}

// refused reports whether a version's present files will never load.
func (m *modelPlan) refused(d Desired) bool {
	if d.Err != nil {
		return true
	}
	o, known := m.generation(d.Version, d.Digest)
	return known && o.State == Failed && o.Terminal && o.Gate == d.Gate
}

// failing reports whether the version has failed, is or will be tried again, and
// has nothing that serves meanwhile.
func (m *modelPlan) failing(d Desired) bool {
	o, known := m.generation(d.Version, d.Digest)
	return known && o.Attempts > 0 && !m.anyReady(d.Version)
}

func (m *modelPlan) anyReady(version int64) bool {
	return slices.ContainsFunc(m.have, func(o Observed) bool { return o.Version == version && o.State == Ready })
}

// generation finds the one that is not on its way out.
func (m *modelPlan) generation(version int64, digest string) (Observed, bool) {
	for _, o := range m.have {
		if o.Version == version && o.Digest == digest && o.State.stays() {
			return o, true
		}
	}
	return Observed{}, false
}

// retire returns what to do with the generations that are not, or no longer, wanted.
func (m *modelPlan) retire(chosen []Desired, s service) []Action {
	var actions []Action
	for _, o := range m.have {
		d, isChosen := find(chosen, o.Version)
		current := isChosen && d.Digest == o.Digest
		switch {
		case o.State < Ready:
			if !o.Cancelled && (!current || m.held(d)) {
				actions = append(actions, Action{Cancel, o.Name, o.Version, o.Digest, "no longer wanted"})
			}
		case o.State == Ready:
			if why := m.drain(o, d, isChosen, s); why != "" {
				actions = append(actions, Action{Drain, o.Name, o.Version, o.Digest, why})
			}
		case o.State == Failed && !m.listed(o):
			actions = append(actions, Action{Forget, o.Name, o.Version, o.Digest, "its files are gone"})
		}
	}
	return actions
}

// drain says why a ready generation is to go, or "" when it stays. d is what is chosen
// of its number.
func (m *modelPlan) drain(o Observed, d Desired, isChosen bool, s service) string {
	switch {
	case len(m.want) == 0:
		return "the model is not wanted"
	case isChosen && d.Digest == o.Digest:
		return ""
	case s.room && (!isChosen || !m.held(d)):
		return "its memory is needed for the next version"
	case isChosen: // the same number with other files
		if next, known := m.generation(d.Version, d.Digest); known && next.State == Ready {
			return "replaced"
		}
		return ""
	}
	asked, listed := find(m.want, o.Version)
	switch {
	case s.any && listed && asked.Withdrawn != "":
		return asked.Withdrawn
	case s.any && !listed:
		return "its files are gone"
	case s.all:
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
