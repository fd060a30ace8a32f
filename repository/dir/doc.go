// Package dir is a repository.Source over folders: it scans them, says which
// versions they hold, and notices when they change.
//
// A scan is the truth; file system events and a ticker only say when another scan
// may be worth it, since events are lost by design on network file systems. A
// version is settled, so that it may be loaded, when its files did not change for
// a while; so is a config, before its version policy counts.
//
// What cannot be read stays as it was: a root is an error then, never empty; a model
// or a version keeps what the last scan found. A root that suddenly turns empty, as an
// unmounted volume does, is held until later scans confirm it, and a file dropped at
// the wrong place does not make one model of a root that holds many.
//
// Run is the package's one goroutine, besides a timer and the watch's own. Desired and
// SetPoll may be called from one goroutine at a time, the other methods from any.
package dir
