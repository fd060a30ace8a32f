package repository

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"galatea/config"
)

// Source says what there is to serve.
type Source interface {
	// Desired returns all versions that the source has. An error means that it cannot
	// tell; what was known before then holds. It must not return an empty list for a
	// place that it could not read.
	Desired(ctx context.Context) ([]Desired, error)
	// Changed receives when another look may be worth it. It carries nothing and may
	// receive without any change.
	Changed() <-chan struct{}
}

// Desired is one version that a source has. A model that has none is a Desired
// with Version 0 and an Err that says so.
type Desired struct {
	Name     string
	Version  int64
	Root     string // the repository that it lies in
	Folder   string // the version's own
	File     string // the model's file
	Digest   string // names everything that a load depends on
	Policy   Policy // which of the model's versions to serve
	Config   *config.Model
	Settling bool  // still being written; not to be loaded yet
	Err      error // why it cannot be loaded, until the digest changes
}

// Policy says which versions of a model to serve. The zero value is the newest one.
type Policy struct {
	All      bool
	Specific []int64
	Latest   int // 0 is 1
}

// ErrTerminal marks a failure that only other files can mend: trying again will not help.
var ErrTerminal = errors.New("refused")

// Terminal marks err as one that only other files can mend; its text stays as it is.
func Terminal(err error) error { return &terminalError{err} }

type terminalError struct{ err error }

func (e *terminalError) Error() string   { return e.err.Error() }
func (e *terminalError) Unwrap() []error { return []error{ErrTerminal, e.err} }

// choose returns which of a model's versions the policy looks at, newest first. Those
// that need a stand-in are among them, without counting: until they work, the next
// ones are served in their place.
func (p Policy) choose(versions []int64, needsStandIn func(int64) bool) []int64 {
	versions = slices.Clone(versions)
	slices.SortFunc(versions, func(a, b int64) int { return cmp.Compare(b, a) })
	limit := max(1, p.Latest)
	var chosen []int64
	for _, v := range slices.Compact(versions) {
		switch {
		case len(p.Specific) > 0:
			if slices.Contains(p.Specific, v) {
				chosen = append(chosen, v)
			}
		case p.All:
			chosen = append(chosen, v)
		case limit > 0:
			chosen = append(chosen, v)
			if !needsStandIn(v) {
				limit--
			}
		}
	}
	return chosen
}
