package loadclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"galatea/internal/latency"
)

// Options describe a load.
type Options struct {
	Address     string   // IP address and port, loopback only
	Requests    [][]byte // whole requests; connection i sends the one at i modulo their number
	Connections int      // 0 is 1
	Threads     int      // goroutines that share the connections; 0 is 1

	// Rate is how many requests a second become due, over all connections, evenly and
	// whatever the server does. One that is due while every connection waits for an
	// answer is sent when one is free, and its latency begins when it was due. 0: a
	// connection sends its next request when it has got its last answer.
	Rate float64

	WarmUp      time.Duration // at the beginning, not measured
	Duration    time.Duration // measured; 0 is 1 s
	MaxRequests uint64        // ends the load earlier; 0: no limit
	Patience    time.Duration // how long the answers outstanding at the end may take; 0 is 10 s

	// Check is called with a connection's first answer and the index of its request;
	// an error counts as an error of the load. nil: only the status is checked.
	Check func(request, status int, body []byte) error
}

// Result is what a load measured.
type Result struct {
	Answers uint64            // answers of status 200 in the measured time; with a Rate, to what was due in it
	Errors  uint64            // all else, in the whole time: other statuses, failed checks, lost connections
	First   error             // the first of them
	Total   uint64            // answers of any kind, in the whole time
	Elapsed time.Duration     // the measured time; with a Rate, up to the last of the Answers if that came later
	Latency latency.Histogram // of Answers

	Refusals map[int]*latency.Histogram // latency of the answers of other statuses, by status, counted as Answers are
}

// Rate returns the answers per second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answers) / r.Elapsed.Seconds()
}

// Run loads the server until the time or the requests are used up, or ctx ends. The
// error is one of the client's own; what the server does wrong is in the result.
func Run(ctx context.Context, o Options) (*Result, error) {
	if len(o.Requests) == 0 {
		return nil, errors.New("no request to send")
	}
	if o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) {
		return nil, fmt.Errorf("a rate of %v requests a second", o.Rate)
	}
	o.Connections, o.Threads = max(1, o.Connections), max(1, o.Threads)
	o.Threads = min(o.Threads, o.Connections)
	if o.Duration <= 0 {
		o.Duration = time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = math.MaxUint64
	}
	workers, err := connect(ctx, o)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	began := time.Now()
	for i, w := range workers {
		wg.Go(func() { errs[i] = w.run(began) })
	}
	wg.Wait()
	all := &Result{}
	for _, w := range workers {
		all.merge(&w.result)
	}
	return all, errors.Join(errs...)
}

// connect makes the workers, with the connections and the requests shared out.
func connect(ctx context.Context, o Options) ([]*worker, error) {
	address, err := parseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	var workers []*worker
	for t := range o.Threads {
		w, err := newWorker(ctx, o, t)
		if err != nil {
			return workers, err
		}
		workers = append(workers, w)
		for i := t; i < o.Connections; i += o.Threads {
			fd, err := dial(address)
			if err == nil {
				err = w.add(fd, i%len(o.Requests))
			}
			if err != nil {
				return workers, fmt.Errorf("connection %d of %d: %w", i+1, o.Connections, err)
			}
		}
	}
	return workers, nil
}

// refusal is the histogram of a status that is no success.
func (r *Result) refusal(status int) *latency.Histogram {
	if r.Refusals == nil {
		r.Refusals = map[int]*latency.Histogram{}
	}
	if r.Refusals[status] == nil {
		r.Refusals[status] = &latency.Histogram{}
	}
	return r.Refusals[status]
}

func (r *Result) merge(o *Result) {
	r.Answers += o.Answers
	r.Errors += o.Errors
	r.Total += o.Total
	r.Elapsed = max(r.Elapsed, o.Elapsed)
	if r.First == nil {
		r.First = o.First
	}
	r.Latency.Merge(&o.Latency)
	for status, h := range o.Refusals {
		r.refusal(status).Merge(h)
	}
}
