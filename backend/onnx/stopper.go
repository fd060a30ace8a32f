package onnx

/*
#include "runtime.h"

extern OrtStatus *RunOptionsSetTerminate(OrtRunOptions *o);
*/
import "C"

import (
	"context"
	"sync"
)

// stopper tells an instance's run to stop when its context ends. It watches one
// context for as long as runs come with the same one, so that such a run costs no
// allocation. The instance's owner calls its methods.
type stopper struct {
	ctx  context.Context //nolint:containedctx // to know it again
	stop func() bool
	done chan struct{} // closed when the end of ctx has been dealt with

	mu      sync.Mutex
	options *C.OrtRunOptions // of the run under way; nil between runs
	stopped bool             // it was told to stop
}

// begin watches ctx during a run, until end. It reports false when ctx has ended already.
func (s *stopper) begin(ctx context.Context, options *C.OrtRunOptions) bool {
	if ctx != s.ctx {
		s.release() // before there is anything that the end of the context before could stop
	}
	s.mu.Lock()
	s.options, s.stopped = options, false
	s.mu.Unlock()
	if ctx != s.ctx {
		done := make(chan struct{})
		s.ctx, s.done = ctx, done
		s.stop = context.AfterFunc(ctx, func() {
			defer close(done)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.options != nil {
				s.stopped = true
				_ = check(C.RunOptionsSetTerminate(s.options))
			}
		})
	}
	return ctx.Err() == nil // asked last: an end that comes later finds the options
}

// end reports whether the run was told to stop, which its options still say.
func (s *stopper) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options = nil
	return s.stopped
}

// release stops watching. Nothing touches a run's options afterwards.
func (s *stopper) release() {
	if s.stop != nil && !s.stop() {
		<-s.done
	}
	s.ctx, s.stop = nil, nil
}
