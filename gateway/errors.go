package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
)

func replyError(c *gin.Context, status int, text string) {
	body := append(appendString([]byte(`{"error":`), text), '}')
	h := c.Writer.Header()
	if (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && text != wire.ErrOnlyExplicit.Error() && h.Get(headerRetryAfter) == "" {
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

// fail answers with an error's status and text, and with when to try again. ref and id
// are the request's.
func (g *Gateway) fail(c *gin.Context, err error, ref infer.Ref, id string) {
	sayWhen(c, err)
	status := wire.Status(err)
	if own, is := errors.AsType[*wire.Error](err); is && own.Unreadable && g.o.Lenient {
		status = http.StatusBadRequest
	}
	replyError(c, status, wire.Text(err, ref, id))
}

// sayWhen says when another attempt makes sense, where an error knows.
func sayWhen(c *gin.Context, err error) {
	if ms := wire.RetryAfter(err); ms > 0 {
		c.Header(headerRetryAfterMs, strconv.FormatInt(ms, 10))
		c.Header(headerRetryAfter, strconv.FormatInt((ms+999)/1000, 10))
	}
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
