// Package tune finds out, on the machine at hand, with how many instances, threads and
// rows in a batch a model is served best.
//
// Prepare loads a model's version as the server does, Sweep measures it in one
// combination after the other, and Choose, which is pure, says which is best and why.
// Files are read, and never written.
//
// The callers that Sweep drives a version with are goroutines of its own, which have
// ended when it returns. A Model is for one goroutine; nothing else here has a state.
package tune
