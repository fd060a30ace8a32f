package main

import (
	"strings"
	"testing"
)

// round is a visit whose loads have these rates, at 8 and at 64 connections, and
// latencies that grow with them.
func round(at8, at64 float64, memory int64) visit {
	return visit{
		Samples:   []sample{{Connections: 8, Rate: at8, P50: 2, P99: 4, Others: 0.01}, {Connections: 64, Rate: at64, P50: 20, P99: 40, Others: 0.02}},
		Processes: 2, Resident: 2 * memory, Shared: memory,
	}
}

func example() modelReport {
	return modelReport{Name: "m", What: "a model", Rows: []*row{
		{Server: galatea, What: "us", Format: binaryV2.name, Visits: []visit{round(500, 1000, 100<<20), round(400, 2000, 100<<20), round(700, 1500, 100<<20)}},
		{Server: galateaJSON, What: "us", Format: jsonV2.name, Visits: []visit{round(400, 500, 100<<20), round(300, 800, 100<<20), round(200, 750, 100<<20)}},
		{Server: "slow", What: "a peer", Releases: "slow 1.0", Format: jsonData.name, Visits: []visit{round(100, 102, 300<<20), round(80, 79, 300<<20), round(90, 91, 300<<20)}},
		{Server: "gone", What: "another", Releases: "gone 2.0", Format: binaryV2.name, Invalid: "it did not start"},
	}}
}

func TestTheBestIsTheFewestConnectionsThatAreAboutAsFast(t *testing.T) {
	m := example()
	m.summarize()
	if g := m.row(galatea); g.Connections != 64 || g.Rate != 1500 || g.Lowest != 1000 || g.Highest != 2000 || g.P99 != 40 {
		t.Errorf("%+v", g)
	}
	if s := m.row("slow"); s.Connections != 8 || s.Rate != 90 || s.P50 != 2 || s.Resident != 600<<20 || s.Shared != 300<<20 || s.Processes != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWhoNeverAnswersInTimeHasNoFigures(t *testing.T) {
	m := example()
	m.row("slow").Visits = []visit{round(0, 0, 1<<20), round(1, 0, 1<<20), round(0, 0, 1<<20)}
	m.summarize()
	if s := m.row("slow"); !strings.Contains(s.Invalid, "no answer") || s.Same != (ratios{}) {
		t.Errorf("%+v", s)
	}
}

func TestRatiosAreTheMedianOfTheRoundsOwn(t *testing.T) {
	m := example()
	m.summarize()
	slow := m.row("slow")
	if slow.against != galateaJSON {
		t.Errorf("a server of JSON is compared with %s", slow.against)
	}
	if want := (ratios{Rate: 90.0 / 750, P50: 0.1, P99: 0.1, Memory: 3}); slow.Same != want {
		t.Errorf("%+v, want %+v", slow.Same, want)
	}
	if want := 90.0 / 1500; slow.Binary.Rate != want {
		t.Errorf("against binary %v, want %v", slow.Binary.Rate, want)
	}
	if gone := m.row("gone"); gone.Same != (ratios{}) || gone.Binary != (ratios{}) {
		t.Errorf("ratios without figures: %+v", gone)
	}
	if json := m.row(galateaJSON); json.Same != (ratios{}) || json.Binary.Rate != 0.5 {
		t.Errorf("Galatea in JSON: %+v %+v", json.Same, json.Binary)
	}
}

func TestAServerWithoutFiguresIsPrintedWithTheReason(t *testing.T) {
	m := example()
	m.summarize()
	m.row("slow").AtItsRate, m.row("slow").Paced = 1.234, []sample{{Others: 0.07}}
	var text strings.Builder
	if err := (report{Models: []modelReport{m}, Rounds: 3, Seconds: 1.5}).print(&text); err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for line := range strings.Lines(text.String()) {
		if words := strings.Fields(line); len(words) > 0 {
			lines[words[0]] = append(lines[words[0]], strings.Join(words, " "))
		}
	}
	for first, want := range map[string]string{
		"galatea":      "galatea v2, binary 64 1500 (1000 to 2000) 20.0 40.0 100 200 2 2%",
		"slow":         "slow JSON 8 90 (80 to 100) 2.00 4.00 300 600 2 1%; slow 8.33x 16.7x 0.10x 0.10x 3.00x 4.00 1.23 7%",
		"galatea-json": "galatea-json v2, JSON 64 750 (500 to 800) 20.0 40.0 100 200 2 2%; galatea-json - 2.00x - - - - - -",
		"slow:":        "slow: a peer (slow 1.0)",
		"NO":           "NO FIGURES: it did not start",
	} {
		if got := strings.Join(lines[first], "; "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", first, got, want)
		}
	}
}
