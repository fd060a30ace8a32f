package wire_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"galatea/gateway/wire"
	"galatea/internal/shm"
)

func TestRegionsThatCannotBeKeptAreRefused(t *testing.T) {
	file, err := os.CreateTemp("/dev/shm", "galatea-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); os.Remove(file.Name()) })
	if err := file.Truncate(16); err != nil {
		t.Fatal(err)
	}
	r := &wire.Regions{}
	t.Cleanup(func() { r.Close() })
	register := func(name string) error {
		return r.Register(shm.Region{Name: name, Key: "/" + filepath.Base(file.Name()), Size: 16})
	}
	refused := func(name, text string) {
		t.Helper()
		if err := register(name); err == nil || wire.Status(err) != 400 || err.Error() != text {
			t.Errorf("%.20q: %v, want %s", name, err, text)
		}
	}
	refused("", "shared memory region has no name")
	refused(strings.Repeat("n", 1025), "shared memory region has a name of 1025 bytes: expected at most 1024")
	for i := range shm.MostRegions {
		if err := register(strconv.Itoa(i)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	refused("one more", "failed to register shared memory region 'one more': there are 4096 already, as many as there may be: unregister some")
}
