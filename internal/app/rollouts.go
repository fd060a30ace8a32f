package app

import (
	"context"
	"log/slog"

	"galatea/repository"
	"galatea/rollout"
)

// newDirector joins the part that carries out rollouts with the part that decides which
// versions there are, which do not know each other.
func newDirector(router *repository.Router, control *repository.Reconciler, log *slog.Logger) *rollout.Director {
	return rollout.New(router, rollout.Options{
		Trial: func(model string) (rollout.Trial, bool) {
			t, goesOn := router.Trial(model)
			if !goesOn {
				return rollout.Trial{}, false
			}
			return trialOf(t), true
		},
		Trials: func() []rollout.Trial {
			var all []rollout.Trial
			for _, t := range router.Trials() {
				all = append(all, trialOf(t))
			}
			return all
		},
		Judge: judge{control},
		Log:   log,
	})
}

// trialOf is a trial in the words of package rollout.
func trialOf(t repository.TrialInfo) rollout.Trial {
	return rollout.Trial{Model: t.Model, Version: t.Version, Digest: t.Digest, Step: t.Step, Since: t.Since, Lanes: t.Lanes, Plan: t.Plan}
}

// judge tells the reconciler what a trial has led to.
type judge struct{ control *repository.Reconciler }

var _ rollout.Judge = judge{}

func (j judge) Advance(ctx context.Context, t rollout.Trial, step int) error {
	return j.control.Advance(ctx, infoOf(t), step)
}

func (j judge) Judge(ctx context.Context, t rollout.Trial, take bool, why string) error {
	return j.control.Judge(ctx, infoOf(t), take, why)
}

func infoOf(t rollout.Trial) repository.TrialInfo {
	return repository.TrialInfo{Model: t.Model, Version: t.Version, Digest: t.Digest, Plan: t.Plan}
}
