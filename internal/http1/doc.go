// Package http1 serves the plain part of HTTP/1.1 with about half the work of net/http's
// server, for the same handlers.
//
// A connection begins with a [Server]. Requests of the plain part are an ordinary method,
// a path, HTTP/1.1, a Host, and a body of a given length or none; almost all requests for
// inferences are. They are read, and answered by the handler, in one goroutine with two
// calls of the system and few allocations. A connection that sends anything else (HTTP/1.0,
// HTTP/2, chunks, Expect, Upgrade, a head of more than 8 KiB or 64 headers, an error) is
// handed over to an ordinary [http.Server], with all that was read and not yet answered,
// and stays there.
// So there is one reading of what is odd or wrong, net/http's, and what is accepted here
// means the same there: the fuzz test compares them.
//
// What is cheaper here: there is no goroutine that reads ahead to notice a caller who
// leaves, but for requests that take more than a moment; deadlines that hold for all
// connections alike are renewed now and then instead of twice a request; and the lines of
// a head that are those of the last one, as from a client that sends many alike, are not
// read again.
//
// What differs for handlers: Request.Header and its values, Request.Body, and
// ResponseWriter.Header must not be used after ServeHTTP has returned, nor may the values
// be changed in place; the values of ResponseWriter.Header are read after that, so their
// memory must not be used again; a connection can not be hijacked; informational answers
// (1xx) are not sent; headers that are changed between WriteHeader and the first flush
// still count; SetReadDeadline counts from the next Read on, and ends none under way.
//
// Each connection has one goroutine, which ends with it; [Server.Shutdown] and
// [Server.Close] end them all. A Server's methods are safe for concurrent use.
package http1
