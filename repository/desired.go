package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"galatea/config"
	"galatea/tensor"
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
	Gate     string // names everything besides that it is tried against before it serves
	Policy   Policy // the model's
	Config   *config.Model
	Settling bool  // still being written; not to be loaded yet
	Err      error // why it cannot be loaded, until the digest changes

	// What was decided at run time; the Reconciler sets these.
	Withdrawn string // why it is not to serve any more, whatever its files are; "": it may
	Trial     bool   // it has not yet been chosen over the version that serves

	// Live is what the model's callers are used to, set for a Loader; nil: nothing yet.
	Live *tensor.Signature
}

// FilesDigest is the digest as the source gave it; a load that was forced though nothing
// had changed has another.
func (d Desired) FilesDigest() string { return plainDigest(d.Digest) }

// Policy says which versions of a model to serve, under which names, and how a new one
// takes over. The zero value is the newest one, at once.
type Policy struct {
	All      bool
	Specific []int64
	Latest   int // 0 is 1

	Default int64            // what a request without a version gets; 0: the newest that is ready
	Labels  map[string]int64 // names for versions
	Rollout config.Plan

	// Unknown says that the config is wrong, so that nothing follows from what it does not say.
	Unknown bool

	// Kept versions are served whatever the rest says. The Reconciler adds those that
	// have names.
	Kept []int64
}

// Names returns the versions that the model's names stand for: labels, and "" for the
// default where there is one.
func (p Policy) Names() map[string]int64 {
	all := maps.Clone(p.Labels)
	if all == nil {
		all = map[string]int64{}
	}
	if p.Default != 0 {
		all[""] = p.Default
	}
	return all
}

// admits reports whether the policy may serve a version at all.
func (p Policy) admits(version int64) bool {
	return len(p.Specific) == 0 || slices.Contains(p.Specific, version) || slices.Contains(p.Kept, version)
}

// ErrTerminal marks a failure that only other files can mend: trying again will not help.
var ErrTerminal = errors.New("refused")

// Terminal marks err as one that only other files can mend; its text stays as it is.
func Terminal(err error) error { return &terminalError{err} }

// GateError says which check a version has not passed before it would have served. It is
// terminal.
type GateError struct {
	Gate string // integrity, signature, warmup or golden
	Err  error
}

func (e *GateError) Error() string   { return fmt.Sprintf("refused by its %s check: %v", e.Gate, e.Err) }
func (e *GateError) Unwrap() []error { return []error{ErrTerminal, e.Err} }

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
		case slices.Contains(p.Kept, v) && (len(p.Specific) > 0 || !p.All && limit == 0):
			chosen = append(chosen, v)
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
