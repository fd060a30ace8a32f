package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/internal/tfjson"
)

// tfStatuses maps the sentinels to HTTP statuses as TensorFlow Serving does: each to the
// status that goes with its code.
var tfStatuses = []struct {
	err    error
	status int
}{
	{infer.ErrUnknownModel, http.StatusNotFound},           // NOT_FOUND
	{infer.ErrUnknownVersion, http.StatusNotFound},         // NOT_FOUND
	{infer.ErrUnknownLabel, http.StatusBadRequest},         // INVALID_ARGUMENT
	{infer.ErrNoVersion, http.StatusNotFound},              // NOT_FOUND
	{infer.ErrNotReady, http.StatusNotFound},               // NOT_FOUND: what does not serve is not there
	{infer.ErrInvalid, http.StatusBadRequest},              // INVALID_ARGUMENT
	{infer.ErrQueueFull, http.StatusServiceUnavailable},    // UNAVAILABLE
	{infer.ErrTimeout, http.StatusGatewayTimeout},          // DEADLINE_EXCEEDED
	{infer.ErrDeadline, http.StatusGatewayTimeout},         // DEADLINE_EXCEEDED
	{infer.ErrOverloaded, http.StatusServiceUnavailable},   // UNAVAILABLE
	{infer.ErrOverQuota, http.StatusTooManyRequests},       // RESOURCE_EXHAUSTED
	{infer.ErrStopping, http.StatusServiceUnavailable},     // UNAVAILABLE
	{infer.ErrInstanceLost, http.StatusServiceUnavailable}, // UNAVAILABLE
	{infer.ErrExecution, http.StatusInternalServerError},   // INTERNAL
	{context.Canceled, wire.StatusClientClosed},            // CANCELLED
	{context.DeadlineExceeded, http.StatusGatewayTimeout},  // DEADLINE_EXCEEDED
}

// tfStatusOf returns an error's HTTP status; 500 for one that nobody knows.
func tfStatusOf(err error) int {
	if own, is := errors.AsType[*wire.Error](err); is {
		return own.Status
	}
	if format, is := errors.AsType[*tfjson.Error](err); is {
		if format.Unsupported {
			return http.StatusNotImplemented // UNIMPLEMENTED
		}
		return http.StatusBadRequest // INVALID_ARGUMENT
	}
	for _, row := range tfStatuses {
		if errors.Is(err, row.err) {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// tfTextOf returns what the caller reads, in TensorFlow Serving's words where it has any.
// ref is the request's.
func tfTextOf(err error, ref infer.Ref) string {
	missing := errors.Is(err, infer.ErrUnknownModel) || errors.Is(err, infer.ErrUnknownVersion) || errors.Is(err, infer.ErrNoVersion) || errors.Is(err, infer.ErrNotReady)
	switch {
	case errors.Is(err, infer.ErrUnknownLabel):
		return "Unrecognized servable version label: " + ref.Label
	case missing && ref.Label != "":
		return fmt.Sprintf("Servable not found for request: Specific(%s, %s)", ref.Name, ref.Label)
	case missing && (ref.Version != 0 || errors.Is(err, infer.ErrUnknownVersion)):
		return fmt.Sprintf("Servable not found for request: Specific(%s, %d)", ref.Name, ref.Version)
	case missing:
		return fmt.Sprintf("Servable not found for request: Latest(%s)", ref.Name)
	default:
		return wire.Reason(err)
	}
}

// tfFail answers with an error's status and text, and with when to try again. ref is the
// request's.
func tfFail(c *gin.Context, err error, ref infer.Ref) {
	sayWhen(c, err)
	replyError(c, tfStatusOf(err), wire.Cut(tfTextOf(err, ref)))
}
