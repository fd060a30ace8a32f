package config

import (
	"maps"
	"slices"
	"time"
)

// What a server does that nobody configured.
const (
	// DefaultMaxBatchSize is the most rows of a batch: past it, throughput grows little on CPUs while latency and memory do.
	DefaultMaxBatchSize = 64
	// DefaultMaxQueueSize is how many requests may wait for one model version: 16
	// full batches of single rows, about the point where waiting longer helps no
	// caller, and a bound on the memory that waiting requests hold.
	DefaultMaxQueueSize = 1024
	// DefaultMaxInputSize is Triton's.
	DefaultMaxInputSize Size = 64 << 20
	// DefaultMaxInflightBytes is sixteen of the largest bodies, and thousands of usual ones.
	DefaultMaxInflightBytes Size = 1 << 30
	// DefaultPoll is Triton's.
	DefaultPoll = 15 * time.Second
)

// Server is what can change while the server runs. It has no value that is left
// out: what a file does not set is DefaultServer's. The comments on the fields of
// this file are the texts that editors show.
type Server struct {
	// Defaults for models whose config.yaml leaves the setting out. A change counts for models loaded after it.
	Models Models `yaml:"models"`

	// Limits of the HTTP front.
	HTTP HTTP `yaml:"http"`

	// How much the server logs while it runs.
	Log Log `yaml:"log"`

	// How the model repository is watched.
	Repository Repository `yaml:"repository"`

	// Sets of processors, by name, that the host_policy of an instance group stands for. A change counts for models loaded after it.
	HostPolicies map[string]HostPolicy `yaml:"host_policies"`

	// What executions of different models share.
	RateLimit RateLimit `yaml:"rate_limit"`
}

// RateLimit says how much there is of what executions share.
type RateLimit struct {
	// How much there is of each resource that models name in rate_limiter, for the server or for each device. Left out, as much as the execution that takes most of it.
	Resources map[string]int `yaml:"resources" min:"1" max:"2147483647"`
}

// Models holds the defaults for models.
type Models struct {
	// The max_batch_size of a model whose inputs and outputs all start with a dynamic dimension. 0: no model batches unless its config.yaml says so.
	DefaultMaxBatchSize int `yaml:"default_max_batch_size" min:"0" max:"2147483647" default:"64"`

	// How many requests may wait for one model; the next one is refused at once. 0 is without limit, which lets memory grow with the load.
	DefaultMaxQueueSize int `yaml:"default_max_queue_size" min:"0" max:"2147483647" default:"1024"`
}

// HTTP holds the limits of the HTTP front.
type HTTP struct {
	// The largest request body, before and after decompression: bytes, or a size such as 64MiB.
	MaxInputSize Size `yaml:"max_input_size" min:"1" max:"1TiB" default:"64MiB"`

	// How much all request bodies that are being read or served may hold together; requests past it are refused until others end. Bytes, or a size such as 1GiB; at least max_input_size.
	MaxInflightBytes Size `yaml:"max_inflight_bytes" min:"1" max:"16TiB" default:"1GiB"`
}

// Log says what is logged.
type Log struct {
	// 0: what changes and what fails. 1 or more: every request, too.
	Verbose int `yaml:"verbose" min:"0" max:"9" default:"0"`
}

// Repository says how the model repository is watched.
type Repository struct {
	// How often the repository is scanned for changes that no file event told of (network file systems send none): seconds, or a duration such as 500ms.
	Poll time.Duration `yaml:"poll_seconds" min:"100ms" max:"24h" default:"15s"`
}

// DefaultServer returns the configuration of a server without a file.
func DefaultServer() *Server {
	return &Server{
		Models:     Models{DefaultMaxBatchSize: DefaultMaxBatchSize, DefaultMaxQueueSize: DefaultMaxQueueSize},
		HTTP:       HTTP{MaxInputSize: DefaultMaxInputSize, MaxInflightBytes: DefaultMaxInflightBytes},
		Repository: Repository{Poll: DefaultPoll},
	}
}

// ParseServer reads a galatea.yaml over DefaultServer. The file name is for error
// texts. Empty data is a valid file. The error joins all that is wrong, each an *Error.
func ParseServer(file string, data []byte) (*Server, error) {
	s := DefaultServer()
	r := decode(file, data, s)
	s.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Validate returns the contradictions in a configuration that was put together
// otherwise than from one file, from flags over a file say.
func (s *Server) Validate() error {
	r := &report{}
	s.check(r)
	return r.err()
}

// check reports contradictions.
func (s *Server) check(r *report) {
	for _, name := range slices.Sorted(maps.Keys(s.HostPolicies)) {
		if _, err := ParseCPUs(s.HostPolicies[name].CPUCores); err != nil && s.HostPolicies[name].CPUCores != "" {
			r.fail(join("host_policies", name)+".cpu_cores", "%s", err)
		}
	}
	if s.HTTP.MaxInflightBytes >= s.HTTP.MaxInputSize {
		return
	}
	field := "http.max_inflight_bytes"
	if _, set := r.lines[field]; !set {
		field = "http.max_input_size"
	}
	r.fail(field, "max_inflight_bytes of %s is less than max_input_size of %s: expected room for one request of the largest size", s.HTTP.MaxInflightBytes, s.HTTP.MaxInputSize)
}

// Defaults returns what Complete needs of the server's configuration; the caller adds what it knows of the machine.
func (s *Server) Defaults() Defaults {
	return Defaults{MaxBatchSize: s.Models.DefaultMaxBatchSize, MaxQueueSize: s.Models.DefaultMaxQueueSize, HostPolicies: s.HostPolicies}
}
