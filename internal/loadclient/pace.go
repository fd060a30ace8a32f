package loadclient

import "time"

// pace says when the requests of a paced load are due. Request n of the whole load is
// due n/rate seconds after it began, and worker t of T has the requests t, t+T, t+2T, ...
type pace struct {
	rate float64 // requests a second of the whole load; 0: a closed loop, where nothing is due
	next uint64  // the worker's next request
	step uint64  // how many workers there are
}

func (p *pace) paced() bool { return p.rate > 0 }

// due is when the next request should be sent, since the load began.
func (p *pace) due() time.Duration {
	return time.Duration(float64(p.next) / p.rate * float64(time.Second))
}

// advance passes on to the request after the next.
func (p *pace) advance() { p.next += p.step }

// ring is a queue of connections, each in it at most once. Who has been idle longest is
// first, so that all are used alike.
type ring struct {
	all   []int
	first int
	n     int
}

func newRing(connections int) ring { return ring{all: make([]int, connections)} }

func (r *ring) push(i int) {
	r.all[(r.first+r.n)%len(r.all)] = i
	r.n++
}

func (r *ring) pop() int {
	i := r.all[r.first]
	r.first = (r.first + 1) % len(r.all)
	r.n--
	return i
}
