package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// watched answers what the parent asks of a server besides requests.
type watched struct{ profile *os.File }

func (w *watched) measured(what string, args json.RawMessage) (any, error) {
	switch what {
	case "usage":
		return processUsage()
	case "profile": // the argument begins the files' names; "" ends the profile
		var name string
		if err := json.Unmarshal(args, &name); err != nil {
			return nil, err
		}
		if name == "" {
			return nil, w.end()
		}
		return nil, w.begin(name)
	default:
		return nil, fmt.Errorf("no answer to %q", what)
	}
}

// begin starts a CPU profile at <name>.cpu.
func (w *watched) begin(name string) error {
	f, err := os.Create(name + ".cpu")
	if err != nil {
		return err
	}
	w.profile = f
	return pprof.StartCPUProfile(f)
}

// end ends the CPU profile and writes what was allocated in all to <name>.allocs.
func (w *watched) end() error {
	pprof.StopCPUProfile()
	cpu := w.profile.Name()
	err := w.profile.Close()
	f, createErr := os.Create(cpu[:len(cpu)-len(".cpu")] + ".allocs")
	if createErr != nil {
		return errors.Join(err, createErr)
	}
	runtime.GC() // the profile is as of the last collection
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
