package dir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// In these tests time is the bubble's, in which files written by the test are from the
// future, so that none counts as left alone for long.

var watchless = Options{NoWatch: true}

// poked reports whether the source asked for another scan.
func poked(s *Source) bool {
	synctest.Wait()
	select {
	case <-s.Changed():
		return true
	default:
		return false
	}
}

func TestNewFilesSettleInTwoScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, watchless, tree(t, "a/1/model.onnx"))
		finds(t, s, "a/1 settling")
		time.Sleep(time.Second - 1)
		finds(t, s, "a/1 settling")
		time.Sleep(1)
		finds(t, s, "a/1")
		time.Sleep(time.Hour)
		if poked(s) {
			finds(t, s, "a/1")
		}
		time.Sleep(time.Hour)
		if poked(s) {
			t.Error("it asks for more scans though all is settled")
		}
	})
}

func TestSourceAsksForTheScanThatSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, watchless, tree(t, "a/1/model.onnx"))
		finds(t, s, "a/1 settling")
		if poked(s) {
			t.Error("it asks at once")
		}
		start := time.Now()
		<-s.Changed()
		if waited := time.Since(start); waited < time.Second || waited > 1100*time.Millisecond {
			t.Errorf("it asks after %v", waited)
		}
		finds(t, s, "a/1")
	})
}

func TestGrowingFileSettlesOnceItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/model.onnx")
		s := open(t, watchless, root)
		finds(t, s, "a/1 settling")
		time.Sleep(time.Second)
		finds(t, s, "a/1")
		text := "x"
		for range 20 {
			write(t, root, map[string]string{"a/2/model.onnx": text})
			finds(t, s, "a/1", "a/2 settling")
			text += "x"
			time.Sleep(900 * time.Millisecond)
		}
		finds(t, s, "a/1", "a/2 settling") // as it was written last, for the second time
		time.Sleep(100 * time.Millisecond)
		finds(t, s, "a/1", "a/2")
	})
}

func TestFolderThatIsNotWholeIsNoErrorWhileItSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/weights.bin")
		s := open(t, watchless, root)
		finds(t, s, "a/1 settling")
		write(t, root, map[string]string{"a/1/model.onnx": "x"})
		finds(t, s, "a/1 settling")
		time.Sleep(time.Second)
		finds(t, s, "a/1")
	})
}

func TestChangedFilesSettleAnew(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"a file":   {"a/1/model.onnx": "other"},
		"a config": {"a/config.yaml": "max_batch_size: 2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := tree(t, "a/1/model.onnx")
				s := open(t, watchless, root)
				scan(t, s)
				time.Sleep(time.Second)
				finds(t, s, "a/1")
				write(t, root, change)
				finds(t, s, "a/1 settling")
				time.Sleep(time.Second)
				finds(t, s, "a/1")
			})
		})
	}
}

func TestLongSettledFolderCountsAtOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		long time.Duration
		want string
	}{
		{"left alone for long enough", time.Nanosecond, "a/1"},
		{"touched a moment ago", time.Hour, "a/1 settling"},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := tree(t, "a/1/model.onnx")
			// The time of modification says nothing: a copy may carry it over.
			must(t, os.Chtimes(filepath.Join(root, "a/1/model.onnx"), time.Time{}, time.Unix(1, 0)))
			finds(t, open(t, Options{NoWatch: true, LongSettled: row.long}, root), row.want)
		})
	}
}

func TestFolderRenamedIntoPlaceSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/model.onnx", "a/.2/model.onnx")
		s := open(t, watchless, root)
		finds(t, s, "a/1 settling")
		time.Sleep(time.Second)
		finds(t, s, "a/1")
		must(t, os.Rename(filepath.Join(root, "a/.2"), filepath.Join(root, "a/2")))
		finds(t, s, "a/1", "a/2 settling")
		time.Sleep(time.Second)
		finds(t, s, "a/1", "a/2")
	})
}

func TestRemovedAndPutBackSettlesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/model.onnx", "b/1/model.onnx")
		s := open(t, watchless, root)
		scan(t, s)
		time.Sleep(time.Second)
		digest := finds(t, s, "a/1", "b/1")[0].Digest
		must(t, os.Rename(filepath.Join(root, "a"), filepath.Join(root, ".a")))
		finds(t, s, "b/1")
		must(t, os.Rename(filepath.Join(root, ".a"), filepath.Join(root, "a")))
		if d := finds(t, s, "a/1 settling", "b/1")[0]; d.Digest != digest {
			t.Error("the same files have another digest")
		}
	})
}

func TestEmptyRootIsHeldThenBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "b/1/model.onnx", "a/1/model.onnx", ".hidden/x")
		s := open(t, watchless, root)
		scan(t, s)
		time.Sleep(time.Second)
		before := finds(t, s, "a/1", "b/1")
		unmounted := root + ".away"
		must(t, os.Rename(root, unmounted))
		must(t, os.Mkdir(root, 0o755))
		for range 3 {
			if held := finds(t, s, "a/1", "b/1"); held[0].Digest != before[0].Digest {
				t.Error("it changes while it is held")
			}
			<-s.Changed() // it wants to know
		}
		must(t, os.Remove(root))
		must(t, os.Rename(unmounted, root))
		finds(t, s, "a/1", "b/1")
		must(t, os.RemoveAll(root))
		must(t, os.Mkdir(root, 0o755))
		start := time.Now()
		for len(scan(t, s)) > 0 {
			<-s.Changed()
		}
		if held := time.Since(start); held < 5*time.Second || held > 7*time.Second {
			t.Errorf("believed after %v", held)
		}
		write(t, root, map[string]string{"a/1/model.onnx": "x"})
		finds(t, s, "a/1 settling")
	})
}

func TestEmptySingleModelRootIsHeld(t *testing.T) {
	for _, layout := range [][]string{{"1/model.onnx"}, {"model.onnx"}} {
		t.Run(layout[0], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := tree(t, layout...)
				s := open(t, watchless, root)
				scan(t, s)
				time.Sleep(time.Second)
				finds(t, s, "models/1")
				must(t, os.RemoveAll(root))
				must(t, os.Mkdir(root, 0o755))
				finds(t, s, "models/1")
				time.Sleep(5 * time.Second)
				finds(t, s)
				write(t, root, map[string]string{strings.TrimSuffix(layout[0], "model.onnx") + "weights.bin": ""})
				finds(t, s, "models/1 settling") // a model still, though not whole
			})
		})
	}
}

func TestLinksToNothingAskForNoScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/model.onnx")
		for _, link := range []string{"dangling", "a/2", "a/1/link"} {
			must(t, os.Symlink("nowhere", filepath.Join(root, link)))
		}
		s := open(t, watchless, root)
		scan(t, s)
		<-s.Changed()
		finds(t, s, "a/1")
		time.Sleep(time.Hour)
		if poked(s) {
			t.Error("it asks for another scan")
		}
	})
}

func TestEmptyRootAtStartIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, watchless, tree(t))
		finds(t, s)
		time.Sleep(time.Hour)
		if poked(s) {
			t.Error("it asks for another scan")
		}
	})
}

func TestPolicy(t *testing.T) {
	all, two := "version_policy: {all: {}}", "version_policy: {latest: {num_versions: 2}}"
	for _, row := range []struct {
		name          string
		before, after string
		soon, later   bool // whether the policy is still all, at once and once it is settled
	}{
		{"unchanged -> kept", all, all, true, true},
		{"changed -> taken once it is settled", all, two, true, false},
		{"cut off in a way that parses -> kept until it is settled", all, "#", true, false},
		{"removed -> kept until that is settled", all, "", true, false},
		{"turned wrong -> kept", all, "version_policy: {al", true, true},
		{"wrong from the start -> the default", "version_policy: {al", all, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := tree(t, "a/1/model.onnx")
				config := filepath.Join(root, "a/config.yaml")
				write(t, root, map[string]string{"a/config.yaml": row.before})
				s := open(t, watchless, root)
				scan(t, s)
				time.Sleep(time.Second)
				scan(t, s)
				for poked(s) {
				}
				write(t, root, map[string]string{"a/config.yaml": row.after})
				if row.after == "" {
					must(t, os.Remove(config))
				}
				if got := scan(t, s)[0].Policy.All; got != row.soon {
					t.Errorf("at once: all is %v", got)
				}
				if row.before != row.after {
					<-s.Changed() // it asks for the scan that tells
				}
				if got := scan(t, s)[0].Policy.All; got != row.later {
					t.Errorf("later: all is %v", got)
				}
			})
		})
	}
}

func TestPolicyOfANewModelHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tree(t, "a/1/model.onnx")
		write(t, root, map[string]string{"a/config.yaml": "version_policy: {all: {}}"})
		if d := scan(t, open(t, watchless, root))[0]; !d.Policy.All {
			t.Error("it does not")
		}
	})
}
