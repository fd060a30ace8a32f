package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Event is something that has happened on the server.
type Event struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Model   string    `json:"model"`
	Version int64     `json:"version"`
	Label   string    `json:"label"`
	Gate    string    `json:"gate"`
	Text    string    `json:"text"`

	JSON []byte `json:"-"` // as the server sent it
}

func eventOf(data []byte) (Event, error) {
	e, err := decode[Event](data, nil)
	e.JSON = data
	return e, err
}

// Events returns the events after one, as far as the server remembers them; 0 is before
// all.
func (c *Client) Events(ctx context.Context, after uint64) ([]Event, error) {
	type history struct{ Events []json.RawMessage }
	answer, err := decode[history](c.call(ctx, request{http.MethodGet, fmt.Sprintf("/v2/events?after=%d", after), nil, answerTimeout}))
	if err != nil {
		return nil, err
	}
	all := make([]Event, len(answer.Events))
	for i, data := range answer.Events {
		if all[i], err = eventOf(data); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Follow calls each with the events after one, and then with each new one, until ctx ends
// or each returns an error; that is what it returns. A connection that breaks is made
// again and goes on where it was; a server that was started anew tells all that it has.
func (c *Client) Follow(ctx context.Context, after uint64, each func(Event) error) error {
	f := follower{c: c, each: each, last: Event{Seq: after}}
	err := f.stream(ctx)
	for f.opened && f.failed == nil && ctx.Err() == nil {
		if err = f.again(ctx); err == nil {
			err = f.stream(ctx)
		}
	}
	if f.failed != nil {
		return f.failed
	}
	return err
}

// follower is a Follow.
type follower struct {
	c      *Client
	each   func(Event) error
	last   Event // seen; of the one to begin behind, the number alone
	opened bool  // a stream has been open: whoever answers once is looked for when it is lost
	failed error // what each has returned
}

// again waits for the server to come back. It fails when that takes too long.
func (f *follower) again(ctx context.Context) error {
	limit := time.NewTimer(f.c.o.GiveUp)
	defer limit.Stop()
	ticker := time.NewTicker(f.c.o.Retry)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		history, err := f.c.Events(ctx, 0)
		if err == nil {
			if restarted(f.last, history) {
				f.last = Event{}
			}
			return nil
		}
		select {
		case <-limit.C:
			return err
		default:
		}
	}
}

// restarted reports whether a server's history is not the one that last is from: numbers
// begin anew with each start.
func restarted(last Event, history []Event) bool {
	if len(history) == 0 || history[len(history)-1].Seq < last.Seq {
		return true
	}
	for _, e := range history {
		if e.Seq == last.Seq {
			return !last.At.IsZero() && !e.At.Equal(last.At)
		}
	}
	return false
}

// errSilent ends a stream without heartbeats.
var errSilent = errors.New("the stream of events has fallen silent")

// stream reads one connection's events to its end.
func (f *follower) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(f.c.o.Stall, func() { cancel(errSilent) })
	defer watchdog.Stop()
	header := map[string]string{"Accept": "text/event-stream", "Last-Event-ID": strconv.FormatUint(f.last.Seq, 10)}
	resp, err := f.c.send(ctx, request{method: http.MethodGet, path: "/v2/events"}, header)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	f.opened = true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var data []byte
	for lines.Scan() {
		watchdog.Reset(f.c.o.Stall)
		line := lines.Bytes()
		if more, is := bytes.CutPrefix(line, []byte("data:")); is {
			data = append(append(data, bytes.TrimPrefix(more, []byte(" "))...), '\n')
		}
		if len(line) > 0 || len(data) == 0 {
			continue
		}
		if f.failed = f.take(bytes.TrimSuffix(data, []byte("\n"))); f.failed != nil {
			return f.failed
		}
		data = nil
	}
	if err := lines.Err(); err != nil {
		return f.c.lost(ctx, err)
	}
	return f.c.lost(ctx, errors.New("the stream of events has ended"))
}

func (f *follower) take(data []byte) error {
	e, err := eventOf(data)
	if err != nil {
		return err
	}
	f.last = e
	return f.each(e)
}
