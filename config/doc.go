// Package config turns the bytes of the two configuration files into validated,
// immutable values.
//
//   - The model file, config.yaml in a model's folder, has Triton's field names in
//     YAML; every field is optional. ParseModel reads it, and Complete fills in what
//     it leaves out from the signature of the ONNX graph, which gives a Resolved:
//     all that the rest of the server needs to know of the model.
//   - The server file, galatea.yaml, holds what can change while the server runs.
//     ParseServer reads it over DefaultServer.
//
// Both are read strictly. An unknown key, a wrong type, a value out of range, a
// duplicate key or a contradiction is an *Error that names the file, the line, the
// field and what was expected; all errors of a file come back joined. JSON is YAML
// but for two rare escapes (\/ and surrogate pairs), so both files may be JSON as well.
//
// The structs are the one source of what may be written: their tags hold the keys
// and the limits, which the decoder enforces, and the comments on their fields are
// the texts that editors show, by way of the JSON Schemas in schema/. Run
// go generate in this folder after changing either.
//
// Every function is pure and may be called from anywhere. The package starts no
// goroutine, opens no file, and reads no environment variable. What it returns
// must not be changed by anybody.
package config

//go:generate go test -run ^TestSchema -update .
