// Command demorollout shows that rollouts lose nothing. It starts bin/galatea over a
// temporary repository, calls one model all the time, by its name, by versions and by a
// label, and meanwhile drops versions, copies them in slowly, removes them, drops broken
// ones, moves the label and rolls back, at random; halfway it kills the server and starts
// it again. Every answer is held against what was published when it was asked for.
//
// It prints what it did and what came of it, and exits with 1 when a request failed, when
// an answer came from a version that was never published or had been withdrawn before the
// request was sent, or from another than the one that was pinned, or when a restart
// brought back other versions than were there.
package main
