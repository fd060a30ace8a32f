package repository

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"galatea/infer"
)

func TestIndexThroughTheLifeOfAVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		b := begin(t, Options{}, files(latest, "1=a settling"), holding(hold), func(b *bench) { b.loader.on("a", lasting(time.Second)) })
		b.shows("m/1 LOADING: waiting until its files stop changing")
		b.has(files(latest, "1=a"))
		b.shows("m/1 LOADING")
		b.after(time.Second)
		b.shows("m/1 READY")
		go func() { _, _ = b.router.Infer(t.Context(), &infer.Request{Model: model("m")}) }()
		synctest.Wait()
		b.has(files(latest, "1=a, 2=b"))
		b.shows("m/1 UNLOADING", "m/2 READY")
		close(hold)
		synctest.Wait()
		b.shows("m/1 UNAVAILABLE: unloaded", "m/2 READY")
		b.has(files(latest, "2=b"))
		b.shows("m/2 READY")
		b.has(files(latest, "1=c, 2=b"))
		b.shows("m/2 READY") // other files under the old number were never served
		b.has(nil)
		b.shows()
		b.has(files(latest, "2=d, 3=e"))
		b.shows("m/3 READY")
	})
}

func TestIndexSaysWhyNewFilesDoNotServe(t *testing.T) {
	for _, row := range []struct {
		name string
		then []Desired
		want []string
	}{
		{"settling", files(latest, "1=b settling"), []string{"m/1 READY: serves the previous files; the new ones are being loaded: waiting until its files stop changing"}},
		{"loading", files(latest, "1=slow"), []string{"m/1 READY: serves the previous files; the new ones are being loaded"}},
		{"wrong", files(latest, "1=b wrong"), []string{"m/1 READY: serves the previous files; the new ones are refused: broken"}},
		{"refused", files(latest, "1=refused"), []string{"m/1 READY: serves the previous files; the new ones are refused: boom"}},
		{"failing", files(latest, "1=bad"), []string{"m/1 READY: serves the previous files; the new ones are refused: boom (attempt 1; the next one at 2000-01-01T00:00:01Z)"}},
		{"a wrong newer version", files(latest, "1=a, 2=b wrong"), []string{"m/1 READY", "m/2 UNAVAILABLE: broken"}},
		{"a settling newer version", files(latest, "1=a, 2=b settling"), []string{"m/1 READY", "m/2 LOADING: waiting until its files stop changing"}},
		{"deleted, and the other one is refused", files(latest, "2=refused"), []string{"m/1 READY: its files are gone; it serves until another version is ready", "m/2 UNAVAILABLE: boom"}},
		{"no version left", files(latest, "0= wrong"), []string{"m UNAVAILABLE: broken", "m/1 READY: its files are gone; it serves until another version is ready"}},
		{"none that the policy wants", files(specific(7), "1=a"), []string{"m UNAVAILABLE: at least one version must be available under the version policy of model 'm'", "m/1 READY"}},
		{"only the policy is new", files(everything, "1=a"), []string{"m/1 READY"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := begin(t, Options{}, files(latest, "1=a"), func(b *bench) {
					b.loader.on("bad", failing(errBoom))
					b.loader.on("refused", failing(Terminal(errBoom)))
					b.loader.on("slow", lasting(time.Hour))
				})
				b.has(row.then)
				b.shows(row.want...)
				b.serves(model("m"), "a")
				b.has(files(latest, "1=a"))
				b.after(time.Hour)
				b.shows("m/1 READY")
			})
		})
	}
}

func TestIndexOfAModelThatTwoRepositoriesHold(t *testing.T) {
	other := func(text string) []Desired {
		all := files(latest, text)
		for i := range all {
			all[i].Root = "/other"
		}
		return all
	}
	const refused = "model appears in two or more repositories"
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, append(files(latest, "1=a"), other("1=x, 2=y")...))
		b.shows("m/1 UNAVAILABLE: "+refused, "m/2 UNAVAILABLE: "+refused)
		if !b.passed() {
			t.Error("the first pass has not ended")
		}
		b.has(files(latest, "1=a"))
		b.shows("m/1 READY")
		b.has(append(files(latest, "1=a"), other("1=x, 2=y")...))
		b.shows("m/1 READY: "+refused+": the one in /other is not served", "m/2 UNAVAILABLE: "+refused)
		b.serves(model("m"), "a")
		b.has(append(files(latest, "1=b settling"), other("1=x")...))
		b.shows("m/1 READY: serves the previous files; the new ones are being loaded: waiting until its files stop changing; " + refused + ": the one in /other is not served")
		b.has(other("1=x"))
		b.shows("m/1 READY")
		b.serves(model("m"), "x")
		if row := b.router.Index()[0]; row.Root != "/other" {
			t.Errorf("its root is %s", row.Root)
		}
	})
}

func TestRefusalsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		b := begin(t, Options{Log: log}, files(latest, "1=a, 2=b wrong, 3=c wrong"))
		b.has(files(latest, "1=a, 2=b wrong, 3=c wrong"))
		b.has(files(latest, "1=a"))
		b.has(files(latest, "1=a, 2=b wrong"))
		b.cancel()
		<-b.done
		want := "level=ERROR msg=refused model=m version=2 root=/r err=broken\n"
		if got := out.String(); got != want+want {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestEachCallsForEveryReadyVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := begin(t, Options{}, files(everything, "a/1=w, a/2=bad, b/7=x"), func(b *bench) { b.loader.on("bad", failing(errBoom)) })
		got := ""
		b.router.Each(func(i Info) { got += i.ID.String() + " " })
		if got != "a/1 b/7 " {
			t.Errorf("got %s", got)
		}
	})
}
