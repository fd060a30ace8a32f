package infer

import (
	"errors"
	"fmt"
	"time"
)

// The errors that cross packages. The gateway has one table from these to the
// wire's status codes; a new one needs a row there, which a test demands.
var (
	// ErrUnknownModel says that no model has the name.
	ErrUnknownModel = errors.New("unknown model")
	// ErrUnknownVersion says that the model is known but not the version.
	ErrUnknownVersion = errors.New("unknown model version")
	// ErrUnknownLabel says that the model is known but not the label.
	ErrUnknownLabel = errors.New("unknown model label")
	// ErrNoVersion says that the model is known but none of its versions is ready.
	ErrNoVersion = errors.New("no version available")
	// ErrNotReady says that the version is known but not ready: loading, failed or unloaded.
	ErrNotReady = errors.New("version not ready")
	// ErrInvalid says that the request does not fit the model. It is wrapped in an *InvalidError.
	ErrInvalid = errors.New("invalid request")
	// ErrQueueFull says that the version's queue holds as many requests as it may.
	ErrQueueFull = errors.New("queue full")
	// ErrTimeout says that the request waited in the queue longer than it may.
	ErrTimeout = errors.New("request timeout expired")
	// ErrDeadline says that the request's deadline has passed, or can no longer be kept.
	ErrDeadline = errors.New("deadline exceeded")
	// ErrOverloaded says that the request would have to wait longer than its deadline lets it.
	ErrOverloaded = errors.New("overloaded")
	// ErrOverQuota says that the tenant has as many requests waiting as its share allows, while others could still add theirs.
	ErrOverQuota = errors.New("over quota")
	// ErrStopping says that the version no longer takes requests.
	ErrStopping = errors.New("version is stopping")
	// ErrExecution says that the runtime failed on the request. It is wrapped with the runtime's words.
	ErrExecution = errors.New("inference failed")
	// ErrInstanceLost says that the instance that ran the request is gone and has to be made anew.
	ErrInstanceLost = errors.New("instance lost")
)

// Sentinels lists the errors above, so that a test can demand an answer for each.
func Sentinels() []error {
	return []error{
		ErrUnknownModel, ErrUnknownVersion, ErrUnknownLabel, ErrNoVersion, ErrNotReady, ErrInvalid,
		ErrQueueFull, ErrTimeout, ErrDeadline, ErrOverloaded, ErrOverQuota, ErrStopping, ErrExecution, ErrInstanceLost,
	}
}

// InvalidError is a request's own fault; Text is meant for the caller.
type InvalidError struct {
	Text string
	// Plain says that the text stands without the request's id before it, as it does in
	// Triton where an answer cannot be given as it was asked for.
	Plain bool
}

// Error returns the text for the caller.
func (e *InvalidError) Error() string { return e.Text }

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// Invalidf returns an *InvalidError.
func Invalidf(format string, args ...any) error {
	return &InvalidError{Text: fmt.Sprintf(format, args...)}
}

// RetryError is a refusal that says when another attempt makes sense.
type RetryError struct {
	Err   error         // a sentinel of this package
	After time.Duration // from the refusal on; positive
}

// Error returns the refusal's own words.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *RetryError) Unwrap() error { return e.Err }
