package repository

import (
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

func labelled(labels map[string]int64, versions ...any) []Desired {
	return trying(Policy{All: true, Labels: labels}, versions...)
}

func TestLabelComesBackToAVersionThatWasAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Policy{All: true, Labels: map[string]int64{"stable": 1}}
		p.Rollout.ResourceFirst = true
		b := begin(t, Options{}, trying(p, 1, "a", 2, "b"), func(b *bench) { b.loader.on("a2", lasting(time.Second)) })
		stable := infer.Ref{Name: "m", Label: "stable"}
		b.serves(stable, "a")
		b.has(trying(p, 1, "a2", 2, "b"))
		b.after(time.Minute)
		b.serves(stable, "a2")
	})
}

func TestLabelWhoseVersionStillLoadsGoesThereInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, labelled(map[string]int64{"stable": 1}, 1, "a", 2, "b"), func(b *bench) { b.loader.on("c", lasting(time.Minute)) })
		stable := infer.Ref{Name: "m", Label: "stable"}
		b.has(labelled(map[string]int64{"stable": 3}, 1, "a", 2, "b", 3, "c"))
		b.serves(stable, "a")
		b.has(labelled(map[string]int64{"stable": 3}, 2, "b", 3, "c"))
		b.serves(stable, "b")
		b.after(time.Hour)
		b.serves(stable, "c")
	})
}

func TestLabelOfAVersionThatIsRolledBackStaysWhereItWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, labelled(map[string]int64{"stable": 3}, 1, "a", 2, "b", 3, "c"))
		if _, err := b.RollBack(t.Context(), "m", "bad"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stable := infer.Ref{Name: "m", Label: "stable"}
		b.serves(stable, "b")
		b.has(labelled(map[string]int64{"stable": 3}, 1, "a", 2, "b", 3, "d"))
		b.serves(model("m"), "d")
		b.serves(stable, "b")
	})
}

func TestPinsOutliveAConfigThatIsWrongForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := &Settings{Models: map[string]*ModelSettings{"m": {
			Accepted: []string{"a"}, Live: 1, Labels: map[string]*Pin{"stable": {Version: 1, Config: 2}}, Trial: &Trial{Version: 2, Digest: "b", Step: 1},
		}}}
		wrong := trying(Policy{Unknown: true}, 1, "a", 2, "b")
		wrong[0].Err, wrong[1].Err = errBoom, errBoom
		b := begin(t, Options{Settings: settings}, wrong)
		p := canary()
		p.Labels = map[string]int64{"stable": 2}
		b.has(trying(p, 1, "a", 2, "b"))
		b.serves(infer.Ref{Name: "m", Label: "stable"}, "a")
		if settings.get("m").Labels["stable"] == nil || settings.get("m").Trial.Step != 1 {
			t.Errorf("left: %+v", settings.get("m"))
		}
	})
}
