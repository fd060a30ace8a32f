// Command benchsched measures what the scheduler promises, with whole servers over HTTP:
//
//   - overload: an open loop at one and a half times what the server can do, each
//     request with a deadline: how many answers are in time, how soon the others are
//     refused, and how much memory the server needs;
//   - auto: a model that tunes itself against a sweep of fixed batch sizes and delays,
//     and its 99th percentile at 70 % of what it can do;
//   - many: one model's throughput beside a thousand others that are loaded and idle,
//     and what an idle model costs.
//
// The servers are `galatea serve` processes on loopback; the client is loadclient.
package main
