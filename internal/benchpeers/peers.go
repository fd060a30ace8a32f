package main

import (
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"galatea/internal/process"
	"galatea/internal/workload"
)

// server is one that is measured.
type server struct {
	name   string
	what   string
	format format
	// environment is the name of the list of Python packages that it needs; "" is none.
	environment string
	// packages are those of the list that the report names.
	packages []string
	command  func(p place) process.Command
}

// place is what a server is started with.
type place struct {
	model       workload.Model
	repository  string // a folder that holds only the model, as Galatea wants it
	binary      string // Galatea's
	library     string // ONNX Runtime's, for Galatea
	environment string // the server's Python environment
	scripts     string // the folder of the peers' programs
	port        int
}

// galatea and galateaJSON are the same server, asked in two formats.
const (
	galatea     = "galatea"
	galateaJSON = "galatea-json"
)

// servers are all, Galatea first.
func servers() []server {
	cores := runtime.NumCPU()
	return []server{
		{name: galatea, what: "Galatea in its default configuration", format: binaryV2, command: startGalatea},
		{name: galateaJSON, what: "the same, asked in JSON", format: jsonV2, command: startGalatea},
		{
			name: "fastapi", what: "FastAPI as tutorials have it: one process, each request a run",
			format: jsonData, environment: "fastapi", packages: []string{"fastapi", "uvicorn", "onnxruntime"}, command: startUvicorn("fastapi_plain", 1),
		},
		{
			name: "fastapi-cores", what: "the same with a process for each processor, of one thread each",
			format: jsonData, environment: "fastapi", packages: []string{"fastapi", "uvicorn", "onnxruntime"}, command: startUvicorn("fastapi_plain", cores),
		},
		{
			name: "fastapi-queue", what: "one process with the usual hand-made batching queue, up to 64 rows",
			format: jsonData, environment: "fastapi", packages: []string{"fastapi", "uvicorn", "onnxruntime"}, command: startUvicorn("fastapi_queue", 1),
		},
		{
			name: "mlserver", what: "MLServer with an ONNX runtime class, adaptive batching up to 64 rows",
			format: jsonV2, environment: "mlserver", packages: []string{"mlserver", "onnxruntime"}, command: startScript("mlserver_server.py", "/v2/models/NAME/ready"),
		},
		{
			name: "litserve", what: "LitServe, batching up to 64 rows",
			format: jsonData, environment: "litserve", packages: []string{"litserve", "onnxruntime"}, command: startScript("litserve_server.py", "/health"),
		},
		{
			name: "triton", what: "Triton's front and dynamic batcher up to 64 rows, ONNX Runtime in a worker of its Python backend",
			format: binaryV2, environment: "triton", packages: []string{"nvidia-pytriton", "onnxruntime"}, command: startScript("triton_server.py", "/v2/models/NAME/ready"),
		},
	}
}

// peerNames are the servers that are not Galatea.
func peerNames() []string {
	var names []string
	for _, s := range servers() {
		if s.environment != "" {
			names = append(names, s.name)
		}
	}
	return names
}

func startGalatea(p place) process.Command {
	return process.Command{
		Args: []string{
			p.binary, "serve", "--model-repository=" + p.repository, "--http-port=" + strconv.Itoa(p.port),
			"--grpc-port=-1", "--metrics-port=-1", "--shutdown-delay=0s", "--onnxruntime-library=" + p.library,
		},
		Ready: "/v2/models/" + p.model.Name + "/ready",
	}
}

// startUvicorn starts a FastAPI program. Its access log is off: what a line for each
// request costs is nobody's choice in production. Workers are ready when each of them has
// said so; a run in one of several has one thread, since together they have all.
func startUvicorn(program string, workers int) func(place) process.Command {
	return func(p place) process.Command {
		c := process.Command{
			Args: []string{
				p.python(), "-B", "-m", "uvicorn", program + ":app", "--app-dir", p.scripts,
				"--host", "127.0.0.1", "--port", strconv.Itoa(p.port), "--no-access-log",
			},
			Env: p.variables(), Ready: "/ready",
		}
		if workers > 1 {
			c.Args = append(c.Args, "--workers", strconv.Itoa(workers))
			c.Env = append(c.Env, "THREADS=1")
			c.Logged, c.Times = "Application startup complete", workers
		}
		return c
	}
}

// startScript starts a program that reads what it serves from the environment.
func startScript(script, ready string) func(place) process.Command {
	return func(p place) process.Command {
		return process.Command{
			Args:  []string{p.python(), "-B", filepath.Join(p.scripts, script)},
			Env:   p.variables(),
			Ready: strings.ReplaceAll(ready, "NAME", p.model.Name),
		}
	}
}

func (p place) python() string { return filepath.Join(p.environment, "bin", "python") }

// variables tell a peer's program what it serves.
func (p place) variables() []string {
	var row []string
	for _, n := range p.model.Row {
		row = append(row, strconv.FormatInt(n, 10))
	}
	return []string{
		"NAME=" + p.model.Name,
		"MODEL=" + p.model.File(p.repository),
		"ROW=" + strings.Join(row, ","),
		"ANSWER=" + strconv.Itoa(p.model.Answer),
		"PORT=" + strconv.Itoa(p.port),
	}
}
