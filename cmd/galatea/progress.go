package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"galatea/internal/client"
)

// progress tells on stderr what happens to one model while a command waits.
type progress struct {
	c     *client.Client
	model string
	last  uint64        // the event seen last
	told  int           // how many were the model's
	news  chan struct{} // capacity 1: something has happened to the model
}

// meanwhile carries out do and tells what happens to the model until it returns. Whatever
// cannot be told is no failure. The progress is for do, and then for the caller.
func meanwhile(ctx context.Context, c *client.Client, model string, do func(p *progress) error) (*progress, error) {
	p := &progress{c: c, model: model, news: make(chan struct{}, 1)}
	before, err := c.Events(ctx, 0)
	if err != nil {
		return p, do(p)
	}
	for _, e := range before {
		p.last = max(p.last, e.Seq)
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = c.Follow(following, p.last, p.take) // the command's own errors are what counts
	}()
	err = do(p)
	stop()
	<-over
	if rest, e := c.Events(ctx, p.last); e == nil {
		for _, e := range rest {
			_ = p.take(e)
		}
	}
	return p, err
}

// take tells an event, if it is the model's. It never fails.
func (p *progress) take(e client.Event) error {
	p.last = e.Seq
	if e.Model != p.model {
		return nil
	}
	p.told++
	text := e.Kind
	switch {
	case strings.HasPrefix(e.Text, e.Kind):
		text = e.Text
	case e.Text != "" || e.Label != "":
		text += ": " + eventText(e)
	}
	say(fmt.Sprintf("%s %s", versionOf(e), oneLine(text)))
	select {
	case p.news <- struct{}{}:
	default:
	}
	return nil
}

// patience bounds how long a command waits for what it has set off.
const patience = 10 * time.Minute

// until waits until a model is as it should be, and returns it; nil is a model that is
// not there. Not all that changes is an event, so it looks by itself, too.
func (p *progress) until(ctx context.Context, done func(m *client.Model) bool) (*client.Model, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("given up after %v: the server goes on with it", patience))
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		m, err := p.c.Model(ctx, p.model)
		if err != nil || done(m) {
			return m, err
		}
		select {
		case <-p.news:
		case <-ticker.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// settled reports that no version of a model is on its way.
func settled(m *client.Model) bool { return m == nil || len(m.In(client.StateLoading)) == 0 }
