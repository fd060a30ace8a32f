package repository

import (
	"context"
	"time"

	"galatea/config"
	"galatea/infer"
	"galatea/tensor"
)

// State is where a generation is in its life. States only move forward, except
// that a failed generation may be tried again.
type State uint8

// The states of a generation.
const (
	Pending  State = iota // wanted, waits for a worker
	Loading               // a worker opens it
	Warming               // it runs its first batches
	Ready                 // published
	Draining              // unpublished; requests in it finish
	Closing               // a worker frees it
	Gone
	Failed
)

// String returns the state's name in lower case.
func (s State) String() string {
	return [...]string{"pending", "loading", "warming", "ready", "draining", "closing", "gone", "failed"}[s]
}

// stays reports whether a generation in this state is not on its way out.
func (s State) stays() bool { return s <= Ready || s == Failed }

// Observed is a generation of a version as the Reconciler knows it.
type Observed struct {
	Name    string
	Version int64
	Root    string
	Digest  string
	Gate    string // that it was tried against, or is being
	State   State

	Cancelled bool      // its load was told to stop
	Attempts  int       // loads that failed; 0 once it is ready
	Terminal  bool      // a failure that waits for other files
	NextTry   time.Time // of another failure
}

// Servable is a loaded version.
type Servable interface {
	infer.Handler
	Info() Info
	// Close frees it. It is called once: after the last lease, or when the drain's
	// time is up, with a ctx that has ended then.
	Close(ctx context.Context) error
}

// Info describes a loaded version.
type Info struct {
	ID      infer.ID
	Config  *config.Resolved    // with what was decided on loading in its Notes
	Note    string              // what a reader of the index should know of it; "": nothing
	Loaded  time.Duration       // how long the load took
	Weights int64               // bytes of weights, once for each device
	Labels  map[string][]string // of classes, by the outputs whose elements they name; nobody may change them
	Example *Example            // nil: there is no small one that the version takes
	Stats   infer.Stats
}

// Example is a small request that a version has run, and its answer. It is made up.
type Example struct {
	Inputs  []tensor.Tensor // those that a request may not leave out
	Outputs []tensor.Tensor
}

// Loader makes a servable of what a source has. It says which phase it enters
// (Loading, Warming). It stops when ctx ends. It returns a servable or an error;
// one that wraps ErrTerminal is not tried again.
type Loader func(ctx context.Context, d Desired, phase func(State)) (Servable, error)

// Status is a row of the index.
type Status struct {
	Name    string
	Version int64  // 0: the model as a whole
	State   string // READY, LOADING, UNLOADING, UNAVAILABLE, or "" for a model that was never asked for
	Reason  string
	Root    string
}

// Triton's names of the states.
const (
	StateReady       = "READY"
	StateLoading     = "LOADING"
	StateUnloading   = "UNLOADING"
	StateUnavailable = "UNAVAILABLE"
)
