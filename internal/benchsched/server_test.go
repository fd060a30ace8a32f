package main

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShareOfAnswersWithinABound(t *testing.T) {
	before := took{"0.005": 10, "0.25": 20, "+Inf": 20}
	after := took{"0.005": 100, "0.25": 118, "+Inf": 120}
	if got := after.within(before, toldWithin); got != 0.9 {
		t.Errorf("%v within 5 ms", got)
	}
	if got := after.within(before, overloadTimeout); got != 0.98 {
		t.Errorf("%v within 250 ms", got)
	}
	if got := before.within(before, time.Second); got != 0 {
		t.Errorf("%v of nothing", got)
	}
}
