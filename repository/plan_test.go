package repository

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	noon       = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	errBroken  = errors.New("broken")
	latest     = Policy{}
	latestTwo  = Policy{Latest: 2}
	everything = Policy{All: true}
)

func specific(versions ...int64) Policy { return Policy{Specific: versions} }

// split cuts "a/1=x, 2=y" into its parts; the model's name is m where none is given.
func split(text string, f func(name string, version int64, digest, word string)) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		id, word, _ := strings.Cut(part, " ")
		name, rest, found := strings.Cut(id, "/")
		if !found {
			name, rest = "m", id
		}
		number, digest, _ := strings.Cut(rest, "=")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err)
		}
		f(name, version, digest, word)
	}
}

// files reads what a source has, such as "1=a, 2=b settling, 3=c wrong"; a version is
// its number and its digest.
func files(p Policy, text string) []Desired {
	var all []Desired
	split(text, func(name string, version int64, digest, word string) {
		d := Desired{Name: name, Version: version, Root: "/r", Digest: digest, Policy: p}
		switch word {
		case "":
		case "settling":
			d.Settling = true
		case "wrong":
			d.Err = errBroken
		default:
			panic(word)
		}
		all = append(all, d)
	})
	return all
}

// observed reads generations, such as "1=a ready, 2=b failed".
func observed(text string) []Observed {
	states := map[string]Observed{
		"pending":   {State: Pending},
		"loading":   {State: Loading},
		"cancelled": {State: Loading, Cancelled: true},
		"retrying":  {State: Warming, Attempts: 1, NextTry: noon.Add(-time.Second)},
		"ready":     {State: Ready},
		"draining":  {State: Draining},
		"closing":   {State: Closing},
		"failed":    {State: Failed, Attempts: 1, NextTry: noon.Add(time.Second)},
		"due":       {State: Failed, Attempts: 1, NextTry: noon},
		"refused":   {State: Failed, Attempts: 1, NextTry: noon, Terminal: true},
	}
	var all []Observed
	split(text, func(name string, version int64, digest, word string) {
		o, known := states[word]
		if !known {
			panic(word)
		}
		o.Name, o.Version, o.Digest, o.Root = name, version, digest, "/r"
		all = append(all, o)
	})
	return all
}

func show(actions []Action) string {
	var parts []string
	for _, a := range actions {
		model := a.Name + "/"
		if a.Name == "m" {
			model = ""
		}
		parts = append(parts, fmt.Sprintf("%v %s%d=%s", a.Op, model, a.Version, a.Digest))
	}
	return strings.Join(parts, ", ")
}

func TestPlan(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy Policy
		files  string
		have   string
		then   string
	}{
		{"a new model -> loaded", latest, "1=a", "", "load 1=a"},
		{"everything as wanted -> nothing", latest, "1=a", "1=a ready", ""},
		{"loading already -> nothing", latest, "1=a", "1=a loading", ""},
		{"pending, and a worker is free -> loaded", latest, "1=a", "1=a pending", "load 1=a"},

		{"new digest -> loads the new while the old serves", latest, "1=b", "1=a ready", "load 1=b"},
		{"replacement loading -> the old serves", latest, "1=b", "1=a ready, 1=b loading", ""},
		{"replacement ready -> the old is drained", latest, "1=b", "1=a ready, 1=b ready", "drain 1=a"},
		{"replacement failed -> the old keeps serving", latest, "1=b", "1=a ready, 1=b failed", ""},
		{"replacement refused -> the old keeps serving", latest, "1=b", "1=a ready, 1=b refused", ""},
		{"replacement failed and due -> tried again while the old serves", latest, "1=b", "1=a ready, 1=b due", "load 1=b"},
		{"replacement of the replacement -> the first one is cancelled", latest, "1=c", "1=a ready, 1=b loading", "load 1=c, cancel 1=b"},
		{"two generations ready and a third wanted -> both serve on", latest, "1=c", "1=a ready, 1=b ready, 1=c loading", ""},
		{"files as they were before -> the replacement is cancelled", latest, "1=a", "1=a ready, 1=b loading", "cancel 1=b"},
		{"wrong files under a number that serves -> it keeps serving", latest, "1=b wrong", "1=a ready", ""},
		{"wrong files while loading -> cancelled", latest, "1=b wrong", "1=a loading", "cancel 1=a"},

		{"a newer version -> loaded while the older serves", latest, "1=a, 2=b", "1=a ready", "load 2=b"},
		{"newer version ready -> the older is drained", latest, "1=a, 2=b", "1=a ready, 2=b ready", "drain 1=a"},
		{"newest refused -> the next one is served", latest, "1=a, 2=b", "2=b refused", "load 1=a"},
		{"newest refused -> what serves stays", latest, "1=a, 2=b", "1=a ready, 2=b refused", ""},
		{"newest without a model file -> the next one is served", latest, "1=a, 2=b wrong", "", "load 1=a"},
		{"newest and next refused -> the one after is served", latest, "1=a, 2=b, 3=c wrong", "2=b refused", "load 1=a"},
		{"newest failed -> the next stands in", latest, "1=a, 2=b", "2=b failed", "load 1=a"},
		{"newest failing, tried again later -> the next stands in and is not cancelled by the retry", latest, "1=a, 2=b", "1=a loading, 2=b due", "load 2=b"},
		{"newest being tried again -> the stand-in goes on loading", latest, "1=a, 2=b", "1=a loading, 2=b retrying", ""},
		{"newest being tried again -> the stand-in serves on", latest, "1=a, 2=b", "1=a ready, 2=b retrying", ""},
		{"newest ready at last -> the stand-in is drained", latest, "1=a, 2=b", "1=a ready, 2=b ready", "drain 1=a"},
		{"newest ready at last -> the stand-in's load is cancelled", latest, "1=a, 2=b", "1=a loading, 2=b ready", "cancel 1=a"},
		{"a newer version while another loads -> only the newest is loaded", latest, "1=a, 2=b, 3=c", "1=a ready, 2=b loading", "load 3=c, cancel 2=b"},

		{"deleted version serves on until the previous one is ready", latest, "1=a", "2=b ready", "load 1=a"},
		{"previous one ready -> the deleted version is drained", latest, "1=a", "1=a ready, 2=b ready", "drain 2=b"},
		{"previous one refused -> the deleted version serves on", latest, "1=a", "1=a refused, 2=b ready", ""},
		{"deleted while loading -> cancelled", latest, "1=a", "1=a ready, 2=b loading", "cancel 2=b"},
		{"deleted after it failed -> forgotten", latest, "1=a", "1=a ready, 2=b failed", "forget 2=b"},
		{"changed after it was refused -> forgotten and loaded", latest, "2=c", "2=b refused", "load 2=c, forget 2=b"},
		{"new files of the newest failed -> it serves on, and nothing stands in", latest, "1=x, 2=b", "2=a ready, 2=b failed", ""},
		{"all refused -> what serves stays", latest, "1=a, 2=b wrong", "1=a refused, 3=c ready", ""},
		{"no version left in the folder -> what serves stays", latest, "0= wrong", "1=a ready", ""},
		{
			"model not wanted -> everything is drained", latest, "", "1=a ready, 2=b ready, 3=c loading, 4=d pending, 5=e failed, 6=f refused",
			"drain 1=a, drain 2=b, cancel 3=c, cancel 4=d, forget 5=e, forget 6=f",
		},
		{"already on its way out -> left alone", latest, "", "1=a draining, 2=b closing, 3=c cancelled", ""},
		{"wanted again while it drains -> loaded anew", latest, "1=a", "1=a draining", "load 1=a"},
		{"wanted again while its load is being cancelled -> waits for that", latest, "1=a", "1=a cancelled", ""},

		{"specific -> those and no others", specific(1, 3), "1=a, 2=b, 3=c", "2=b ready", "load 3=c, load 1=a"},
		{"specific, one is missing -> the others are served", specific(1, 7), "1=a, 2=b", "", "load 1=a"},
		{"specific, none is there -> what serves stays", specific(7), "1=a, 2=b", "2=b ready", ""},
		{"specific, all ready -> the others are drained", specific(1, 3), "1=a, 2=b, 3=c", "1=a ready, 2=b ready, 3=c ready", "drain 2=b"},
		{"specific, one failing -> nothing stands in, nothing is drained", specific(3), "2=b, 3=c", "2=b ready, 3=c failed", ""},
		{"specific, one of two refused -> the other is enough to drain", specific(1, 3), "1=a, 2=b, 3=c", "1=a ready, 2=b ready, 3=c refused", "drain 2=b"},
		{"all -> every version", everything, "1=a, 2=b", "1=a ready", "load 2=b"},
		{"all, one refused -> the others serve", everything, "1=a, 2=b", "1=a ready, 2=b refused", ""},
		{"latest n -> the n newest", latestTwo, "1=a, 2=b, 3=c", "", "load 3=c, load 2=b"},
		{"latest n, fewer there -> all", latestTwo, "1=a", "", "load 1=a"},
		{"latest n, one refused -> the next stands in", latestTwo, "1=a, 2=b, 3=c", "2=b refused, 3=c ready", "load 1=a"},
		{"latest n, one more -> the oldest goes when the newest is ready", latestTwo, "1=a, 2=b, 3=c", "1=a ready, 2=b ready, 3=c loading", ""},

		{"settling -> waits", latest, "1=a settling", "", ""},
		{"settling newest -> the next stands in", latest, "1=a, 2=b settling", "", "load 1=a"},
		{"settling newest -> what serves stays", latest, "1=a, 2=b settling", "1=a ready", ""},
		{"settling under a number that serves -> it keeps serving", latest, "1=b settling", "1=a ready", ""},
		{"settling under a number that serves -> it counts as the newest", latest, "1=a, 2=c settling", "1=a ready, 2=b ready", "drain 1=a"},
		{"changes again while loading -> cancelled", latest, "1=b settling", "1=a loading", "cancel 1=a"},
		{"settling again with the same digest -> cancelled", latest, "1=a settling", "1=a loading", "cancel 1=a"},
		{"settling again with the same digest while the old serves -> cancelled", latest, "1=b settling", "1=a ready, 1=b loading", "cancel 1=b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := show(plan(files(row.policy, row.files), observed(row.have), Budget{Loads: 4}, noon))
			if got != row.then {
				t.Errorf("got  %s\nwant %s", got, row.then)
			}
		})
	}
}

func TestPlanBudgetOfWorkers(t *testing.T) {
	for _, row := range []struct {
		name  string
		free  int
		files string
		have  string
		then  string
	}{
		{"fewer workers than versions -> the rest is enlisted", 1, "a/1=x, b/1=x, c/1=x", "", "load a/1=x, enlist b/1=x, enlist c/1=x"},
		{"no worker -> everything is enlisted", 0, "a/1=x", "", "enlist a/1=x"},
		{"more loads than workers by now -> none", -2, "a/1=x", "", "enlist a/1=x"},
		{"enlisted and still no worker -> waits", 0, "a/1=x", "a/1=x pending", ""},
		{"failed, due and no worker -> waits as failed", 0, "a/1=x", "a/1=x due", ""},
		{"enlisted and not wanted any more -> cancelled", 0, "a/2=y", "a/1=x pending, a/2=y loading", "cancel a/1=x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := show(plan(files(latest, row.files), observed(row.have), Budget{Loads: row.free}, noon))
			if got != row.then {
				t.Errorf("got  %s\nwant %s", got, row.then)
			}
		})
	}
}

func TestRelevantVersions(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy Policy
		files  string
		have   string
		then   []int64
	}{
		{"an old wrong version below what is served -> left out", latest, "1=a wrong, 2=b", "2=b ready", []int64{2}},
		{"a new wrong version -> shown with the one that stands in", latest, "1=a, 2=b wrong", "1=a ready", []int64{2, 1}},
		{"a settling newest one -> shown with the one that stands in", latest, "1=a, 2=b settling", "1=a ready", []int64{2, 1}},
		{"specific -> those, wrong ones too", specific(1, 2), "1=a wrong, 2=b, 3=c", "", []int64{2, 1}},
		{"no version in the folder -> the model as a whole", latest, "0= wrong", "", []int64{0}},
		{"no version in the folder under another policy -> the model as a whole", specific(3), "0= wrong", "", []int64{0}},
		{"nothing left by the policy -> the model as a whole", specific(7), "1=a, 2=b", "", []int64{0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []int64
			for _, d := range relevant(files(row.policy, row.files), observed(row.have)) {
				got = append(got, d.Version)
				if d.Version == 0 && d.Err == nil {
					t.Error("no error says why")
				}
			}
			if !slices.Equal(got, row.then) {
				t.Errorf("got %v, want %v", got, row.then)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	never := func(int64) bool { return false }
	versions := []int64{2, math.MaxInt64, 1, 3, 2}
	for _, row := range []struct {
		name   string
		policy Policy
		failed func(int64) bool
		then   []int64
	}{
		{"the zero policy -> the newest", Policy{}, never, []int64{math.MaxInt64}},
		{"all -> newest first, each once", everything, never, []int64{math.MaxInt64, 3, 2, 1}},
		{"latest more than there are -> all", Policy{Latest: 100}, never, []int64{math.MaxInt64, 3, 2, 1}},
		{"latest two, the newest failing -> it and two others", latestTwo, func(v int64) bool { return v > 3 }, []int64{math.MaxInt64, 3, 2}},
		{"latest, all failing -> all", latest, func(int64) bool { return true }, []int64{math.MaxInt64, 3, 2, 1}},
		{"specific, all failing -> no others", specific(3, 9), func(int64) bool { return true }, []int64{3}},
	} {
		t.Run(row.name, func(t *testing.T) {
			given := slices.Clone(versions)
			if got := row.policy.choose(given, row.failed); !slices.Equal(got, row.then) {
				t.Errorf("got %v, want %v", got, row.then)
			}
			if !slices.Equal(given, versions) {
				t.Errorf("the caller's list was changed: %v", given)
			}
		})
	}
}

func TestSeparate(t *testing.T) {
	in := func(root string, all []Desired) []Desired {
		for i := range all {
			all[i].Root = root
		}
		return all
	}
	from := func(root string, all []Observed) []Observed {
		for i := range all {
			all[i].Root = root
		}
		return all
	}
	both := slices.Concat(in("/a", files(latest, "1=x, n/1=x")), in("/b", files(latest, "2=y")))
	for _, row := range []struct {
		name      string
		want      []Desired
		have      []Observed
		kept      string
		newcomers string
	}{
		{"one repository -> as it is", in("/a", files(latest, "1=x")), nil, "/a m/1", ""},
		{"a cold start -> neither serves", both, nil, "/a m/1 refused, /b m/2 refused, /a n/1", ""},
		{"one serves -> the newcomer is refused", both, from("/b", observed("2=y ready")), "/b m/2, /a n/1", "/a m/1 refused"},
		{"one is being loaded -> the newcomer is refused", both, from("/a", observed("1=x loading")), "/a m/1, /a n/1", "/b m/2 refused"},
		{"one waits for a worker -> the newcomer is refused", both, from("/a", observed("1=x pending")), "/a m/1, /a n/1", "/b m/2 refused"},
		{"what serves comes before what is being loaded", both, slices.Concat(from("/a", observed("1=x loading")), from("/b", observed("2=y ready"))), "/b m/2, /a n/1", "/a m/1 refused"},
		{"one drains -> neither holds it", both, from("/a", observed("1=x draining")), "/a m/1 refused, /b m/2 refused, /a n/1", ""},
		{"one has failed -> neither holds it", both, from("/a", observed("1=x failed")), "/a m/1 refused, /b m/2 refused, /a n/1", ""},
		{"a third one serves, and is gone -> neither of the others", both, from("/c", observed("1=x ready")), "/a m/1 refused, /b m/2 refused, /a n/1", ""},
		{"the holder is gone -> the other is kept", in("/b", files(latest, "2=y")), from("/a", observed("1=x ready")), "/b m/2", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := func(all []Desired) string {
				var parts []string
				for _, d := range all {
					part := fmt.Sprintf("%s %s/%d", d.Root, d.Name, d.Version)
					if d.Err != nil {
						part += " refused"
					}
					parts = append(parts, part)
				}
				return strings.Join(parts, ", ")
			}
			kept, newcomers := separate(row.want, row.have)
			if got := text(kept); got != row.kept {
				t.Errorf("kept %s, want %s", got, row.kept)
			}
			if got := text(newcomers); got != row.newcomers {
				t.Errorf("newcomers %s, want %s", got, row.newcomers)
			}
			for _, d := range row.want {
				if d.Err != nil {
					t.Error("what was given is changed")
				}
			}
		})
	}
}

func TestStatesAndOpsHaveNames(t *testing.T) {
	for s, want := range map[fmt.Stringer]string{Pending: "pending", Ready: "ready", Failed: "failed", Enlist: "enlist", Forget: "forget"} {
		if s.String() != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}
