package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"galatea/infer"
)

// StatusClientClosed is what a caller who left would have got; nginx's number.
const StatusClientClosed = 499

// Error is an error of a front's own: its numbers and its text.
type Error struct {
	Status int        // HTTP's
	Code   codes.Code // gRPC's; OK: the one that goes with Status
	Text   string
	// Unreadable says that the request could not be read. Triton answers 500 for it, which
	// is Status then; a front may say 400 where nobody counts on that.
	Unreadable bool
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Invalid is the caller's fault: 400, INVALID_ARGUMENT.
func Invalid(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// Unreadable is a request that cannot be read: Triton's 500, INVALID_ARGUMENT.
func Unreadable(format string, args ...any) error {
	return &Error{Status: http.StatusInternalServerError, Code: codes.InvalidArgument, Text: fmt.Sprintf(format, args...), Unreadable: true}
}

// Unsupported is what this server does not do: 501, UNIMPLEMENTED.
func Unsupported(format string, args ...any) error {
	return &Error{Status: http.StatusNotImplemented, Text: fmt.Sprintf(format, args...)}
}

// NotFound is a name that nothing has: 404, NOT_FOUND.
func NotFound(format string, args ...any) error {
	return &Error{Status: http.StatusNotFound, Text: fmt.Sprintf(format, args...)}
}

// Unavailable is what may do better later: 503, UNAVAILABLE.
func Unavailable(format string, args ...any) error {
	return &Error{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf(format, args...)}
}

// Failed is a failure of the server's: 500, INTERNAL.
func Failed(format string, args ...any) error {
	return &Error{Status: http.StatusInternalServerError, Text: fmt.Sprintf(format, args...)}
}

// numbers maps the sentinels to HTTP statuses and gRPC codes as Triton does.
var numbers = []struct {
	err    error
	status int
	code   codes.Code
}{
	{infer.ErrUnknownModel, http.StatusNotFound, codes.NotFound},
	{infer.ErrUnknownVersion, http.StatusNotFound, codes.NotFound},
	{infer.ErrUnknownLabel, http.StatusNotFound, codes.NotFound},
	{infer.ErrNoVersion, http.StatusNotFound, codes.NotFound},
	{infer.ErrNotReady, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrInvalid, http.StatusBadRequest, codes.InvalidArgument},
	{infer.ErrQueueFull, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrTimeout, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrDeadline, http.StatusGatewayTimeout, codes.DeadlineExceeded},
	{infer.ErrOverloaded, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrOverQuota, http.StatusTooManyRequests, codes.ResourceExhausted},
	{infer.ErrStopping, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrInstanceLost, http.StatusServiceUnavailable, codes.Unavailable},
	{infer.ErrExecution, http.StatusInternalServerError, codes.Internal},
	{context.Canceled, StatusClientClosed, codes.Canceled},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, codes.DeadlineExceeded},
}

// codeOf is the gRPC code that goes with an HTTP status of an *Error.
func codeOf(status int) codes.Code {
	switch status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	default:
		return codes.Internal
	}
}

// Status returns an error's HTTP status; 500 for one that nobody knows.
func Status(err error) int {
	status, _ := numbersOf(err)
	return status
}

// Code returns an error's gRPC code; INTERNAL for one that nobody knows.
func Code(err error) codes.Code {
	_, code := numbersOf(err)
	return code
}

func numbersOf(err error) (int, codes.Code) {
	if w, own := errors.AsType[*Error](err); own {
		if w.Code == codes.OK {
			return w.Status, codeOf(w.Status)
		}
		return w.Status, w.Code
	}
	for _, row := range numbers {
		if errors.Is(err, row.err) {
			return row.status, row.code
		}
	}
	return http.StatusInternalServerError, codes.Internal
}

// maxText is how much of an error a caller gets. It may repeat a name or a shape of the
// request's, which can be as long as the caller likes.
const maxText = 4 << 10

// Text returns what the caller reads, in Triton's words where it has any, and not too
// much of it. ref and id are the request's.
func Text(err error, ref infer.Ref, id string) string {
	return Cut(textOf(err, ref, id))
}

// Cut returns no more of a text than a caller should get.
func Cut(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

func textOf(err error, ref infer.Ref, id string) string {
	var w *Error
	switch {
	case errors.As(err, &w):
		return w.Text
	case errors.Is(err, infer.ErrUnknownModel):
		return fmt.Sprintf("Request for unknown model: '%s' is not found", ref.Name)
	case errors.Is(err, infer.ErrUnknownVersion):
		return fmt.Sprintf("Request for unknown model: '%s' version %d is not found", ref.Name, ref.Version)
	case errors.Is(err, infer.ErrUnknownLabel):
		return fmt.Sprintf("Request for unknown model: '%s' label '%s' is not found", ref.Name, ref.Label)
	case errors.Is(err, infer.ErrNoVersion):
		return fmt.Sprintf("Request for unknown model: '%s' has no available versions", ref.Name)
	case errors.Is(err, infer.ErrNotReady) && ref.Label != "":
		return fmt.Sprintf("Request for unknown model: '%s' label '%s' stands for no version that is at ready state", ref.Name, ref.Label)
	case errors.Is(err, infer.ErrNotReady):
		return fmt.Sprintf("Request for unknown model: '%s' version %d is not at ready state", ref.Name, ref.Version)
	}
	if invalid, is := errors.AsType[*infer.InvalidError](err); is && invalid.Plain {
		return invalid.Text
	}
	if id == "" {
		id = "<id_unknown>"
	}
	return "[request id: " + id + "] " + Reason(err)
}

// Reason returns what an error that the request met at its model says, apart from which
// request it was.
func Reason(err error) string {
	switch {
	case errors.Is(err, infer.ErrQueueFull):
		return "Exceeds maximum queue size"
	case errors.Is(err, infer.ErrTimeout):
		return "Request timeout expired"
	case errors.Is(err, infer.ErrDeadline):
		return "deadline exceeded: the answer would come too late, or did: allow the request more time, or the model more instances"
	case errors.Is(err, infer.ErrOverloaded):
		return "overloaded: the requests that wait already would make the answer come too late: try again later, or allow the request more time"
	case errors.Is(err, infer.ErrOverQuota):
		return "over quota: the caller has as many requests waiting as its share of the queue allows: wait for answers before asking more"
	case errors.Is(err, infer.ErrStopping):
		return "Server is stopping, scheduler for model has stopped accepting new inference requests"
	default:
		return err.Error()
	}
}

// RetryAfter returns when another attempt makes sense, in whole milliseconds from the
// refusal on; 0 where nobody knows.
func RetryAfter(err error) (ms int64) {
	if again, known := errors.AsType[*infer.RetryError](err); known {
		return max(1, (again.After + time.Millisecond - 1).Milliseconds())
	}
	return 0
}
