// Package dir is a repository.Source over folders: it scans them, says which
// versions they hold, and notices when they change.
//
// A scan is the truth; file system events and a ticker only say when another scan
// may be worth it, since events are lost by design on network file systems. A
// version is settled, so that it may be loaded, when its files did not change for
// a while. A folder that cannot be read is an error, never empty; one that
// suddenly turns empty, as an unmounted volume does, is held as it was until later
// scans confirm it.
//
// Run is the package's one goroutine, besides a timer. Desired may be called from
// one goroutine at a time.
package dir
