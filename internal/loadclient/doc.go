// Package loadclient is a light HTTP/1.1 client for measuring servers on the same
// machine: prepared request bytes on raw sockets, one request outstanding on each
// connection, and as much parsing of an answer as it takes to find its end.
//
// The client shares the machine's cores with the server, so whatever it costs is
// missing from the server's rate. A client of net/http costs more than many a
// handler and hides the difference between two servers; this one is a single
// goroutine that waits for all its connections at once, allocates nothing while it
// measures, and costs little more than its two system calls a request. Compare
// rates only with rates of the same client at the same number of connections.
//
// The load is a closed loop unless it has a Rate: a connection sends its next request
// when it has got the answer to its last one, so a slow server is asked less often. The
// latencies are therefore those of a given number of busy callers. With a Rate, requests
// become due by a clock, and what a request waits for a connection is part of its
// latency: a server that stops for a while cannot hide the callers who came meanwhile.
//
// It refuses every address that is not a loopback address. Run starts its
// goroutines and waits for them; a Result belongs to one goroutine at a time.
package loadclient
