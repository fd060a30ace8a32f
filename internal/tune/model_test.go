package tune

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/config"
	"galatea/config/pbtxt"
	"galatea/internal/app"
	"galatea/internal/onnxtest"
	"galatea/repository"
	"galatea/tensor"
)

// model writes a model and its config, and returns what a source would say of it.
func model(t *testing.T, onnx []byte, text string) repository.Desired {
	t.Helper()
	root := t.TempDir()
	folder := onnxtest.Version(t, root, "m", 1, onnx)
	if text != "" {
		onnxtest.Write(t, filepath.Join(root, "m", "config.yaml"), []byte(text))
	}
	return repository.Desired{Name: "m", Version: 1, Root: root, Folder: folder, File: filepath.Join(folder, "model.onnx"), Digest: "d"}
}

func loader(b *fake.Backend) *app.Loader {
	return &app.Loader{Backend: b, Log: slog.New(slog.DiscardHandler), Defaults: func() config.Defaults { return config.DefaultServer().Defaults() }}
}

func prepared(t *testing.T, b *fake.Backend, d repository.Desired, in Input, largest int) (*Model, error) {
	t.Helper()
	m, err := Prepare(t.Context(), loader(b), d, in, largest)
	if models, instances := b.Open(); models+instances != 0 {
		t.Errorf("%d models and %d instances are open", models, instances)
	}
	return m, err
}

func TestWhatIsTriedOfAModel(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	rows := onnxtest.Scale(2)
	for _, tt := range []struct {
		name    string
		onnx    []byte
		config  string
		largest int
		want    Space
		notes   string
		err     string
	}{
		{"a model without a config", rows, "", 0, Space{Present: Setting{1, procs, 64}, Procs: procs, Devices: 1, SmallestBatch: 1, LargestBatch: 64}, "", ""},
		{"larger batches", rows, "max_batch_size: 8", 32, Space{Present: Setting{1, procs, 8}, Procs: procs, Devices: 1, SmallestBatch: 1, LargestBatch: 32}, "", ""},
		{"what the config says", rows, "max_batch_size: 8\ninstance_group: [{count: 3}]\nparameters: {intra_op_thread_count: 5}", 0, Space{Present: Setting{3, 5, 8}, Procs: procs, Devices: 1, SmallestBatch: 1, LargestBatch: 8}, "", ""},
		{"sizes that the config has", rows, "dynamic_batching: {preferred_batch_size: [4]}", 0, Space{Present: Setting{1, procs, 64}, Procs: procs, Devices: 1, SmallestBatch: 4, LargestBatch: 64}, "batches of less than 4 rows are not tried, since preferred_batch_size has such", ""},
		{"requests that are held back", rows, "max_batch_size: 8\ndynamic_batching: {max_queue_delay_microseconds: 1}", 0, Space{Present: Setting{1, procs, 8}, Procs: procs, Devices: 1, SmallestBatch: 1, LargestBatch: 8, Waits: true}, "", ""},
		{"too few for them", rows, "dynamic_batching: {preferred_batch_size: [4]}", 2, Space{}, "", "--max-batch-size=2: expected 4 or more, which preferred_batch_size has"},
		{"GPUs", rows, "instance_group: [{count: 2, kind: KIND_GPU, gpus: [0, 1, 2]}]", 0, Space{Present: Setting{2, max(1, procs-5), 64}, Procs: procs, Devices: 3, SmallestBatch: 1, LargestBatch: 64}, "", ""},
		{"several groups", rows, "instance_group: [{count: 2}, {count: 3}]", 0, Space{Present: Setting{5, 0, 64}, Procs: procs, Devices: 1, Fixed: true, SmallestBatch: 1, LargestBatch: 64}, "there are 2 instance groups, so the instances stay as they are", ""},
		{"no batches", rows, "max_batch_size: 0", 0, Space{Present: Setting{1, procs, 0}, Procs: procs, Devices: 1, SmallestBatch: 1}, "the model does not batch", ""},
		{"no batches, though asked for", rows, "max_batch_size: 0", 4, Space{}, "", "--max-batch-size=4: the model does not batch"},
		{"a config that is wrong", rows, "max_batchsize: 0", 0, Space{}, "", `did you mean "max_batch_size"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := prepared(t, &fake.Backend{}, model(t, tt.onnx, tt.config), Input{}, tt.largest)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Space != tt.want || strings.Join(m.Notes, "; ") != tt.notes {
				t.Errorf("got %#v, %q, want %#v", m.Space, m.Notes, tt.want)
			}
		})
	}
}

func TestLimitsOnWaitingAreNotMeasured(t *testing.T) {
	d := model(t, onnxtest.Scale(2), "request_timeout: 1us\ndynamic_batching: {default_queue_policy: {max_queue_size: 1, default_timeout_microseconds: 1}}")
	m, err := prepared(t, &fake.Backend{}, d, Input{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	queue := m.resolved.Queue.Levels[0]
	if m.resolved.RequestTimeout != 0 || queue != (config.Level{}) {
		t.Errorf("got %v, %+v", m.resolved.RequestTimeout, queue)
	}
}

func TestASettingInTheConfig(t *testing.T) {
	const text = "# mine\nmax_batch_size: 8\n"
	m, err := prepared(t, &fake.Backend{}, model(t, onnxtest.Scale(2), text), Input{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	procs := m.Space.Procs
	for _, tt := range []struct {
		name         string
		at           Setting
		whole, lines string
	}{
		{"as it is", m.Space.Present, text, ""},
		{"another batch", Setting{1, procs, 4}, "# mine\nmax_batch_size: 4\n", "max_batch_size: 4\n"},
		{"the threads that it would have by itself", Setting{2, max(1, procs-1), 8}, text + "instance_group:\n  - count: 2\n", "instance_group:\n  - count: 2\n"},
		{"other threads", Setting{1, procs + 1, 8}, text + "parameters:\n  intra_op_thread_count: N\n", "parameters:\n  intra_op_thread_count: N\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			number := strings.NewReplacer("N", strings.Trim(strings.Split(tt.at.String(), ", ")[1], " threads"))
			whole, lines, err := m.With(tt.at)
			if err != nil || string(whole) != number.Replace(tt.whole) || string(lines) != number.Replace(tt.lines) {
				t.Errorf("got %v\n%s\n%s", err, whole, lines)
			}
		})
	}
	if err := m.Unchanged(); err != nil {
		t.Error(err)
	}
	onnxtest.Write(t, m.Config, []byte("# yours\n"))
	if err := m.Unchanged(); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("after a change: %v", err)
	}
}

const dynamicGolden = `{"request": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]},
"response": {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [2, 4]}]}}`

func TestWhatAModelIsAsked(t *testing.T) {
	fixed, dynamic := onnxtest.Scale(2), onnxtest.Identity(tensor.FP32, tensor.Shape{tensor.Dynamic, tensor.Dynamic})
	for _, tt := range []struct {
		name   string
		onnx   []byte
		golden bool
		refuse func(tensor.Shape) bool
		in     Input
		shape  tensor.Shape
		says   string // of what is asked, or the error
	}{
		{name: "rows of the signature", onnx: fixed, shape: tensor.Shape{1, 4}, says: "made-up rows"},
		{name: "a shape that is said", onnx: dynamic, in: Input{Shapes: Shapes{"x": {3}}}, shape: tensor.Shape{1, 3}, says: "made-up rows"},
		{name: "a guess", onnx: dynamic, shape: tensor.Shape{1, 8}, says: "made-up rows, of which dynamic dimensions are guessed to be 8: --shape=x:128 says otherwise"},
		{name: "another guess", onnx: dynamic, refuse: func(s tensor.Shape) bool { return s[1] != 32 }, shape: tensor.Shape{1, 32}, says: "guessed to be 32"},
		{name: "no guess", onnx: dynamic, refuse: func(tensor.Shape) bool { return true }, says: `the shape of input "x" has to be said, with --shape=x:128 for one: no guess ran`},
		{name: "golden requests rather than a guess", onnx: dynamic, golden: true, shape: tensor.Shape{1, 2}, says: "its 1 golden request"},
		{name: "golden requests that are asked for", onnx: dynamic, golden: true, in: Input{Golden: true}, shape: tensor.Shape{1, 2}, says: "its 1 golden request"},
		{name: "a shape rather than golden requests", onnx: dynamic, golden: true, in: Input{Shapes: Shapes{"x": {3}}}, shape: tensor.Shape{1, 3}, says: "made-up rows"},
		{name: "golden requests that are not there", onnx: fixed, in: Input{Golden: true}, says: "the model has no golden requests"},
		{name: "a shape that does not fit", onnx: fixed, in: Input{Shapes: Shapes{"x": {3}}}, says: `input "x" has shape [4], which [3] does not fit`},
		{name: "a shape of no input", onnx: fixed, in: Input{Shapes: Shapes{"y": {3}}}, says: `the model has no input "y"`},
		{name: "rows that do not run", onnx: fixed, refuse: func(tensor.Shape) bool { return true }, says: "rows that are made up: inference failed: refused: --golden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &fake.Backend{Fault: func(_ int, batch *backend.Batch) error {
				if tt.refuse != nil && tt.refuse(batch.Inputs[0].Shape) {
					return errors.New("refused")
				}
				return nil
			}}
			text := ""
			if tt.refuse != nil {
				text = "max_batch_size: 64" // a trial of rows that fails would turn batching off
			}
			d := model(t, tt.onnx, text)
			if tt.golden {
				onnxtest.Write(t, filepath.Join(d.Root, "m", "golden", "two.json"), []byte(dynamicGolden))
			}
			m, err := prepared(t, b, d, tt.in, 0)
			if err != nil {
				if tt.shape != nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want %s", err, tt.says)
				}
				return
			}
			if got := m.ask().Inputs[0].Shape; !slices.Equal(got, tt.shape) || !strings.Contains(m.Inputs, tt.says) {
				t.Errorf("got %v, %s", got, m.Inputs)
			}
		})
	}
}

func TestShapesThatAreWritten(t *testing.T) {
	got, err := ParseShapes([]string{"x:1x2x3", "scope:y:4", "z:5,6"})
	if err != nil || len(got) != 3 || !slices.Equal(got["x"], tensor.Shape{1, 2, 3}) || !slices.Equal(got["scope:y"], tensor.Shape{4}) || !slices.Equal(got["z"], tensor.Shape{5, 6}) {
		t.Errorf("got %v, %v", got, err)
	}
	for text, says := range map[string]string{
		"x":     "expected the input's name and its shape",
		":3":    "expected the input's name and its shape",
		"x:":    `got ""`,
		"x:3x":  `got ""`,
		"x:-1":  `got "-1"`,
		"x:0":   `got "0"`,
		"x:two": `got "two"`,
	} {
		if _, err := ParseShapes([]string{text}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := ParseShapes([]string{"x:1", "x:2"}); err == nil {
		t.Error("two shapes of one input were taken")
	}
}

func TestAModelIsSweptWithoutAServer(t *testing.T) {
	b := &fake.Backend{}
	d := model(t, onnxtest.Scale(2), "max_batch_size: 2\n")
	m, err := prepared(t, b, d, Input{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	report, err := m.Sweep(t.Context(), Options{Time: 50 * ms, Goal: Goal{LoneRatio: 1.5}})
	if err != nil || len(report.Measured) == 0 || report.Measured[0].Rows <= 0 {
		t.Errorf("got %+v, %v", report, err)
	}
	if after, err := os.ReadFile(m.Config); err != nil || string(after) != string(before) {
		t.Errorf("the config is now %s, %v", after, err)
	}
	if models, instances := b.Open(); models+instances != 0 {
		t.Errorf("%d models and %d instances are open", models, instances)
	}
}

// What is to be written takes the place of Triton's configuration, so it says that as well.
func TestASettingBesideAConfigurationOfTritons(t *testing.T) {
	d := model(t, onnxtest.Scale(2), "")
	parsed, err := pbtxt.Parse("config.pbtxt", []byte("max_batch_size: 8 dynamic_batching { } response_cache { enable: true }"))
	if err == nil {
		d.Config, err = parsed.Named("m")
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := prepared(t, &fake.Backend{}, d, Input{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := m.Space.Present
	at.Batch = 4
	whole, lines, err := m.With(at)
	want := "# response_cache.enable is ignored: each request is run\nname: m\nmax_batch_size: 4\ndynamic_batching: {}\n"
	if err != nil || string(whole) != want || string(lines) != "max_batch_size: 4\n" {
		t.Errorf("got %v\n%s\n%s", err, whole, lines)
	}
	if err := m.Unchanged(); err != nil {
		t.Error(err)
	}
}
