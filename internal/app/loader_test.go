package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/backend/onnx"
	"galatea/config"
	"galatea/infer"
	"galatea/internal/onnxtest"
	"galatea/repository"
	"galatea/tensor"
)

// version writes a model and its config, and returns what a source would say of it.
func version(t *testing.T, model []byte, text string) repository.Desired {
	t.Helper()
	root := t.TempDir()
	folder := onnxtest.Version(t, root, "m", 1, model)
	c, err := config.ParseModel("config.yaml", []byte(text))
	if err == nil {
		c, err = c.Named("m")
	}
	if err != nil {
		t.Fatal(err)
	}
	return repository.Desired{Name: "m", Version: 1, Root: root, Folder: folder, File: filepath.Join(folder, "model.onnx"), Digest: "d", Config: c}
}

func loaderOf(b backend.Backend) *Loader {
	return &Loader{Backend: b, Log: slog.New(slog.DiscardHandler), Defaults: func() config.Defaults {
		d := config.DefaultServer().Defaults()
		d.HostPolicies = map[string]config.HostPolicy{"left": {CPUCores: "0-1"}, "right": {CPUCores: "2"}}
		return d
	}}
}

func TestALoadThatFailsLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	nth := func(n int) func(backend.Device) error {
		return func(backend.Device) error {
			if n--; n == 0 {
				return broken
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name     string
		ctx      context.Context
		backend  *fake.Backend
		model    []byte
		config   string
		change   func(d *repository.Desired, l *Loader)
		want     string
		terminal bool // only other files can mend it
	}{
		{name: "the file is no model", model: []byte("no model"), want: "not an ONNX model", terminal: true},
		{name: "the file cannot be read", change: func(d *repository.Desired, _ *Loader) { d.File += ".gone" }, want: "no such file"},
		{name: "nobody can serve the graph", model: onnxtest.SequenceInput(), want: "cannot be served", terminal: true},
		{name: "the config contradicts the graph", config: "input: [{name: q, data_type: TYPE_FP32, dims: [4]}]", want: "config.yaml:1: input[0].name", terminal: true},
		{name: "the runtime refuses the file", backend: &fake.Backend{LoadError: func(backend.Artifact) error { return broken }}, want: "broken"},
		{name: "the runtime lacks what it needs", backend: &fake.Backend{LoadError: func(backend.Artifact) error { return backend.ErrUnsupported }}, want: "unsupported by this runtime", terminal: true},
		{name: "there is no instance for the trial", backend: &fake.Backend{InstanceError: nth(1)}, want: "broken"},
		{name: "there is no first instance", backend: &fake.Backend{InstanceError: nth(2)}, want: "instance 0: broken"},
		{name: "there is no third instance", backend: &fake.Backend{InstanceError: nth(4)}, config: "instance_group: [{count: 3}]", want: "instance 2: broken"},
		{name: "the files have changed meanwhile", change: func(_ *repository.Desired, l *Loader) { l.Verify = func(repository.Desired) error { return broken } }, want: "broken"},
		{name: "nobody wants it any more", ctx: cancelled, want: "context canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.backend == nil {
				tt.backend = &fake.Backend{}
			}
			if tt.model == nil {
				tt.model = onnxtest.Scale(2)
			}
			if tt.ctx == nil {
				tt.ctx = t.Context()
			}
			d, l := version(t, tt.model, tt.config), loaderOf(tt.backend)
			if tt.change != nil {
				tt.change(&d, l)
			}
			s, err := l.Load(tt.ctx, d, func(repository.State) {})
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if errors.Is(err, repository.ErrTerminal) != tt.terminal {
				t.Errorf("%v is terminal: %v", err, !tt.terminal)
			}
			if models, instances := tt.backend.Open(); models != 0 || instances != 0 {
				t.Errorf("%d models and %d instances are left", models, instances)
			}
		})
	}
}

func TestALoadedVersionAnswersAndIsFreed(t *testing.T) {
	b := &fake.Backend{}
	var phases []repository.State
	s, err := loaderOf(b).Load(t.Context(), version(t, onnxtest.Scale(2), "instance_group: [{count: 3}]\nmetric_tags: {a: b}"), func(p repository.State) { phases = append(phases, p) })
	if err != nil {
		t.Fatal(err)
	}
	info := s.Info()
	if info.ID != (infer.ID{Name: "m", Version: 1, Digest: "d"}) || info.Note != "" || info.Config.MaxBatchSize != config.DefaultMaxBatchSize || info.Weights != 4 || info.Loaded <= 0 || len(info.Stats.Lanes) != 3 {
		t.Errorf("got %+v", info)
	}
	if !slices.Equal(phases, []repository.State{repository.Warming}) {
		t.Errorf("the phases are %v", phases)
	}
	resp, err := s.Infer(t.Context(), &infer.Request{Inputs: []tensor.Tensor{{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{1, 4}, Data: make([]byte, 16)}}})
	if err != nil || len(resp.Outputs) != 1 {
		t.Errorf("got %v, %v", resp, err)
	}
	resp.Release()
	if _, err := s.Infer(t.Context(), &infer.Request{}); !errors.Is(err, infer.ErrInvalid) {
		t.Errorf("a request that does not fit: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err == nil {
		t.Error("it was closed twice")
	}
	if models, instances := b.Open(); models != 0 || instances != 0 {
		t.Errorf("%d models and %d instances are left", models, instances)
	}
}

func TestHowAModelIsOpened(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	cpu := func(threads int) backend.Device { return backend.Device{Threads: threads} }
	on := func(cpus string, threads int) backend.Device { return backend.Device{CPUs: cpus, Threads: threads} }
	gpu := func(i, threads int) backend.Device {
		return backend.Device{Kind: backend.GPU, Index: i, Threads: threads}
	}
	onCUDA := backend.Options{Providers: []backend.Provider{{Name: "cuda", Options: map[string]string{"cudnn_conv_algo_search": "HEURISTIC"}}}}
	for _, tt := range []struct {
		name    string
		config  string
		devices []backend.Device
		options backend.Options
	}{
		{"by default one instance with all processors", "", []backend.Device{cpu(procs)}, backend.Options{}},
		{"several instances share them", "instance_group: [{count: 2, kind: KIND_CPU}]", []backend.Device{cpu(max(1, procs-1)), cpu(max(1, procs-1))}, backend.Options{}},
		{"more instances than processors have one thread each", "instance_group: [{count: 500}]", slices.Repeat([]backend.Device{cpu(1)}, 500), backend.Options{}},
		{
			"what the file says counts", "parameters: {intra_op_thread_count: 7, inter_op_thread_count: 3, execution_mode: 1, enable_mem_arena: 0, enable_mem_pattern: 0}\noptimization: {graph: {level: 1}}",
			[]backend.Device{cpu(7)},
			backend.Options{InterOpThreads: 3, Parallel: true, NoArena: true, NoMemPattern: true, GraphLevel: 1},
		},
		{"GPUs that are named, each with all its instances", "instance_group: [{count: 2, kind: KIND_GPU, gpus: [0, 3]}]", []backend.Device{gpu(0, max(1, procs-3)), gpu(3, max(1, procs-3)), gpu(0, max(1, procs-3)), gpu(3, max(1, procs-3))}, onCUDA},
		{"a GPU that is not named is the first", "instance_group: [{kind: KIND_GPU}]", []backend.Device{gpu(0, procs)}, onCUDA},
		{
			"an accelerator has CUDA behind it", "instance_group: [{kind: KIND_GPU}]\noptimization: {execution_accelerators: {gpu_execution_accelerator: [{name: tensorrt, parameters: {precision_mode: FP16, max_workspace_size_bytes: 1000, trt_builder_optimization_level: 2}}]}}",
			[]backend.Device{gpu(0, procs)},
			backend.Options{Providers: []backend.Provider{{Name: "tensorrt", Options: map[string]string{"trt_fp16_enable": "1", "trt_max_workspace_size": "1000", "trt_builder_optimization_level": "2"}}, onCUDA.Providers[0]}},
		},
		{
			"CUDA as the file wants it", "instance_group: [{kind: KIND_GPU}]\noptimization: {execution_accelerators: {gpu_execution_accelerator: [{name: cuda, parameters: {cudnn_conv_algo_search: DEFAULT}}]}}",
			[]backend.Device{gpu(0, procs)},
			backend.Options{Providers: []backend.Provider{{Name: "cuda", Options: map[string]string{"cudnn_conv_algo_search": "DEFAULT"}}}},
		},
		{
			"without batches every algorithm is tried, as is the runtime's default", "instance_group: [{kind: KIND_GPU}]\nmax_batch_size: 0",
			[]backend.Device{gpu(0, procs)},
			backend.Options{Providers: []backend.Provider{{Name: "cuda"}}},
		},
		{
			"groups on processors of their own", "instance_group: [{count: 2, host_policy: left}, {kind: KIND_CPU, host_policy: right}, {}]",
			[]backend.Device{on("0,1", 1), on("0,1", 1), on("2", 1), cpu(procs)},
			backend.Options{},
		},
		{"memory is given back", "parameters: {memory.enable_memory_arena_shrinkage: \"cpu:0\"}", []backend.Device{cpu(procs)}, backend.Options{RunEntries: map[string]string{"memory.enable_memory_arena_shrinkage": "cpu:0"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got backend.Artifact
			b := &fake.Backend{LoadError: func(a backend.Artifact) error { got = a; return errors.New("seen") }}
			d := version(t, onnxtest.Scale(2), tt.config)
			if _, err := loaderOf(b).Load(t.Context(), d, func(repository.State) {}); err == nil || err.Error() != "seen" {
				t.Fatal(err)
			}
			if got.Name != "m/1" || got.File != d.File || !slices.Equal(got.Devices, tt.devices) {
				t.Errorf("it is %s, %s on %v", got.Name, got.File, got.Devices)
			}
			o, want := got.Options, tt.options
			if o.InterOpThreads != want.InterOpThreads || o.Parallel != want.Parallel || o.NoArena != want.NoArena ||
				o.NoMemPattern != want.NoMemPattern || o.GraphLevel != want.GraphLevel || !maps.Equal(o.RunEntries, want.RunEntries) ||
				!slices.EqualFunc(o.Providers, want.Providers, func(a, b backend.Provider) bool { return a.Name == b.Name && maps.Equal(a.Options, b.Options) }) {
				t.Errorf("the options are %+v, want %+v", o, want)
			}
		})
	}
}

// Which of the models' rows are independent is known; the loader must find it out.
func TestOnlyIndependentRowsAreBatched(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	library, err := onnx.FindLibrary("", root)
	if err != nil {
		t.Fatal(err)
	}
	real, err := onnx.Open(library, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const depends, apart = "output \"y\" of a row depends on the other rows of its batch", ""
	for name, want := range map[string]string{
		"centre": depends, "requantize": depends, "ragged": depends,
		"sum_rows":  "output \"y\" has shape [1,4] for two rows: it has no row for each",
		"positions": "output \"y\" has shape [8,2] for two rows: it has no row for each",
		"scale":     apart, "add_sub_fp32": apart, "add_sub_int32": apart, "softmax": apart, "lookup": apart, "lower": apart, "concat": apart, "gelu": apart,
		"identity_fp16": apart, "identity_bf16": apart, "identity_bytes": apart, "identity_bool": apart, "identity_3": apart,
	} {
		t.Run(name, func(t *testing.T) {
			model := onnxtest.Servable()[name]
			if model == nil {
				t.Fatal("there is no such model")
			}
			s, err := loaderOf(real).Load(t.Context(), version(t, model, ""), func(repository.State) {})
			if err != nil {
				t.Fatal(err)
			}
			info := s.Info()
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if want != "" {
				want = "batching is off, since " + want
			}
			if info.Note != want || info.Config.Batching() != (want == "") {
				t.Errorf("batching: %v, %q, want %q", info.Config.Batching(), info.Note, want)
			}
		})
	}
}

func TestARowThatAnotherKernelRoundsOtherwiseIsIndependent(t *testing.T) {
	for name, tt := range map[string]struct {
		factor func(rows int) float64
		batch  bool
	}{
		"as on a GPU":                {func(rows int) float64 { return 1 + 0.002*float64(rows) }, true},
		"a mean over the batch":      {func(rows int) float64 { return 1 / float64(rows) }, false},
		"a tenth more for each":      {func(rows int) float64 { return 1 + 0.1*float64(rows) }, false},
		"rounding that is the usual": {func(rows int) float64 { return 1 + 1e-6*float64(rows) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := loaderOf(&fake.Backend{Factor: tt.factor}).Load(t.Context(), version(t, onnxtest.Scale(2), ""), func(repository.State) {})
			if err != nil {
				t.Fatal(err)
			}
			if info := s.Info(); info.Config.Batching() != tt.batch {
				t.Errorf("batching: %v, %q", info.Config.Batching(), info.Note)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFilesThatInsistAreBatchedUnasked(t *testing.T) {
	b := &fake.Backend{Rows: func(int) int { return 1 }} // as if all rows were added up
	s, err := loaderOf(b).Load(t.Context(), version(t, onnxtest.Scale(2), "max_batch_size: 4"), func(repository.State) {})
	if err != nil {
		t.Fatal(err)
	}
	if info := s.Info(); info.Config.MaxBatchSize != 4 || info.Note != "" {
		t.Errorf("got %+v", info)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s, err = loaderOf(b).Load(t.Context(), version(t, onnxtest.Scale(2), ""), func(repository.State) {})
	if err != nil {
		t.Fatal(err)
	}
	if info := s.Info(); info.Config.MaxBatchSize != 0 || !strings.HasPrefix(info.Note, `batching is off, since output "y" has shape [1,4] for two rows`) {
		t.Errorf("got %+v", info)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEverySizeOfABatchIsWarm(t *testing.T) {
	b := &fake.Backend{}
	s, err := loaderOf(b).Load(t.Context(), version(t, onnxtest.Scale(2), "max_batch_size: 13\n"), func(repository.State) {})
	if err != nil {
		t.Fatal(err)
	}
	for rows := range 13 {
		if !slices.Contains(b.Sizes(), rows+1) {
			t.Errorf("no run of %d rows among %v", rows+1, b.Sizes())
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
