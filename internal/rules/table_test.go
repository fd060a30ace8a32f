package rules

// levels is the table of docs/architecture.md: code imports only packages of a lower
// level, so that there are no circles, and siblings meet nowhere but in what is
// below them. A new package needs a row.
var levels = map[string]int{
	"tensor":            0,
	"internal/client":   0,
	"internal/latency":  0,
	"internal/http1":    0,
	"internal/manifest": 0,
	"internal/mem":      0,
	"internal/shm":      0,
	"internal/threads":  0,
	"internal/tritonpb": 0,

	"config":              1,
	"infer":               1,
	"internal/jsontensor": 1,
	"internal/bench":      1,
	"internal/npy":        1,
	"internal/onnxfile":   1,

	"backend":          2,
	"config/pbtxt":     2,
	"internal/golden":  2,
	"internal/openapi": 2,
	"internal/tfjson":  2,
	"internal/value":   2,

	"backend/onnx": 3,
	"repository":   3,
	"rollout":      3,
	"scheduler":    3,

	"gateway/wire":   4,
	"repository/dir": 4,

	"gateway":     5,
	"gateway/rpc": 5,

	"internal/telemetry": 6,
	"internal/app":       7,
	"internal/tune":      8,
	"cmd/galatea":        9,
}

// support is the packages that only tests, benchmarks and each other may import, with
// their levels. Tests may import them besides what is below their own package.
var support = map[string]int{
	"internal/gauge":       0,
	"internal/loadclient":  1,
	"internal/rules":       0,
	"internal/onnxtest":    2,
	"backend/fake":         3,
	"backend/backendtest":  4,
	"internal/workload":    3,
	"internal/servetest":   9,
	"internal/benchpeers":  9,
	"internal/benchsched":  9,
	"internal/process":     0,
	"internal/benchrpc":    9,
	"internal/benchserve":  9,
	"internal/demorollout": 3,
	"internal/e2ego":       2,
	"internal/e2erepo":     3,
}

// fence says where something foreign stops. Paths are prefixes at a slash; the
// longest one that fits an import counts.
type fence struct {
	path  string
	in    []string // the packages that may import it
	tests []string // those whose tests may, besides; "*" is all
	why   string
}

// fences has a row for every module that the code uses, and for the parts of the
// standard library that not everybody should.
var fences = []fence{
	{"C", []string{"backend/onnx"}, nil, "C stays behind the contract of package backend"},
	{"unsafe", []string{"backend/onnx"}, []string{"*"}, "only who talks to C needs it"},
	{"github.com/yalue/onnxruntime_go", []string{"backend/onnx"}, nil, "the runtime can be replaced"},
	{"golang.org/x/sys", []string{"backend/onnx", "internal/gauge", "internal/loadclient", "internal/threads", "repository/dir"}, []string{"*"}, "what is particular to a system stays at its edge"},

	{"github.com/gin-gonic/gin", []string{"gateway", "internal/benchserve"}, nil, "the framework's types stop in the gateway; the benchmark compares with a bare handler of it"},
	{"github.com/rs/cors", []string{"gateway"}, nil, "HTTP ends in the gateway"},
	{"github.com/fsnotify/fsnotify", []string{"repository/dir"}, nil, "events are hints; one package knows that"},
	{"gopkg.in/yaml.v3", []string{"config"}, nil, "files become validated values in one place"},
	{"github.com/alecthomas/kong", []string{"cmd/galatea"}, nil, "flags end in cmd"},
	{"google.golang.org/protobuf/encoding/protowire", []string{"gateway/rpc", "internal/onnxfile", "internal/onnxtest"}, nil, "only .onnx files and gRPC are protobuf"},
	{"google.golang.org/protobuf/encoding/protojson", []string{"config/pbtxt", "gateway/rpc"}, nil, "only gRPC says in protobuf what has a form in JSON"},

	{"google.golang.org/grpc", []string{"gateway/rpc", "internal/bench", "internal/e2ego"}, []string{"internal/servetest"}, "gRPC ends at its front"},
	{"google.golang.org/grpc/codes", []string{"gateway/rpc", "gateway/wire", "internal/e2ego"}, []string{"*"}, "the table of errors has both fronts' numbers"},
	{"google.golang.org/protobuf/proto", []string{"gateway/rpc"}, []string{"internal/telemetry"}, "only gRPC is protobuf; a collector in a test reads what was exported"},
	{"google.golang.org/protobuf/encoding/prototext", []string{"config/pbtxt"}, nil, "what was written for Triton is read in one place"},
	{"google.golang.org/protobuf/reflect", []string{"config/pbtxt"}, nil, "what becomes of a field is looked up by its name"},
	{"go.opentelemetry.io/proto/otlp", nil, []string{"internal/telemetry"}, "a collector in a test reads what was exported"},
	{"go.opentelemetry.io/otel", []string{"internal/telemetry"}, []string{"*"}, "the SDK and its exporters are started in one place; others are handed a Tracer"},
	{"go.opentelemetry.io/otel/trace", []string{"cmd/galatea", "gateway", "gateway/rpc", "gateway/wire", "internal/app", "internal/telemetry", "scheduler"}, []string{"*"}, "the API alone"},
	{"go.opentelemetry.io/otel/attribute", []string{"gateway", "gateway/rpc", "internal/telemetry", "scheduler"}, []string{"*"}, "the API alone"},
	{"go.opentelemetry.io/otel/codes", []string{"gateway", "gateway/rpc", "internal/telemetry", "scheduler"}, []string{"*"}, "the API alone"},
	{"go.opentelemetry.io/otel/propagation", []string{"gateway", "gateway/rpc"}, nil, "the context of a trace arrives at the front"},
	{"github.com/prometheus", []string{"internal/telemetry"}, []string{"*"}, "others count in plain numbers, which it reads"},

	{"github.com/pb33f/libopenapi", nil, []string{"internal/openapi"}, "it carries the schema of all documents"},
	{"github.com/santhosh-tekuri/jsonschema/v6", nil, []string{"internal/openapi"}, "an example in a test is held against its schema"},
	{"go.uber.org/goleak", nil, []string{"*"}, "for tests"},
	{"golang.org/x/net", []string{"cmd/galatea"}, nil, "a header on the command line is checked"},
	{"golang.org/x/tools/txtar", []string{"internal/servetest"}, []string{"*"}, "for tests"},

	{"log/slog", []string{"backend/onnx", "cmd/galatea", "gateway", "gateway/rpc", "internal/app", "internal/benchpeers", "internal/benchserve", "internal/servetest", "repository", "repository/dir", "rollout", "scheduler"}, []string{"*"}, "the lower packages return errors"},
	{"net/http", []string{"cmd/galatea", "gateway", "gateway/rpc", "gateway/wire", "internal/app", "internal/bench", "internal/benchpeers", "internal/benchsched", "internal/benchserve", "internal/client", "internal/demorollout", "internal/http1", "internal/loadclient", "internal/process", "internal/servetest", "internal/telemetry", "internal/workload"}, []string{"*"}, "below the gateway nothing knows about HTTP"},
	{"net/http/pprof", []string{"internal/app"}, nil, "profiles are served when they are asked for; the import has side effects"},
	{"os/exec", []string{"internal/benchpeers", "internal/benchserve", "internal/process", "internal/servetest"}, []string{"*"}, "the server starts no programs"},
	{"os/signal", []string{"cmd/galatea", "internal/benchpeers", "internal/benchrpc", "internal/benchsched", "internal/benchserve", "internal/demorollout"}, nil, "signals end in cmd"},
	{"reflect", []string{"config"}, []string{"*"}, "code says what it does"},
	{"testing", []string{"backend/backendtest", "internal/servetest"}, []string{"*"}, "no product code knows that it is tested"},
}

// purePackages decide or convert, and nothing else: no clock, lock, goroutine, log,
// file or environment.
var purePackages = []string{"config", "config/pbtxt", "tensor", "internal/jsontensor", "internal/openapi", "internal/tfjson"}

// pureFiles are the deciding parts of packages that do more.
var pureFiles = []string{
	"repository/plan.go",
	"repository/separate.go",
	"rollout/decide.go",
	"scheduler/pending.go",
	"internal/tune/choose.go",
	"internal/tune/setting.go",
}

// Most lines of a file, of a test file, and of a function.
const (
	fileLines     = 400
	testFileLines = 600
	functionLines = 60
)

// longFiles and longFunctions ("package.function") may be longer, for a reason.
var (
	longFiles     = map[string]string{}
	longFunctions = map[string]string{
		"backend/backendtest.Run": "a list of subtests",
	}
)

// changing is the package-level variables that change while the program runs.
var changing = map[string]string{
	"backend/onnx.process":    "the runtime's library is opened once in a process",
	"backend/onnx.runtimeLog": "the runtime calls back without any state of ours",
	"cmd/galatea.version":     "set by the linker",
	"internal/mem.pools":      "buffers are shared by the whole process",
}

// unwatched is the packages that start goroutines and whose tests need no goleak.
var unwatched = map[string]string{
	"backend/backendtest":  "its goroutines end with the subtest that started them",
	"internal/demorollout": "a program for developers, which has no tests",
	"internal/benchserve":  "a program for developers, which has no tests",
	"internal/loadclient":  "its goroutines end with the call that started them",
}

// otherFlags are flags of other programs that the documentation names on their own.
var otherFlags = map[string]string{
	"--build-arg":             "docker",
	"--log":                   "Triton (--log_format)",
	"--entrypoint":            "docker",
	"--platform":              "docker",
	"--pull":                  "docker",
	"--read-only":             "docker",
	"--stop-timeout":          "docker",
	"--no-deps":               "pip",
	"--data-binary":           "curl",
	"--no-install-recommends": "apt-get",
}

// containerPaths are files whose absolute paths are those of a container.
var containerPaths = map[string]string{
	"deployments/docker/Dockerfile": "the home of the build's user",
}
