package shm_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"galatea/internal/shm"
)

// object makes a shared memory object and returns its key.
func object(t *testing.T, content string) string {
	t.Helper()
	f, err := os.CreateTemp("/dev/shm", "galatea-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return "/" + filepath.Base(f.Name())
}

func register(t *testing.T, r *shm.Regions, region shm.Region) {
	t.Helper()
	if err := r.Register(region); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Unregister(region.Name) })
}

func TestARegionIsReadAndWrittenFromItsOffsetOn(t *testing.T) {
	key := object(t, "0123456789")
	r := &shm.Regions{}
	register(t, r, shm.Region{Name: "a", Key: key, Offset: 2, Size: 6})
	got := make([]byte, 3)
	if err := r.Read("a", 1, got); err != nil || string(got) != "345" {
		t.Errorf("%q, %v", got, err)
	}
	if err := r.Write("a", 4, []byte("xy")); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile("/dev/shm" + key)
	if err != nil || string(raw) != "012345xy89" {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestThereIsAnEndToRegions(t *testing.T) {
	key := object(t, "0123456789")
	r := &shm.Regions{}
	t.Cleanup(func() { r.UnregisterAll() })
	for i := range shm.MostRegions {
		if err := r.Register(shm.Region{Name: strconv.Itoa(i), Key: key, Size: 1}); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	one := shm.Region{Name: "one more", Key: key, Size: 1}
	if err := r.Register(one); !errors.Is(err, shm.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if err := errors.Join(r.Unregister("7"), r.Register(one)); err != nil {
		t.Errorf("in the place of another: %v", err)
	}
}

func TestAccessesStayWithinTheirRegion(t *testing.T) {
	r := &shm.Regions{}
	register(t, r, shm.Region{Name: "a", Key: object(t, "0123456789"), Offset: 2, Size: 6})
	for _, tt := range []struct {
		name         string
		offset, size uint64
		want         error
	}{
		{"a", 0, 6, nil},
		{"a", 5, 1, nil},
		{"a", 6, 0, shm.ErrOffset},
		{"a", 0, 7, shm.ErrRange},
		{"a", 1, math.MaxUint64, shm.ErrRange},
		{"a", 7, 0, shm.ErrOffset},
		{"a", math.MaxUint64, 1, shm.ErrOffset},
		{"b", 0, 1, shm.ErrUnknown},
	} {
		if err := r.Check(tt.name, tt.offset, tt.size); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if err := r.Write("a", 0, make([]byte, 7)); !errors.Is(err, shm.ErrRange) {
		t.Error(err)
	}
}

func TestOnlyObjectsThatAreThereAndLargeEnoughAreRegistered(t *testing.T) {
	r := &shm.Regions{}
	key := object(t, "0123456789")
	link := "/dev/shm" + key + "-link"
	if err := os.Symlink("/etc/hostname", link); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(link) })
	register(t, r, shm.Region{Name: "taken", Key: strings.TrimPrefix(key, "/"), Size: 1})
	for _, tt := range []struct {
		region shm.Region
		want   error
	}{
		{shm.Region{Name: "a", Key: key, Size: 11}, shm.ErrSize},
		{shm.Region{Name: "a", Key: key, Offset: 10, Size: 1}, shm.ErrSize},
		{shm.Region{Name: "a", Key: key, Offset: math.MaxUint64, Size: 2}, shm.ErrSize},
		{shm.Region{Name: "a", Key: key, Offset: math.MaxUint64 / 2, Size: 2}, shm.ErrSize},
		{shm.Region{Name: "taken", Key: key, Size: 1}, shm.ErrExists},
		{shm.Region{Name: "a", Key: "/galatea-test-nothing", Size: 1}, shm.ErrOpen},
		{shm.Region{Name: "a", Key: "/../etc/hostname", Size: 1}, shm.ErrOpen},
		{shm.Region{Name: "a", Key: "..", Size: 1}, shm.ErrOpen},
		{shm.Region{Name: "a", Key: "/", Size: 0}, shm.ErrOpen},
		{shm.Region{Name: "a", Key: "", Size: 0}, shm.ErrOpen},
		{shm.Region{Name: "a", Key: key + "-link", Size: 0}, shm.ErrOpen},
	} {
		if err := r.Register(tt.region); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt.region, err)
		}
	}
}

func TestAnOwnerWhoShrinksTheObjectMakesAnError(t *testing.T) {
	key := object(t, "0123456789")
	r := &shm.Regions{}
	register(t, r, shm.Region{Name: "a", Key: key, Size: 10})
	if err := os.Truncate("/dev/shm"+key, 3); err != nil {
		t.Fatal(err)
	}
	if err := r.Read("a", 0, make([]byte, 10)); !errors.Is(err, shm.ErrSize) {
		t.Error(err)
	}
}

func TestRegionsAreListedAndForgotten(t *testing.T) {
	r := &shm.Regions{}
	b := shm.Region{Name: "b", Key: object(t, "12"), Size: 2}
	a := shm.Region{Name: "a", Key: object(t, "34"), Offset: 1, Size: 1}
	for _, region := range []shm.Region{b, a} {
		if err := r.Register(region); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := r.List(""); err != nil || len(list) != 2 || list[0] != a || list[1] != b {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := r.List("b"); err != nil || len(list) != 1 || list[0] != b {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := r.List("c"); !errors.Is(err, shm.ErrUnknown) {
		t.Error(err)
	}
	if err := errors.Join(r.Unregister("b"), r.Unregister("nothing")); err != nil {
		t.Error(err)
	}
	if err := r.Read("b", 0, make([]byte, 1)); !errors.Is(err, shm.ErrUnknown) {
		t.Error(err)
	}
	if err := r.UnregisterAll(); err != nil {
		t.Error(err)
	}
	if list, _ := r.List(""); len(list) != 0 {
		t.Errorf("%v", list)
	}
}

func TestManyCanUseRegionsWhileTheyGo(t *testing.T) {
	key := object(t, strings.Repeat("x", 1000))
	r := &shm.Regions{}
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			to := make([]byte, 1000)
			for range 200 {
				err := r.Register(shm.Region{Name: "a", Key: key, Size: 1000})
				if err != nil && !errors.Is(err, shm.ErrExists) {
					done <- err
					return
				}
				switch err := r.Read("a", 0, to); {
				case err == nil && !bytes.Equal(to, bytes.Repeat([]byte("x"), 1000)):
					done <- errors.New("read something else")
					return
				case err != nil && !errors.Is(err, shm.ErrUnknown):
					done <- err
					return
				}
				if err := r.Unregister("a"); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
