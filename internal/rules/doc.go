// Package rules holds the rules of the house as tests over the source tree: what a
// package may import, how long a file may be, which parts are pure, and that what
// the documentation names is there. What a linter knows already is left to
// .golangci.yml.
//
// The tables to change when a package or a dependency comes are in table_test.go.
// An exception is a row there, with its reason; a rule that fires on good code is
// changed, not worked around.
//
// There is nothing to import: the package has tests only, reads the tree without
// building it, and starts no goroutine.
package rules
