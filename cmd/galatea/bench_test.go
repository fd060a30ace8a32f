package main

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	"galatea/internal/onnxtest"
)

func TestLevelsAreListsAndRanges(t *testing.T) {
	for text, want := range map[string][]int{
		"4": {4}, "1,4, 16": {1, 4, 16}, "1:4": {1, 2, 3, 4}, "1:9:4": {1, 5, 9}, "3:3": {3},
		"": nil, "0": nil, "x": nil, "1,": nil, "4:1": nil, "1:2:0": nil, "1:2:3:4": nil, "1:1000": nil,
	} {
		var got levels
		if err := got.UnmarshalText([]byte(text)); (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestBenchMeasuresEachLevelByBothProtocols(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "m", 1, onnxtest.Scale(2))
	s := serve(t, nil, "--model-repository="+root, "--shutdown-delay=0s")
	for _, protocol := range []string{"http", "grpc"} {
		for _, load := range []string{"--concurrency=1,3", "--rate=200:400:200"} {
			out, text, code := output(t, "bench", "m", "--server=http://"+s.addr, "--grpc-server="+s.grpc, "--protocol="+protocol, load, "--rows=2", "--duration=300ms", "--warmup=50ms", "--json", "--quiet")
			var all []benchLevel
			if err := json.Unmarshal([]byte(out), &all); code != 0 || err != nil || len(all) != 2 {
				t.Fatalf("%s %s: %d, %v: %s%s", protocol, load, code, err, out, text)
			}
			for _, b := range all {
				if b.Answers == 0 || b.Failed != 0 || b.Rate <= 0 || b.RowRate != 2*b.Rate || b.P50 <= 0 || b.P99 < b.P50 || b.Infer <= 0 || b.BatchRows < 2 {
					t.Errorf("%s %s: %+v", protocol, load, b)
				}
			}
		}
	}
	for _, c := range []command{
		{"bench m --concurrency=2 --duration=200ms --warmup=0s --quiet", 0, `^CALLERS +ANSWERS/S .*\n2 +[0-9]+ `},
		{"bench m --concurrency=2 --duration=200ms --warmup=0s", 0, `level 1 of 1: 2 callers`},
		{"bench m --input [1,2,3,4] --concurrency=1 --duration=100ms --warmup=0s", 0, `^ +1 \|#+\| [0-9]+/s, p99`},
		{"bench m --rows=100000", 1, `^galatea: --rows=100000: the model takes at most 64 in a request$`},
		{"bench nobody", 1, `^galatea: Request for unknown model: 'nobody' is not found$`},
		{"bench m --concurrency=0", 2, `expected numbers from 1 to 100000`},
		{"bench m --concurrency=999999999", 2, `expected numbers from 1 to 100000`},
		{"bench m --duration=0s", 2, `expected --duration`},
	} {
		c.try(t, s)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.end()
}

func TestTheLongestBarIsThatOfTheMostAnswers(t *testing.T) {
	if chart := chart([]benchLevel{{Callers: 1, Rate: 50}, {Callers: 2, Rate: 100}}); strings.Count(chart, "#") != 60 {
		t.Errorf("%s", chart)
	}
}
