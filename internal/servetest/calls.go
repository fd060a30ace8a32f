package servetest

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// callers is how many callers keep calling at a time, each callPace after its last answer.
const (
	callers  = 3
	callPace = 2 * time.Millisecond
)

// calls are callers of a model made by scale who never stop.
type calls struct {
	end  chan struct{}
	work sync.WaitGroup

	mu     sync.Mutex
	count  int
	failed error
}

func (s *script) keepCalling(st step) error {
	args, err := st.need(1)
	if err != nil {
		return err
	}
	if s.calls != nil {
		return errors.New("there are callers already")
	}
	c := &calls{end: make(chan struct{})}
	for range callers {
		c.work.Go(func() { c.call(s.server, args[0]) })
	}
	s.calls = c
	return nil
}

func (c *calls) call(server *Server, model string) {
	ticker := time.NewTicker(callPace)
	defer ticker.Stop()
	for {
		_, err := server.askScale(model)
		c.mu.Lock()
		c.count++
		if err != nil && c.failed == nil {
			c.failed = fmt.Errorf("call %d: %w", c.count, err)
		}
		c.mu.Unlock()
		select {
		case <-c.end:
			return
		case <-ticker.C:
		}
	}
}

// stopCalling ends the callers, none of whose calls may have failed.
func (s *script) stopCalling(step) error {
	if s.calls == nil {
		return errors.New("there are no callers")
	}
	c := s.calls
	s.calls = nil
	return c.stop()
}

func (c *calls) stop() error {
	close(c.end)
	c.work.Wait()
	return c.failed
}
