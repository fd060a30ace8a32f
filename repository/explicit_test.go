package repository

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

func explicit(models ...string) Options { return Options{Mode: ModeExplicit, LoadModels: models} }

// asks demands that Load ends like this; "" is success.
func (b *bench) asks(name, want string) {
	b.t.Helper()
	got := ""
	if err := b.Load(b.t.Context(), name); err != nil {
		got = err.Error()
	}
	if got != want {
		b.t.Errorf("load of %s: got %q, want %q", name, got, want)
	}
	synctest.Wait()
}

func (b *bench) unloads(name string) {
	b.t.Helper()
	if err := b.Unload(b.t.Context(), name); err != nil {
		b.t.Errorf("unload of %s: %v", name, err)
	}
	synctest.Wait()
}

func TestExplicitLoadWaitsUntilTheModelIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "a/1=x, a/2=y, b/1=z"), func(b *bench) { b.loader.on("y", lasting(time.Minute)) })
		if !b.passed() || b.ready() != [2]bool{true, true} {
			t.Error("nothing is asked for, and it is not ready")
		}
		b.shows("a", "b")
		start := time.Now()
		b.asks("a", "")
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		b.shows("a/2 READY", "b")
		b.serves(model("a"), "y")
	})
}

func TestExplicitLoadOfAnUnchangedModelDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m"), files(latest, "1=a"))
		b.asks("m", "")
		b.asks("m", "")
		if n := b.loader.count("a"); n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestExplicitLoadOfChangedFilesReplacesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m", "n"), files(latest, "m/1=a, n/1=x"))
		b.has(files(latest, "m/1=b, n/1=y"))
		b.after(time.Hour)
		b.serves(model("m"), "a") // nobody has asked
		b.asks("m", "")
		b.serves(model("m"), "b")
		b.serves(model("n"), "x") // still nobody has
	})
}

func TestExplicitLoadNamesTheVersionsThatFail(t *testing.T) {
	for _, row := range []struct {
		name  string
		files []Desired
		want  string
	}{
		{"a failing version", files(latest, "1=bad"), "load failed for model 'm': version 1 is at UNAVAILABLE state: boom;\n"},
		{"a wrong config", files(latest, "1=a wrong"), "load failed for model 'm': version 1 is at UNAVAILABLE state: broken;\n"},
		{"two of three", files(everything, "1=bad, 2=a, 3=b wrong"), "load failed for model 'm': version 1 is at UNAVAILABLE state: boom;\nversion 3 is at UNAVAILABLE state: broken;\n"},
		{"the newest, though another stands in", files(latest, "1=a, 2=bad"), "load failed for model 'm': version 2 is at UNAVAILABLE state: boom;\n"},
		{"no version", files(latest, "0= wrong"), "load failed for model 'm': broken;\n"},
		{"none that the policy wants", files(specific(7), "1=a"), "load failed for model 'm': at least one version must be available under the version policy of model 'm';\n"},
		{"an old one that the policy does not want -> no failure", files(latest, "1=a wrong, 2=b"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, explicit(), row.files, func(b *bench) { b.loader.on("bad", failing(Terminal(errBoom))) })
				err := b.Load(t.Context(), "m")
				if got := new(LoadError); row.want != "" && !errors.As(err, &got) {
					t.Fatalf("got %v", err)
				}
				b.asks("m", row.want)
			})
		})
	}
}

func TestExplicitLoadTriesFailedFilesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=bad"), func(b *bench) { b.loader.on("bad", failing(Terminal(errBoom))) })
		failed := "load failed for model 'm': version 1 is at UNAVAILABLE state: boom;\n"
		b.asks("m", failed)
		b.asks("m", failed)
		b.loader.on("bad", nil)
		b.asks("m", "")
		b.serves(model("m"), "bad")
		if n := b.loader.count("bad"); n != 3 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestExplicitLoadOfAnUnknownModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a"))
		if err := b.Load(t.Context(), "x"); !errors.Is(err, infer.ErrUnknownModel) {
			t.Errorf("got %v", err)
		}
		b.shows("m")
		b.source.set(files(latest, "m/1=a, x/1=b"), nil)
		b.asks("m", "")
		b.shows("m/1 READY", "x") // the request that failed is not remembered
	})
}

func TestExplicitLoadWaitsForFilesThatSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a settling"))
		done := make(chan error, 1)
		go func() { done <- b.Load(t.Context(), "m") }()
		b.after(time.Minute)
		b.shows("m/1 LOADING: waiting until its files stop changing")
		b.has(files(latest, "1=b settling"))
		b.has(files(latest, "1=b"))
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.serves(model("m"), "b")
	})
}

func TestExplicitLoadSeesTheFilesOfItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a"), func(b *bench) { b.source.delay = time.Second })
		b.source.set(files(latest, "1=b"), nil) // after the scan that goes on has looked
		b.asks("m", "")
		b.serves(model("m"), "b")
		if b.loader.count("a") != 0 {
			t.Error("the files of before were loaded")
		}
	})
}

func TestExplicitModelThatSettlesAtTheStart(t *testing.T) {
	for _, row := range []struct {
		name string
		then string
		want string
	}{
		{"settled -> loaded", "1=b", "m/1 READY"},
		{"removed -> not there", "", "m UNAVAILABLE: not found in the model repository"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, explicit("m"), files(latest, "1=a settling"))
				b.has(files(latest, row.then))
				b.shows(row.want)
			})
		})
	}
}

func TestExplicitLoadWithoutAReadableRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m"), files(latest, "1=a"))
		b.source.set(nil, errBoom)
		b.asks("m", "read the model repository: boom")
		b.serves(model("m"), "a")
	})
}

func TestExplicitLoadOfAModelWhoseFilesAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m", "n"), files(latest, "m/1=a, n/1=x"))
		b.source.set(files(latest, "n/1=x"), nil)
		b.asks("n", "")
		b.serves(model("m"), "a")
		if err := b.Load(t.Context(), "m"); !errors.Is(err, infer.ErrUnknownModel) {
			t.Errorf("got %v", err)
		}
		b.serves(model("m"), "a")
		b.unloads("m")
		b.asks("n", "")
		b.shows("n/1 READY")
	})
}

func TestExplicitLoadWhoseFolderGoesAwayMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a settling"))
		done := make(chan error, 1)
		go func() { done <- b.Load(t.Context(), "m") }()
		synctest.Wait()
		b.has(nil)
		if err := <-done; !errors.Is(err, infer.ErrUnknownModel) {
			t.Errorf("got %v", err)
		}
		b.shows()
	})
}

func TestExplicitLoadGoesOnWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a"), func(b *bench) { b.loader.on("a", lasting(time.Minute)) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Load(ctx, "m"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		b.after(time.Minute)
		b.serves(model("m"), "a")
	})
}

func TestExplicitUnload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m", "n"), files(everything, "m/1=a, m/2=b, n/1=x"))
		b.unloads("m")
		b.unloads("never heard of")
		b.serves(model("m"), "")
		b.shows("m/1 UNAVAILABLE: unloaded", "m/2 UNAVAILABLE: unloaded", "n/1 READY")
		if b.ready() != [2]bool{true, true} {
			t.Error("what is unloaded on purpose counts against strict readiness")
		}
		b.asks("m", "")
		b.shows("m/1 READY", "m/2 READY", "n/1 READY")
	})
}

func TestExplicitUnloadWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a"), func(b *bench) { b.loader.on("a", lasting(time.Minute)) })
		done := make(chan error, 1)
		go func() { done <- b.Load(t.Context(), "m") }()
		b.after(time.Second)
		b.unloads("m")
		if err := <-done; err == nil || err.Error() != "load failed for model 'm': it was unloaded meanwhile;\n" {
			t.Errorf("got %v", err)
		}
		b.shows("m")
	})
}

func TestExplicitUnloadOfAFailedModelForgetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m"), files(latest, "1=bad"), func(b *bench) { b.loader.on("bad", failing(errBoom)) })
		b.unloads("m")
		b.shows("m")
	})
}

func TestExplicitUnloadOfOneVersionLeavesTheModelsOthersByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m"), files(latest, "1=a, 2=b"))
		b.unloads("m")
		b.shows("m/2 UNAVAILABLE: unloaded")
	})
}

func TestExplicitStarMeansWhatIsThereAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("*"), files(latest, "a/1=x, b/1=y"))
		b.shows("a/1 READY", "b/1 READY")
		b.source.set(files(latest, "a/1=x, b/1=y, c/1=z"), nil)
		b.unloads("a")
		b.asks("b", "")
		b.shows("a/1 UNAVAILABLE: unloaded", "b/1 READY", "c")
	})
}

func TestExplicitUnloadBeforeTheFirstScanIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("*"), files(latest, "a/1=x, b/1=y"), func(b *bench) { b.source.delay = time.Second })
		b.unloads("a")
		b.after(time.Second)
		b.shows("a", "b/1 READY")
	})
}

func TestExplicitModelThatIsNotThereAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit("m", "typo"), files(latest, "1=a"))
		b.shows("m/1 READY", "typo UNAVAILABLE: not found in the model repository")
		if b.ready() != [2]bool{true, false} {
			t.Errorf("got %v", b.ready())
		}
	})
}

func TestExplicitCallersAreToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, explicit(), files(latest, "1=a"), func(b *bench) {
			b.loader.on("a", func(context.Context, func(State)) error { time.Sleep(time.Minute); return nil })
		})
		done := make(chan error, 1)
		go func() { done <- b.Load(t.Context(), "m") }()
		b.after(time.Second)
		start := time.Now()
		b.cancel()
		if err := <-done; !errors.Is(err, infer.ErrStopping) || time.Since(start) != 0 {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if err := b.Load(t.Context(), "m"); !errors.Is(err, infer.ErrStopping) {
			t.Errorf("a load while it ends: %v", err)
		}
		<-b.done
		if err := b.Load(t.Context(), "m"); !errors.Is(err, infer.ErrStopping) {
			t.Errorf("a load after the end: %v", err)
		}
		if err := b.Unload(t.Context(), "m"); !errors.Is(err, infer.ErrStopping) {
			t.Errorf("an unload after the end: %v", err)
		}
	})
}

func TestExplicitLoadBeforeRunWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(&fakeSource{}, newFakeLoader(t).load, NewRouter(), explicit())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Load(ctx, "m"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNamesThatAreNoModelsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := &Settings{Models: map[string]*ModelSettings{}}
		o := explicit("b")
		o.Settings = settings
		b := begin(t, o, files(latest, "a/1=x, b/1=y"))
		b.asks("nobody", infer.ErrUnknownModel.Error())
		b.unloads("nobody else")
		b.asks("a", "")
		b.unloads("b")
		b.end()
		if want := map[string]bool{"a": true, "b": false}; !maps.Equal(settings.Asked, want) {
			t.Errorf("kept %v, want %v", settings.Asked, want)
		}
	})
}
