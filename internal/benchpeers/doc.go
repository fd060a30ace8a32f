// Command benchpeers compares Galatea with what a user would pick instead: servers made
// of FastAPI and ONNX Runtime as tutorials make them, MLServer, LitServe, and Triton's
// server as far as it comes in a wheel.
//
// Each has a Python environment of its own below .tools/peers, of exact releases, and
// serves the generated models of package workload, one model and one server at a time, on
// loopback. A round starts each server in turn, loads it with package loadclient at
// several numbers of connections, reads the memory of all its processes, and ends it; so
// a slow minute of the machine hits all alike, and what is reported is medians over the
// rounds, and medians of the rounds' own ratios. After the rounds Galatea alone gets, as
// a paced load, each peer's top rate.
//
// A server gets requests in the format of its own users. Where that is JSON, it is
// compared with Galatea reading the same numbers as JSON too. An answer that is not the
// plain ONNX Runtime's makes a server's row invalid; a server that cannot be installed,
// started or loaded is reported with the reason, and the others go on.
//
// The command is a program for developers, and the tests never run it. Its goroutines
// wait for a server's end, one for each, and end with it.
package main
