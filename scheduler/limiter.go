package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Resource is something that the runs of all models share.
type Resource struct {
	Name   string
	Device string // the device that has its own; "": there is one for all
}

// Demand is what a lane's runs need beside the lane. The zero value is nothing.
type Demand struct {
	Resources map[Resource]int
	Priority  int // of 2 it runs half as often as of 1 while both wait; 0 is 1
}

// Limiter gives out resources to the lanes of all queues, each time all that a run
// needs or nothing, so that no two runs wait for each other's. A Limiter may be used
// from several goroutines. The zero value is ready for use.
type Limiter struct {
	mu      sync.Mutex
	limits  map[string]int   // by name; others have as much as the greatest demand of a registered lane
	used    map[Resource]int // by runs
	lanes   []*permit        // registered
	waiting []*permit
}

// permit is a lane's right to run. Its fields are the limiter's.
type permit struct {
	demand  Demand
	grant   func() // says that the permit is there; it must not block
	used    int    // turns so far, times the priority
	waits   bool
	granted bool
}

// SetLimits says how much there is of the resources, by name, for each device or in all.
// A limit below what a lane needs at once counts as what it needs.
func (l *Limiter) SetLimits(limits map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = maps.Clone(limits)
	l.giveLocked()
}

// register makes the permit of a lane. grant is called, under a lock, whenever what
// was asked for is there.
func (l *Limiter) register(d Demand, grant func()) *permit {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &permit{demand: d, grant: grant}
	l.lanes = append(l.lanes, p)
	return p
}

// unregister ends a lane's permit, whatever its state.
func (l *Limiter) unregister(p *permit) {
	l.release(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lanes = slices.DeleteFunc(l.lanes, func(o *permit) bool { return o == p })
}

// holds reports whether the permit is there.
func (l *Limiter) holds(p *permit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.granted
}

// ask begins to wait for the permit, unless it waits already. What the permit holds
// goes back at the same time, so that those who wait and this one compete for it.
func (l *Limiter) ask(p *permit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.waits {
		return
	}
	if !p.granted && len(l.waiting) > 0 { // who comes back has no claim on the turns it let pass
		p.used = max(p.used, slices.MinFunc(l.waiting, byUse).used)
	}
	l.returnLocked(p)
	p.waits = true
	l.waiting = append(l.waiting, p)
	l.giveLocked()
}

// release gives back what the permit holds, or ends its wait.
func (l *Limiter) release(p *permit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.waits {
		l.waiting = slices.DeleteFunc(l.waiting, func(o *permit) bool { return o == p })
		p.waits = false
	}
	l.returnLocked(p)
	l.giveLocked()
}

func (l *Limiter) returnLocked(p *permit) {
	if !p.granted {
		return
	}
	p.granted = false
	for r, n := range p.demand.Resources {
		if l.used[r] -= n; l.used[r] == 0 {
			delete(l.used, r)
		}
	}
}

// giveLocked grants what can be granted, in turn. Nobody passes one who waits longer
// for some of the same resources: else one who needs much would never get it.
func (l *Limiter) giveLocked() {
	slices.SortStableFunc(l.waiting, byUse)
	var claimed map[Resource]bool
	l.waiting = slices.DeleteFunc(l.waiting, func(p *permit) bool {
		fits := true
		for r, n := range p.demand.Resources {
			fits = fits && !claimed[r] && l.used[r]+n <= l.limitLocked(r)
		}
		if !fits {
			if claimed == nil {
				claimed = map[Resource]bool{}
			}
			for r := range p.demand.Resources {
				claimed[r] = true
			}
			return false
		}
		if l.used == nil {
			l.used = map[Resource]int{}
		}
		for r, n := range p.demand.Resources {
			l.used[r] += n
		}
		p.waits, p.granted = false, true
		p.used += max(1, p.demand.Priority)
		p.grant()
		return true
	})
}

func byUse(a, b *permit) int { return cmp.Compare(a.used, b.used) }

// limitLocked is how much there is of a resource.
func (l *Limiter) limitLocked(r Resource) int {
	limit := l.limits[r.Name]
	for _, p := range l.lanes {
		limit = max(limit, p.demand.Resources[r])
	}
	return limit
}
