package repository

import (
	"log/slog"
	"maps"
	"sync"
)

// refusal is a reason why files cannot be loaded, which all versions of a model may share.
type refusal struct{ name, root, text string }

// complain logs what the source says cannot be loaded, once for as long as it says so.
func (l *loop) complain() {
	present := map[refusal]bool{}
	for _, all := range [][]Desired{l.wanted, l.newcomers} {
		for _, d := range all {
			if d.Err == nil {
				continue
			}
			r := refusal{d.Name, d.Root, d.Err.Error()}
			if !l.refused[r] && !present[r] {
				l.o.Log.Error("refused", slog.String("model", d.Name), slog.Int64("version", d.Version), slog.String("root", d.Root), slog.Any("err", d.Err))
			}
			present[r] = true
		}
	}
	l.refused = present
}

// Refusal is a model and the check that refused a version of it; "" is a load that failed
// for good.
type Refusal struct{ Model, Gate string }

// refusals counts versions that were refused.
type refusals struct {
	mu     sync.Mutex
	counts map[Refusal]uint64
}

func (r *refusals) add(model, gate string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[Refusal]uint64{}
	}
	r.counts[Refusal{model, gate}]++
}

// Refusals returns how many versions were refused since the start.
func (r *Router) Refusals() map[Refusal]uint64 {
	r.refusals.mu.Lock()
	defer r.refusals.mu.Unlock()
	return maps.Clone(r.refusals.counts)
}
