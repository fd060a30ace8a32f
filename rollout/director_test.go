package rollout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"galatea/config"
	"galatea/infer"
	"galatea/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions answers as the versions of a model do: 0 and 1 are the one that serves, 2 is
// the new one.
type versions struct {
	mu    sync.Mutex
	asked map[int64]int
	fail  error                   // of version 2
	both  bool                    // version 1 fails as well
	value func(version int64) int // what a version answers; nil: the same
	hold  chan struct{}           // when not nil, version 2 waits for it
	freed atomic.Int32            // responses that were released
}

func (v *versions) Release() { v.freed.Add(1) }

func (v *versions) Infer(ctx context.Context, req *infer.Request) (*infer.Response, error) {
	version := req.Model.Version
	if version == 0 {
		version = 1
	}
	v.mu.Lock()
	if v.asked == nil {
		v.asked = map[int64]int{}
	}
	v.asked[version]++
	v.mu.Unlock()
	if version == 1 && v.both {
		return nil, v.fail
	}
	if version == 2 {
		if v.hold != nil {
			select {
			case <-v.hold:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if v.fail != nil {
			return nil, v.fail
		}
	}
	data := []byte{0}
	if v.value != nil {
		data[0] = byte(v.value(version))
	}
	resp := &infer.Response{Model: infer.ID{Name: req.Model.Name, Version: version}, Outputs: []tensor.Tensor{{Name: "y", DType: tensor.Uint8, Shape: tensor.Shape{1}, Data: data}}}
	resp.Own(v)
	return resp, nil
}

func (v *versions) count(version int64) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked[version]
}

// judged takes down what it is told.
type judged struct {
	mu   sync.Mutex
	told []string
}

func (j *judged) say(format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = append(j.told, fmt.Sprintf(format, args...))
	return nil
}

func (j *judged) Advance(_ context.Context, t Trial, step int) error {
	return j.say("%s/%d step %d", t.Model, t.Version, step)
}

func (j *judged) Judge(_ context.Context, t Trial, take bool, why string) error {
	return j.say("%s/%d take %v: %s", t.Model, t.Version, take, why)
}

func canaryOf(percent float64) Trial {
	return Trial{Model: "m", Version: 2, Digest: "d", Lanes: 1, Plan: config.Plan{
		Strategy: config.StrategyCanary, Steps: []config.Step{{Percent: percent, Duration: time.Hour}}, StickyHeader: "X-User",
		Bounds: config.Bounds{ErrorPercent: 1, AgreementPercent: 90, MinRequests: 5},
	}}
}

func shadowOf(percent float64, lanes int) Trial {
	t := canaryOf(percent)
	t.Lanes, t.Plan.Strategy, t.Plan.StickyHeader = lanes, config.StrategyShadow, ""
	return t
}

// direct returns a director of one trial; a nil one is none.
func direct(v *versions, t *Trial, j Judge) *Director {
	return New(v, Options{
		Trial: func(model string) (Trial, bool) {
			if t == nil || model != t.Model {
				return Trial{}, false
			}
			return *t, true
		},
		Trials: func() []Trial {
			if t == nil {
				return nil
			}
			return []Trial{*t}
		},
		Judge: j,
	})
}

func ask(t *testing.T, d *Director, req *infer.Request) int64 {
	t.Helper()
	resp, err := d.Infer(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Release()
	return resp.Model.Version
}

func plainRequest() *infer.Request { return &infer.Request{Model: infer.Ref{Name: "m"}} }

func TestACanaryGetsItsShare(t *testing.T) {
	for _, percent := range []float64{0, 1, 12.5, 50, 100} {
		v, trial := &versions{}, canaryOf(percent)
		d := direct(v, &trial, nil)
		for range 1000 {
			ask(t, d, plainRequest())
		}
		if got, want := v.count(2), int(10*percent); got != want {
			t.Errorf("%v %%: %d of 1000", percent, got)
		}
	}
}

func TestPinnedRequestsAreNotPlaced(t *testing.T) {
	v, trial := &versions{}, canaryOf(100)
	d := direct(v, &trial, nil)
	for _, ref := range []infer.Ref{{Name: "m", Version: 1}, {Name: "m", Label: "stable"}, {Name: "other"}} {
		if got := ask(t, d, &infer.Request{Model: ref}); got != 1 {
			t.Errorf("%+v: version %d", ref, got)
		}
		if header := d.Sticky(ref); header != "" {
			t.Errorf("%+v: %q", ref, header)
		}
	}
	if d.Sticky(infer.Ref{Name: "m"}) != "X-User" {
		t.Error("no header for the model on trial")
	}
}

func TestCallersStayWithTheirVersionAndMoveOnlyOnce(t *testing.T) {
	placed := func(percent float64) (who map[string]bool, share float64) {
		v, trial := &versions{}, canaryOf(percent)
		d := direct(v, &trial, nil)
		who = map[string]bool{}
		for i := range 2000 {
			name := fmt.Sprintf("user-%d", i)
			req := plainRequest()
			req.Affinity = name
			first := ask(t, d, req)
			if again := ask(t, d, req); again != first {
				t.Fatalf("%s: version %d, then %d", name, first, again)
			}
			who[name] = first == 2
			if first == 2 {
				share += 1.0 / 2000
			}
		}
		return who, share
	}
	few, share := placed(10)
	if math.Abs(share-0.1) > 0.03 {
		t.Errorf("10 %% are %v", share)
	}
	many, _ := placed(60)
	for name, was := range few {
		if was && !many[name] {
			t.Errorf("%s went back at the next step", name)
		}
	}
}

func TestCallersOfAFailingCanaryLoseNothing(t *testing.T) {
	v, trial := &versions{fail: fmt.Errorf("%w: broken", infer.ErrExecution)}, canaryOf(100)
	j := &judged{}
	d := direct(v, &trial, j)
	for range 10 {
		if got := ask(t, d, plainRequest()); got != 1 {
			t.Fatalf("version %d", got)
		}
	}
	d.look(t.Context(), time.Now())
	if want := "m/2 take false: 100.0 % of its 10 requests failed, 0.0 % of the old version's: at most 1 % more may"; len(j.told) != 1 || j.told[0] != want {
		t.Errorf("told %q", j.told)
	}
}

func TestARequestThatEndsInALaterStepLeavesItsCountsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, trial := &versions{hold: make(chan struct{})}, canaryOf(100)
		var now atomic.Pointer[Trial]
		now.Store(&trial)
		d := New(v, Options{Trial: func(string) (Trial, bool) { return *now.Load(), true }})
		var slow sync.WaitGroup
		slow.Go(func() { ask(t, d, plainRequest()) })
		synctest.Wait()
		next := trial
		next.Step, next.Since = 1, time.Now()
		next.Plan.Steps = append(next.Plan.Steps, config.Step{Percent: 0, Duration: time.Hour})
		now.Store(&next)
		ask(t, d, plainRequest()) // of the old version
		close(v.hold)
		slow.Wait()
		if c := d.Counts(next); c.StableRequests != 1 || c.Requests != 0 {
			t.Errorf("%+v: want what the step has shown", c)
		}
	})
}

func TestARequestThatOnlyTheCanaryRefusesIsAnsweredAndCounts(t *testing.T) {
	v, trial := &versions{fail: infer.Invalidf("no such input")}, canaryOf(100)
	d := direct(v, &trial, nil)
	if got := ask(t, d, plainRequest()); got != 1 {
		t.Errorf("version %d", got)
	}
	if c := d.Counts(trial); c.Requests != 1 || c.Errors != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsNotTheVersionsFaultDoesNotCount(t *testing.T) {
	for _, fault := range []error{infer.ErrNotReady, infer.ErrStopping, infer.ErrUnknownVersion} {
		v, trial := &versions{fail: fault}, canaryOf(100)
		d := direct(v, &trial, nil)
		if got := ask(t, d, plainRequest()); got != 1 {
			t.Errorf("%v: version %d", fault, got)
		}
		if c := d.Counts(trial); c.Requests != 0 || c.Errors != 0 {
			t.Errorf("%v: %+v", fault, c)
		}
	}
	v, trial := &versions{fail: infer.Invalidf("no such input"), both: true}, canaryOf(100)
	d := direct(v, &trial, nil)
	if _, err := d.Infer(t.Context(), plainRequest()); !errors.Is(err, infer.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if c := d.Counts(trial); c.Requests != 0 {
		t.Errorf("%+v", c)
	}
}

func TestASampleIsComparedBehindTheCallersBack(t *testing.T) {
	v, trial := &versions{value: func(version int64) int { return int(version) }}, canaryOf(100)
	trial.Plan.ComparePercent = 100
	d := direct(v, &trial, nil)
	for range 6 {
		ask(t, d, plainRequest())
		d.copies.Wait()
	}
	if c := d.Counts(trial); c.Compared != 6 || c.Rows != 6 || c.Agreed != 0 || c.Largest != 1 {
		t.Errorf("%+v", c)
	}
	if got := v.freed.Load(); got != 12 {
		t.Errorf("%d of 12 responses were released", got)
	}
}

func TestAShadowIsNeverWaitedForAndHasItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, trial := &versions{hold: make(chan struct{})}, shadowOf(100, 2)
		d := direct(v, &trial, nil)
		for range 10 {
			if got := ask(t, d, plainRequest()); got != 1 {
				t.Fatalf("version %d", got)
			}
		}
		synctest.Wait()
		if got := v.count(2); got != 2 {
			t.Errorf("%d copies at the same time for two instances", got)
		}
		close(v.hold)
		d.copies.Wait()
		if c := d.Counts(trial); c.Compared != 2 || c.Requests != 2 || c.StableRequests != 10 {
			t.Errorf("%+v", c)
		}
	})
}

// memory counts how often it is released.
type memory struct{ released atomic.Int32 }

func (m *memory) Release() { m.released.Add(1) }

func TestACopyHoldsTheRequestsMemoryUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, trial := &versions{hold: make(chan struct{})}, shadowOf(100, 1)
		d := direct(v, &trial, nil)
		req, m := plainRequest(), &memory{}
		req.Own(m)
		ask(t, d, req)
		req.Release()
		synctest.Wait()
		if m.released.Load() != 0 {
			t.Error("released under the copy")
		}
		close(v.hold)
		d.copies.Wait()
		if m.released.Load() != 1 {
			t.Errorf("released %d times", m.released.Load())
		}
	})
}

func TestRunTellsTheJudgeAndWaitsForTheCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, trial, j := &versions{}, canaryOf(50), &judged{}
		trial.Plan.Steps = []config.Step{{Percent: 50, Duration: time.Minute}, {Percent: 100, Duration: time.Minute}}
		trial.Since = time.Now()
		d := direct(v, &trial, j)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(ctx); close(done) }()
		time.Sleep(time.Minute + time.Second)
		j.mu.Lock()
		if len(j.told) == 0 || j.told[0] != "m/2 step 1" {
			t.Errorf("told %q", j.told)
		}
		j.mu.Unlock()
		cancel()
		<-done
	})
}

func TestAStepBeginsWithoutTheCountsOfTheOneBefore(t *testing.T) {
	v, trial := &versions{}, canaryOf(100)
	trial.Plan.Steps = append(trial.Plan.Steps, trial.Plan.Steps[0])
	d := direct(v, &trial, nil)
	ask(t, d, plainRequest())
	if c := d.Counts(trial); c.Requests != 1 {
		t.Errorf("%+v", c)
	}
	trial.Step = 1
	if c := d.Counts(trial); c.Requests != 0 {
		t.Errorf("%+v", c)
	}
}

func TestOutputsOfAnotherShapeDoNotAgree(t *testing.T) {
	var c Counts
	compare(&c, tensor.Tensor{}, tensor.Tensor{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{1}, Data: make([]byte, 4)})
	if c.Rows != 1 || c.Agreed != 0 || c.Worst == "" {
		t.Errorf("%+v", c)
	}
}
