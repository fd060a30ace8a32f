// Package backendtest is the suite that every backend passes: what package backend
// promises, as tests. It is imported by tests only, and leaves no goroutine behind.
package backendtest
