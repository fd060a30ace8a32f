package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"galatea/gateway/wire"
	"galatea/infer"
	"galatea/repository"
)

// heartbeat is how often a stream without events says that it is there.
const heartbeat = 15 * time.Second

// events answers GET /v2/events: the history as JSON, or, where the caller accepts
// text/event-stream, that and all that follows as server-sent events (HTML, 9.2). Either
// begins behind the event that Last-Event-ID, which a browser adds when it connects again, or
// ?after names.
func (g *Gateway) events(c *gin.Context) {
	after, err := eventNumber(c)
	if err != nil {
		g.fail(c, err, infer.Ref{}, "")
		return
	}
	if strings.Contains(c.GetHeader("Accept"), "text/event-stream") {
		g.stream(c, after)
		return
	}
	all, _ := g.o.Events.Since(after)
	if all == nil {
		all = []repository.Event{}
	}
	replyJSON(c, struct {
		Events []repository.Event `json:"events"`
	}{all})
}

func eventNumber(c *gin.Context) (uint64, error) {
	text := c.GetHeader("Last-Event-ID")
	if text == "" {
		text = c.Query("after")
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, wire.Invalid("after=%s: expected the seq of an event", text)
	}
	return n, nil
}

// stream sends events until the caller leaves or the server ends. Each write has its own
// time, so that a reader who stalls does not hold the connection.
func (g *Gateway) stream(c *gin.Context, after uint64) {
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-store")
	c.Status(http.StatusOK)
	c.Writer.Flush() // who waits for the first event knows that it is heard
	for {
		all, err := g.nextEvents(c.Request.Context(), after)
		text := ": still here\n\n"
		switch {
		case err == nil:
			if text, err = eventText(all); err != nil {
				return
			}
			after = all[len(all)-1].Seq
		case !errors.Is(err, context.DeadlineExceeded):
			return
		}
		if expectReader(c, len(text)) != nil {
			return
		}
		if _, err := c.Writer.WriteString(text); err != nil {
			return
		}
		c.Writer.Flush()
	}
}

// errStopping says that the server ends.
var errStopping = errors.New("the server ends")

// nextEvents waits for events, for as long as a heartbeat.
func (g *Gateway) nextEvents(ctx context.Context, after uint64) ([]repository.Event, error) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		all, changed := g.o.Events.Since(after)
		if len(all) > 0 {
			return all, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-g.stopping:
			return nil, errStopping
		}
	}
}

func eventText(all []repository.Event) (string, error) {
	var b strings.Builder
	for _, e := range all {
		data, err := json.Marshal(e)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, data)
	}
	return b.String(), nil
}
