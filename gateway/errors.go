package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/infer"
)

// statusClientClosed is what a caller who left would have got; nginx's number.
const statusClientClosed = 499

// statuses maps the sentinels to HTTP statuses as Triton does.
var statuses = []struct {
	err    error
	status int
}{
	{infer.ErrUnknownModel, http.StatusNotFound},
	{infer.ErrUnknownVersion, http.StatusNotFound},
	{infer.ErrUnknownLabel, http.StatusNotFound},
	{infer.ErrNoVersion, http.StatusNotFound},
	{infer.ErrNotReady, http.StatusServiceUnavailable},
	{infer.ErrInvalid, http.StatusBadRequest},
	{infer.ErrQueueFull, http.StatusServiceUnavailable},
	{infer.ErrTimeout, http.StatusServiceUnavailable},
	{infer.ErrDeadline, http.StatusGatewayTimeout},
	{infer.ErrOverloaded, http.StatusServiceUnavailable},
	{infer.ErrOverQuota, http.StatusTooManyRequests},
	{infer.ErrStopping, http.StatusServiceUnavailable},
	{infer.ErrInstanceLost, http.StatusServiceUnavailable},
	{infer.ErrExecution, http.StatusInternalServerError},
	{context.Canceled, statusClientClosed},
	{context.DeadlineExceeded, http.StatusGatewayTimeout},
}

// statusOf returns an error's HTTP status; 500 for one that is in no row.
func statusOf(err error) int {
	if w, own := errors.AsType[*wireError](err); own {
		return w.status
	}
	for _, row := range statuses {
		if errors.Is(err, row.err) {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// textOf returns what the caller reads, in Triton's words where it has any. ref and
// id are the request's.
func textOf(err error, ref infer.Ref, id string) string {
	var w *wireError
	switch {
	case errors.As(err, &w):
		return w.text
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
	if id == "" {
		id = "<id_unknown>"
	}
	prefix := "[request id: " + id + "] "
	switch {
	case errors.Is(err, infer.ErrQueueFull):
		return prefix + "Exceeds maximum queue size"
	case errors.Is(err, infer.ErrTimeout):
		return prefix + "Request timeout expired"
	case errors.Is(err, infer.ErrDeadline):
		return prefix + "deadline exceeded: the answer would come too late, or did: allow the request more time, or the model more instances"
	case errors.Is(err, infer.ErrOverloaded):
		return prefix + "overloaded: the requests that wait already would make the answer come too late: try again later, or allow the request more time"
	case errors.Is(err, infer.ErrOverQuota):
		return prefix + "over quota: the caller has as many requests waiting as its share of the queue allows: wait for answers before asking more"
	case errors.Is(err, infer.ErrStopping):
		return prefix + "Server is stopping, scheduler for model has stopped accepting new inference requests"
	default:
		return prefix + err.Error()
	}
}

// wireError is an error of the gateway's own: its status and its text.
type wireError struct {
	status int
	text   string
}

func (e *wireError) Error() string { return e.text }

// badRequest is the caller's fault: 400.
func badRequest(format string, args ...any) error {
	return &wireError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// unparsable is JSON that cannot be read. Triton answers 500 for it, which clients
// have come to expect.
func unparsable(format string, args ...any) error {
	return &wireError{http.StatusInternalServerError, fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &wireError{http.StatusNotImplemented, fmt.Sprintf(format, args...)}
}

// maxErrorText is how much of an error a caller gets. It may repeat a name or a shape
// of the request's, which can be as long as the caller likes.
const maxErrorText = 4 << 10

func replyError(c *gin.Context, status int, text string) {
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	body := append(appendString([]byte(`{"error":`), text), '}')
	h := c.Writer.Header()
	if (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && text != onlyExplicit && h.Get(headerRetryAfter) == "" {
		h.Set(headerRetryAfter, "1")
	}
	reply(c, status, body)
	c.Abort()
}

// The headers that say when another attempt makes sense: in whole seconds, rounded
// up, as RFC 9110 has it, and in milliseconds where that is known.
const (
	headerRetryAfter   = "Retry-After"
	headerRetryAfterMs = "Retry-After-Ms"
)

// fail answers with an error's status and text, and with when to try again.
func fail(c *gin.Context, err error, ref infer.Ref, id string) {
	if again, known := errors.AsType[*infer.RetryError](err); known {
		ms := max(1, (again.After + time.Millisecond - 1).Milliseconds())
		c.Header(headerRetryAfterMs, strconv.FormatInt(ms, 10))
		c.Header(headerRetryAfter, strconv.FormatInt((ms+999)/1000, 10))
	}
	replyError(c, statusOf(err), textOf(err, ref, id))
}

// reply sends a JSON body.
func reply(c *gin.Context, status int, body []byte) {
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_ = expectReader(c, len(body)) // the caller may be gone; there is nobody to tell
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(body) // so here
}

// marshal writes a value as JSON, for people: < and > stay as they are.
func marshal(to *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	to.Truncate(to.Len() - len("\n"))
	return nil
}

// replyJSON sends a value as JSON.
func replyJSON(c *gin.Context, value any) {
	var body bytes.Buffer
	if err := marshal(&body, value); err != nil {
		replyError(c, http.StatusInternalServerError, err.Error())
		return
	}
	reply(c, http.StatusOK, body.Bytes())
}
