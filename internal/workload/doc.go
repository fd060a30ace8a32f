// Package workload is what benchmarks load servers with: small generated models, the
// same in every run; rows for them; the rows as requests in the formats that servers
// read; and the right answers, which a plain run of the model gives.
//
// Nothing in it changes and it starts no goroutine, so everything may be called from
// anywhere; an Instance that is handed in belongs to one goroutine at a time, as always.
package workload
