package tune

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

// seen makes a result of the second round whose lone requests take a millisecond.
func seen(at Setting, rows float64, p99 time.Duration) Measured {
	return Measured{Setting: at, Round: 2, Rows: rows, P50: p99 / 2, P99: p99, Lone: ms}
}

func with(m Measured, change func(*Measured)) Measured {
	change(&m)
	return m
}

func present(m *Measured) { m.Present = true }

func TestTheChoice(t *testing.T) {
	small, middle, large := Setting{1, 2, 4}, Setting{1, 2, 16}, Setting{2, 1, 16}
	fast := Goal{LoneRatio: 1.5}
	for _, tt := range []struct {
		name string
		all  []Measured
		goal Goal
		want Setting
		why  string
	}{
		{
			"the most rows",
			[]Measured{seen(large, 900, 9*ms), with(seen(middle, 600, 4*ms), present), seen(small, 300, 2*ms)},
			fast, large,
			"2 instances, 1 thread, batches of up to 16: 900 rows/s, the most; 1.50 times what the model does now",
		},
		{
			"what keeps the p99",
			[]Measured{seen(large, 900, 9*ms), with(seen(middle, 600, 4*ms), present), seen(small, 300, 2*ms)},
			Goal{P99: 4 * ms, LoneRatio: 1.5},
			middle,
			"1 instance, 2 threads, batches of up to 16: 600 rows/s, the most of those that keep a p99 of at most 4ms; it is so now",
		},
		{
			"what does not make lone requests slow",
			[]Measured{with(seen(large, 900, 9*ms), func(m *Measured) { m.Lone = 2 * ms }), seen(middle, 600, 4*ms)},
			fast, middle,
			"1 instance, 2 threads, batches of up to 16: 600 rows/s, the most of those that keep lone requests within 1.5 times the shortest",
		},
		{
			"that they are held back, the config has said", []Measured{
				with(seen(large, 900, 9*ms), func(m *Measured) { m.Lone, m.Waits = 12*ms, true }),
				with(seen(middle, 600, 9*ms), func(m *Measured) { m.Lone, m.Waits = 10*ms, true }), seen(small, 300, 4*ms),
			}, fast, large, "2 instances, 1 thread, batches of up to 16: 900 rows/s, the most",
		},
		{
			"of equals, the fewer instances",
			[]Measured{seen(large, 1000, 9*ms), seen(middle, 960, 4*ms), seen(small, 300, 2*ms)},
			fast, middle,
			"1 instance, 2 threads, batches of up to 16: 960 rows/s, the simplest of the 2 within 5 % of the most, 1000 rows/s",
		},
		{
			"of equals that keep the p99",
			[]Measured{seen(large, 1000, 4*ms), seen(middle, 960, 4*ms), seen(small, 1100, 9*ms)},
			Goal{P99: 4 * ms, LoneRatio: 1.5},
			middle,
			"1 instance, 2 threads, batches of up to 16: 960 rows/s, the simplest of the 2 that keep a p99 of at most 4ms and are within 5 % of the most, 1000 rows/s",
		},
		{
			"of equals, the present one",
			[]Measured{seen(large, 960, 9*ms), with(seen(middle, 1000, 4*ms), present), seen(small, 970, 2*ms)},
			fast, middle,
			"1 instance, 2 threads, batches of up to 16: 1000 rows/s, the most; it is so now",
		},
		{
			"of equals, the present one, though another has more",
			[]Measured{with(seen(large, 960, 9*ms), present), seen(middle, 1000, 4*ms), seen(small, 970, 2*ms)},
			fast, large,
			"2 instances, 1 thread, batches of up to 16: 960 rows/s, the present one of the 3 within 5 % of the most, 1000 rows/s; it is so now",
		},
		{"then the larger batch", []Measured{seen(middle, 960, 9*ms), seen(large, 1000, 4*ms), seen(small, 970, 2*ms)}, fast, middle, ""},
		{"then the fewer threads", []Measured{seen(Setting{1, 4, 4}, 1000, 9*ms), seen(small, 960, 4*ms)}, fast, small, ""},
		{"fewer instances count before larger batches", []Measured{seen(Setting{2, 1, 64}, 1000, 9*ms), seen(middle, 1000, 4*ms)}, fast, middle, ""},
		{"what is beyond noise is no equal", []Measured{seen(large, 1000, 9*ms), seen(middle, 949, 4*ms)}, fast, large, ""},
		{"only what was looked at twice", []Measured{with(seen(large, 1000, 9*ms), func(m *Measured) { m.Round = 1 }), seen(middle, 600, 4*ms), seen(small, 500, 4*ms)}, fast, middle, ""},
		{"but for a second look at one", []Measured{with(seen(large, 1000, 9*ms), func(m *Measured) { m.Round = 1 }), seen(middle, 600, 4*ms)}, fast, large, ""},
		{"what failed is left out", []Measured{{Setting: small, Round: 2, Err: errors.New("broken")}, seen(middle, 600, 4*ms)}, fast, middle, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Choose(tt.all, tt.goal)
			if err != nil || got.Setting != tt.want || tt.why != "" && got.Why != tt.why {
				t.Errorf("got %v, %v: %s", got.Setting, err, got.Why)
			}
		})
	}
}

func TestNothingToChoose(t *testing.T) {
	_, err := Choose([]Measured{seen(Setting{1, 1, 8}, 900, 9*ms), seen(Setting{1, 1, 4}, 600, 4*ms)}, Goal{P99: ms, LoneRatio: 1.5})
	if err == nil || !strings.Contains(err.Error(), "none keeps a p99 of 1ms and answers lone requests fast enough: the lowest p99 is 4ms, with 1 instance, 1 thread, batches of up to 4") {
		t.Errorf("got %v", err)
	}
	if _, err := Choose(nil, Goal{}); err == nil {
		t.Error("nothing was chosen of nothing")
	}
}

func TestWhatIsLookedAtAgain(t *testing.T) {
	one := func(n int, rows float64) Measured { return seen(Setting{n, 1, 0}, rows, 4*ms) }
	goal := Goal{P99: 4 * ms, LoneRatio: 1.5}
	for _, tt := range []struct {
		name string
		all  []Measured
		want []int // instances
	}{
		{"nothing", nil, nil},
		{"the better half", []Measured{one(1, 100), one(2, 90), one(3, 110), one(4, 80)}, []int{3, 1}},
		{"and the present one", []Measured{one(1, 100), one(2, 90), one(3, 110), with(one(4, 10), present)}, []int{3, 1, 4}},
		{"not what is clearly worse", []Measured{one(1, 100), one(2, 49), one(3, 40), one(4, 10)}, []int{1}},
		{"what misses the goal by far comes last", []Measured{with(one(1, 100), func(m *Measured) { m.P99 = 7 * ms }), with(one(2, 60), func(m *Measured) { m.P99 = 5 * ms })}, []int{2}},
		{"at most eight", []Measured{one(1, 99), one(2, 98), one(3, 97), one(4, 96), one(5, 95), one(6, 94), one(7, 93), one(8, 92), one(9, 91), one(10, 90), one(11, 89), one(12, 88), one(13, 87), one(14, 86), one(15, 85), one(16, 84), one(17, 83), one(18, 82)}, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"never what failed", []Measured{{Setting: Setting{1, 1, 0}, Err: errors.New("broken")}, one(2, 1)}, []int{2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := survivors(tt.all, goal)
			fine := len(got) == len(tt.want)
			for i := range got {
				fine = fine && got[i].Instances == tt.want[i]
			}
			if !fine {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTimesHaveThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 12: "12ns", 12345: "12.3µs", 999_999: "1ms", 1_234_567: "1.23ms", 123_456_789: "123ms", 12_345_678_901: "12.3s",
	} {
		if got := Time(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}
