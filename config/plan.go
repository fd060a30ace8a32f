package config

import (
	"fmt"
	"time"
)

// Plan is a Rollout with nothing left open. The zero value is an immediate one.
type Plan struct {
	Strategy             Strategy // never ""
	ResourceFirst        bool     // unload the old version before the new one is loaded
	AllowSignatureChange bool
	Steps                []Step // of a canary; a shadow has one
	StickyHeader         string // "": none
	ComparePercent       float64
	Bounds               Bounds
}

// Step is a stage of a rollout: a share of the requests, and what ends it.
type Step struct {
	Percent  float64       // for a canary, of the requests; for a shadow, of those that are copied
	Duration time.Duration // at least
	Requests int           // at least: answered by a canary, compared by a shadow
}

// Bounds say what ends a rollout with a rollback.
type Bounds struct {
	ErrorPercent     float64 // beyond the old version's
	LatencyRatio     float64 // 0: none
	AgreementPercent float64 // 0: none
	Difference       float64 // 0: none
	MinRequests      int     // before a bound counts
}

// RolloutPlan returns how a new version of the model takes over.
func (m *Model) RolloutPlan() Plan {
	p := Plan{Strategy: StrategyImmediate}
	o := m.Rollout
	if o == nil {
		return p
	}
	p.ResourceFirst, p.AllowSignatureChange = o.Order == OrderResource, o.AllowSignatureChange
	switch o.Strategy {
	case StrategyCanary:
		p.Strategy = StrategyCanary
		c := o.Canary
		if c == nil {
			c = &Canary{}
		}
		for _, s := range c.Steps {
			p.Steps = append(p.Steps, Step(s))
		}
		if len(p.Steps) == 0 {
			for _, percent := range []float64{5, 25, 50} {
				p.Steps = append(p.Steps, Step{percent, time.Minute, 50})
			}
		}
		p.StickyHeader, p.ComparePercent, p.Bounds = c.StickyHeader, or(c.ComparePercent, 10), c.Limits.bounds()
	case StrategyShadow:
		p.Strategy = StrategyShadow
		s := o.Shadow
		if s == nil {
			s = &Shadow{}
		}
		p.Steps = []Step{{or(s.Percent, 10), or(s.Duration, time.Minute), or(s.Requests, 50)}}
		p.Bounds = s.Limits.bounds()
	default:
	}
	return p
}

func (l *Limits) bounds() Bounds {
	if l == nil {
		l = &Limits{}
	}
	return Bounds{
		ErrorPercent: or(l.MaxErrorPercent, 1), LatencyRatio: or(l.MaxLatencyRatio, 2), AgreementPercent: or(l.MinAgreementPercent, 90),
		Difference: or(l.MaxDifference, 0), MinRequests: or(l.MinRequests, 20),
	}
}

func or[T any](p *T, standard T) T {
	if p == nil {
		return standard
	}
	return *p
}

// Describe says, for people, what a step of the plan does.
func (p Plan) Describe(step int) string {
	if step >= len(p.Steps) {
		return string(p.Strategy)
	}
	s := p.Steps[step]
	if p.Strategy == StrategyShadow {
		return fmt.Sprintf("shadow of %v %% of the requests", s.Percent)
	}
	return fmt.Sprintf("canary, step %d of %d: %v %% of the requests", step+1, len(p.Steps), s.Percent)
}
