package repository

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// FuzzPlan drives plan through a history of drops, changes, failures, removals,
// rollbacks and trials,
// two bytes for each event. Whatever the history, the last ready version of a wanted
// model is never drained; and once nothing changes any more, what is served becomes
// what is wanted, and plan has nothing left to do.
func FuzzPlan(f *testing.F) {
	for _, seed := range []string{
		"",
		"\x00\x01\x07\x00\x00\x02\x07\x00", // a version, then a newer one
		"\x00\x01\x07\x00\x00\x21\x07\x00\x07\x00",         // new files under a number, which are refused
		"\x00\x01\x07\x00\x00\x12\x07\x00\x09\x01\x07\x00", // a newer version that fails at first
		"\x00\x01\x00\x02\x05\x03\x07\x00\x07\x01\x01\x02", // all versions, then one is removed
		"\x00\x01\x07\x00\x03\x01\x02\x00\x08\x00\x00\x01", // the model is removed and comes back
		"\x00\x01\x06\x01\x07\x00\x04\x01\x04\x01\x07\x01", // settles, is wrong, is right again
		"\x00\x81\x00\x82\x00\x83\x00\x01\x00\x02\x00\x03\x07\x00\x01\x81\x07\x01\x01\x01",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, history []byte) {
		w := newWorld(t)
		for i := 0; i+1 < len(history) && i < 400; i += 2 {
			w.happen(history[i], history[i+1])
			w.reconcile()
		}
		w.rest()
	})
}

const (
	worldLoads    = 2 // workers
	worldAttempts = 3
)

// world is what plan sees, simulated.
type world struct {
	t       *testing.T
	now     time.Time
	digests int
	files   map[string]map[int64]*Desired
	policy  map[string]Policy
	fates   map[string]int // by digest: how many loads of it fail
	have    []*Observed
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, now: noon, files: map[string]map[int64]*Desired{}, policy: map[string]Policy{}, fates: map[string]int{},
	}
}

// happen lets one thing happen outside of plan. The argument's upper bit names the
// model, its lower ones the version, those between are the event's own.
func (w *world) happen(event, arg byte) {
	name, version, extra := "m", int64(arg&0x0f)%5+1, int(arg>>4)&0x07
	if arg&0x80 != 0 {
		name = "n"
	}
	d := w.files[name][version]
	switch event % 13 {
	case 0: // new files
		w.drop(name, version, []int{0, 1, worldAttempts - 1, worldAttempts, -1}[extra%5])
	case 1:
		delete(w.files[name], version)
	case 2:
		delete(w.files, name)
	case 3: // being written
		if d != nil {
			d.Settling = !d.Settling
		}
	case 4:
		if d != nil && d.Err == nil {
			d.Err = errBroken
		} else if d != nil {
			d.Err = nil
		}
	case 5:
		w.policy[name] = []Policy{latest, latestTwo, everything, specific(version), specific(version, 2)}[extra%5]
	case 6: // files as they were under another number or at another time
		if d != nil {
			d.Digest = fmt.Sprint("d", 1+int(arg)%max(1, w.digests))
		}
	case 7:
		w.finishLoad(int(arg))
	case 8:
		w.finishDrain(int(arg))
	case 9:
		w.now = w.now.Add(time.Duration(arg) * time.Second)
	case 10: // rolled back, or readmitted
		if d != nil && d.Withdrawn == "" {
			d.Withdrawn = "rolled back"
		} else if d != nil {
			d.Withdrawn = ""
		}
	case 11: // put on trial, or promoted
		if d != nil {
			d.Trial = !d.Trial
		}
	case 12: // what it is tried against has changed, and now it passes
		if d != nil {
			d.Gate += "x"
			w.fates[d.Digest] = 0
		}
	}
}

func (w *world) drop(name string, version int64, failures int) {
	w.digests++
	digest := fmt.Sprint("d", w.digests)
	w.fates[digest] = failures
	if w.files[name] == nil {
		w.files[name] = map[int64]*Desired{}
	}
	w.files[name][version] = &Desired{Name: name, Version: version, Digest: digest}
}

func (w *world) finishLoad(arg int) {
	loading := w.in(Loading)
	if len(loading) == 0 {
		return
	}
	o := loading[arg%len(loading)]
	failures := w.fates[o.Digest]
	switch {
	case o.Cancelled && arg&0x40 == 0:
		w.remove(o)
	case o.Cancelled:
		o.State = Draining
	case failures < 0:
		o.State, o.Terminal = Failed, true
	case o.Attempts < failures:
		o.Attempts++
		o.State, o.Terminal, o.NextTry = Failed, o.Attempts >= worldAttempts, w.now.Add(backoff(o.Attempts))
	default:
		o.State, o.Attempts = Ready, 0
	}
}

func (w *world) finishDrain(arg int) {
	if draining := w.in(Draining); len(draining) > 0 {
		w.remove(draining[arg%len(draining)])
	}
}

func (w *world) in(s State) []*Observed {
	return slices.DeleteFunc(slices.Clone(w.have), func(o *Observed) bool { return o.State != s })
}

func (w *world) remove(o *Observed) {
	w.have = slices.DeleteFunc(w.have, func(other *Observed) bool { return other == o })
}

func (w *world) want() []Desired {
	var all []Desired
	for name, versions := range w.files {
		for _, d := range versions {
			d := *d
			d.Policy = w.policy[name]
			all = append(all, d)
		}
		if len(versions) == 0 {
			all = append(all, Desired{Name: name, Policy: w.policy[name], Err: errBroken})
		}
	}
	slices.SortFunc(all, func(a, b Desired) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version)) })
	return all
}

func (w *world) observed() []Observed {
	all := make([]Observed, len(w.have))
	for i, o := range w.have {
		all[i] = *o
	}
	return all
}

func (w *world) ready(name string) int {
	n := 0
	for _, o := range w.in(Ready) {
		if o.Name == name {
			n++
		}
	}
	return n
}

// reconcile plans and acts, and returns whether there was anything to do.
func (w *world) reconcile() bool {
	before := map[string]int{"m": w.ready("m"), "n": w.ready("n")}
	free := worldLoads - len(w.in(Loading))
	actions := plan(w.want(), w.observed(), Budget{Loads: free}, w.now)
	for _, a := range actions {
		if a.Op == Load {
			free--
		}
		w.act(a)
	}
	if free < 0 {
		w.t.Fatalf("more loads than workers: %s", show(actions))
	}
	for name, n := range before {
		if _, wanted := w.files[name]; wanted && n > 0 && w.ready(name) == 0 {
			w.t.Fatalf("the last ready version of %s is drained: %s", name, show(actions))
		}
	}
	for _, o := range w.in(Loading) {
		if d := w.files[o.Name][o.Version]; !o.Cancelled && (d == nil || d.Digest != o.Digest || d.Settling || d.Err != nil || d.Withdrawn != "") {
			w.t.Fatalf("%s/%d=%s goes on loading, after %s", o.Name, o.Version, o.Digest, show(actions))
		}
	}
	return len(actions) > 0
}

// act checks that an action fits what there is, and does it.
func (w *world) act(a Action) {
	at := slices.IndexFunc(w.have, func(o *Observed) bool {
		return o.Name == a.Name && o.Version == a.Version && o.Digest == a.Digest && o.State.stays()
	})
	fits := false
	switch {
	case at < 0 && (a.Op == Load || a.Op == Enlist):
		d := w.files[a.Name][a.Version]
		fits = d != nil && d.Digest == a.Digest && !d.Settling && d.Err == nil
		o := &Observed{Name: a.Name, Version: a.Version, Digest: a.Digest}
		if d != nil {
			o.Gate = d.Gate
		}
		if a.Op == Load {
			o.State = Loading
		}
		w.have = append(w.have, o)
	case at < 0:
	case a.Op == Load:
		o := w.have[at]
		d := w.files[a.Name][a.Version]
		fits = o.State == Pending || o.State == Failed && (d.Gate != o.Gate || !o.Terminal && !w.now.Before(o.NextTry))
		o.State, o.Gate, o.Terminal = Loading, d.Gate, false
	case a.Op == Drain:
		fits = w.have[at].State == Ready
		w.have[at].State = Draining
	case a.Op == Cancel && w.have[at].State == Pending:
		fits = true
		w.remove(w.have[at])
	case a.Op == Cancel:
		fits = w.have[at].State == Loading && !w.have[at].Cancelled
		w.have[at].Cancelled = true
	case a.Op == Forget:
		fits = w.have[at].State == Failed
		w.remove(w.have[at])
	}
	if !fits {
		w.t.Fatalf("%s does not fit %+v", show([]Action{a}), w.observed())
	}
}

// rest lets no more happen from outside and checks what that leads to.
func (w *world) rest() {
	for _, versions := range w.files {
		for _, d := range versions {
			d.Settling, d.Trial = false, false
		}
	}
	for step := 0; ; step++ {
		if step > 10_000 {
			w.t.Fatalf("it goes on for ever: %+v", w.observed())
		}
		if w.reconcile() {
			continue
		}
		switch {
		case len(w.in(Loading)) > 0:
			w.finishLoad(step)
		case len(w.in(Draining)) > 0:
			w.finishDrain(step)
		case w.waitForRetry():
		default:
			w.checkRest()
			return
		}
	}
}

// waitForRetry lets the time pass until every failed generation may be tried again.
func (w *world) waitForRetry() bool {
	waits := false
	for _, o := range w.in(Failed) {
		if !o.Terminal && o.NextTry.After(w.now) {
			w.now, waits = o.NextTry, true
		}
	}
	return waits
}

// checkRest demands that what serves is what the files and the policy say.
func (w *world) checkRest() {
	if len(w.in(Pending)) > 0 {
		w.t.Errorf("left waiting for a worker: %+v", w.observed())
	}
	for _, name := range []string{"m", "n"} {
		serving := map[int64][]string{}
		for _, o := range w.in(Ready) {
			if o.Name == name {
				serving[o.Version] = append(serving[o.Version], o.Digest)
			}
		}
		var can []int64 // versions that can be served: from their files, or as they were loaded before
		for v, d := range w.files[name] {
			if d.Withdrawn == "" && (w.loadable(*d) || len(serving[v]) > 0) {
				can = append(can, v)
			}
		}
		should := w.policy[name].choose(can, func(int64) bool { return false })
		for _, v := range should {
			if d := w.files[name][v]; w.loadable(*d) && !slices.Equal(serving[v], []string{d.Digest}) {
				w.t.Errorf("%s/%d: %v serves, want %s", name, v, serving[v], d.Digest)
			}
		}
		for v := range serving {
			if _, wanted := w.files[name]; !wanted || len(should) > 0 && !slices.Contains(should, v) {
				w.t.Errorf("%s/%d serves, want %v", name, v, should)
			}
		}
	}
}

func (w *world) loadable(d Desired) bool {
	failures := w.fates[d.Digest]
	return d.Err == nil && failures >= 0 && failures < worldAttempts
}
