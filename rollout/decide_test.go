package rollout

import (
	"strings"
	"testing"
	"time"

	"galatea/config"
)

func TestDecide(t *testing.T) {
	canary := config.Plan{
		Strategy: config.StrategyCanary,
		Steps:    []config.Step{{Percent: 5, Duration: time.Minute, Requests: 10}, {Percent: 50, Duration: time.Minute}},
		Bounds:   config.Bounds{ErrorPercent: 1, LatencyRatio: 2, AgreementPercent: 90, MinRequests: 20},
	}
	shadow := config.Plan{Strategy: config.StrategyShadow, Steps: []config.Step{{Percent: 10, Requests: 30}}, Bounds: config.Bounds{Difference: 0.5, MinRequests: 5}}
	good := Counts{Requests: 100, StableRequests: 100, Latency: 100 * time.Millisecond, StableLatency: 100 * time.Millisecond}
	with := func(change func(*Counts)) Counts {
		c := good
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name string
		plan config.Plan
		step int
		in   time.Duration
		c    Counts
		want Verdict
		why  string
	}{
		{"a step lasts as long as it has to", canary, 0, time.Minute - 1, good, GoOn, ""},
		{"a step has the requests that it has to", canary, 0, time.Hour, Counts{Requests: 9}, GoOn, ""},
		{"both are there -> the next step", canary, 0, time.Minute, good, NextStep, ""},
		{"the last step ends with the promotion", canary, 1, time.Minute, good, Promote, "its canary stayed within the limits, the last step over 100 requests"},
		{"a plan that has become shorter -> promoted", canary, 2, 0, good, Promote, "its steps have passed"},
		{"errors within the limit", canary, 0, time.Second, with(func(c *Counts) { c.Errors = 1 }), GoOn, ""},
		{"errors beyond it, at once", canary, 0, 0, with(func(c *Counts) { c.Errors = 2 }), RollBack, "2.0 % of its 100 requests failed, 0.0 % of the old version's: at most 1 % more may"},
		{"errors that the old version has, too", canary, 0, time.Second, with(func(c *Counts) { c.Errors, c.StableErrors = 30, 30 }), GoOn, ""},
		{"errors of too few requests", canary, 0, time.Second, Counts{Requests: 19, Errors: 19}, GoOn, ""},
		{"errors of too few requests are no promotion", shadow, 0, time.Hour, Counts{Requests: 4, Errors: 4, Compared: 30}, GoOn, ""},
		{"errors of too few requests are no next step", canary, 0, time.Hour, Counts{Requests: 10, Errors: 10}, GoOn, ""},
		{"slower within the limit", canary, 0, time.Second, with(func(c *Counts) { c.Latency = 200 * time.Millisecond }), GoOn, ""},
		{"slower beyond it", canary, 0, time.Second, with(func(c *Counts) { c.Latency = 210 * time.Millisecond }), RollBack, "it takes 2.1ms on average, 2.10 times the old version's 1ms: at most 2 times is allowed"},
		{"slower than nothing", canary, 0, time.Second, with(func(c *Counts) { c.StableRequests, c.StableLatency = 0, 0 }), GoOn, ""},
		{"labels agree enough", canary, 0, time.Second, with(func(c *Counts) { c.Rows, c.Agreed = 100, 90 }), GoOn, ""},
		{"labels do not", canary, 0, time.Second, with(func(c *Counts) { c.Rows, c.Agreed = 100, 89 }), RollBack, "its labels agree with the old version's in 89.0 % of 100 rows: at least 90 % must"},
		{"labels of too few rows", canary, 0, time.Second, with(func(c *Counts) { c.Rows, c.Agreed = 19, 0 }), GoOn, ""},
		{"labels of too few rows are no promotion", canary, 1, time.Hour, with(func(c *Counts) { c.Rows, c.Agreed = 19, 0 }), GoOn, ""},
		{"a shadow counts what was compared", shadow, 0, time.Hour, Counts{Requests: 100, Compared: 29}, GoOn, ""},
		{"a shadow that has compared enough", shadow, 0, 0, Counts{Compared: 30, Largest: 0.5}, Promote, "its shadow stayed within the limits over 30 requests"},
		{"a difference beyond the limit, at once", shadow, 0, 0, Counts{Compared: 1, Largest: 0.6, Worst: `output "y"`}, RollBack, `its answers differ by up to 0.6 (output "y"): at most 0.5 is allowed`},
		{"no bound at all", config.Plan{Steps: []config.Step{{Requests: 1}}}, 0, 0, Counts{Errors: 9, Requests: 9, Largest: 9, Rows: 9, Compared: 9}, RollBack, "100.0 % of its 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := Decide(tt.plan, tt.step, tt.in, tt.c)
			if got != tt.want || !strings.HasPrefix(why, tt.why) || (tt.why == "") != (why == "") {
				t.Errorf("got %v, %q", got, why)
			}
		})
	}
}
