package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"galatea/tensor"
)

// graph reads a signature such as "x FP32[-1,8,8], k? INT64[] -> y FP32[-1,10]". A
// question mark makes an input optional; a shape of [?] is one that the graph does not give.
func graph(t testing.TB, text string) tensor.Signature {
	t.Helper()
	inputs, outputs, _ := strings.Cut(text, "->")
	return tensor.Signature{Inputs: specs(t, inputs), Outputs: specs(t, outputs)}
}

func specs(t testing.TB, text string) []tensor.Spec {
	t.Helper()
	var all []tensor.Spec
	for one := range strings.SplitSeq(text, "],") {
		one = strings.TrimSuffix(strings.TrimSpace(one), "]")
		if one == "" {
			continue
		}
		name, rest, _ := strings.Cut(one, " ")
		dtype, dims, _ := strings.Cut(rest, "[")
		s := tensor.Spec{Name: strings.TrimSuffix(name, "?"), Optional: strings.HasSuffix(name, "?")}
		var err error
		if s.DType, err = tensor.ParseDType(dtype); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if dims != "?" {
			s.Shape = shapeOf(t, dims)
		}
		all = append(all, s)
	}
	return all
}

func shapeOf(t testing.TB, dims string) tensor.Shape {
	t.Helper()
	shape := tensor.Shape{}
	for d := range strings.SplitSeq(dims, ",") {
		if d == "" {
			continue
		}
		n, err := strconv.ParseInt(d, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		shape = append(shape, n)
	}
	return shape
}

// words prints a signature as graph reads it.
func words(s tensor.Signature) string {
	side := func(specs []tensor.Spec) string {
		var all []string
		for _, s := range specs {
			mark, shape := "", s.Shape.String()
			if s.Optional {
				mark = "?"
			}
			if s.Shape == nil {
				shape = "[?]"
			}
			all = append(all, fmt.Sprintf("%s%s %s%s", s.Name, mark, s.DType, shape))
		}
		return strings.Join(all, ", ")
	}
	return side(s.Inputs) + " -> " + side(s.Outputs)
}

func complete(t testing.TB, file, sig string, d Defaults) (*Resolved, error) {
	t.Helper()
	m, err := ParseModel("config.yaml", []byte(file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	m, err = m.Named(cmp.Or(m.Name, "m"))
	if err != nil {
		t.Fatal(err)
	}
	return Complete(m, graph(t, sig), d)
}

func TestCompleteDecidesAboutTensorsAndBatching(t *testing.T) {
	const rows, fixed = "x FP32[-1,8,8] -> y FP32[-1,10]", "x FP32[1,8,8] -> y FP32[1,10]"
	for _, c := range []struct {
		sentence, file, graph string
		want                  string // the signature and the largest batch
		note                  string // one of the notes
	}{
		{
			"no file over a graph whose tensors all start dynamic -> batches up to the default", "", rows,
			rows + "; 64", "batching: on, since every input and output starts with a dynamic dimension; max_batch_size 64 by default",
		},
		{"no file over a graph with fixed first dimensions -> does not batch", "", fixed, fixed + "; 0", `batching: off, since input "x" starts with a fixed 1`},
		{
			"one output without rows -> does not batch", "", "x FP32[-1,8] -> y FP32[-1], n INT64[]",
			"x FP32[-1,8] -> y FP32[-1], n INT64[]; 0", `batching: off, since output "n" has no dimensions`,
		},
		{
			"an output whose shape the graph does not give -> does not batch", "", "x FP32[-1,8] -> y FP32[?]",
			"x FP32[-1,8] -> y FP32[?]; 0", `batching: off, since the ONNX file does not say what shape output "y" has`,
		},
		{
			"that output's shape in the file, batch dimension first -> batches", "output: [{name: y, dims: [-1, 4]}]", "x FP32[-1,8] -> y FP32[?]",
			"x FP32[-1,8] -> y FP32[-1,4]; 64", "",
		},
		{
			"that output's shape in the file, and a max_batch_size -> the dims are without the batch dimension", "{max_batch_size: 4, output: [{name: y, dims: [-1, 4]}]}", "x FP32[-1,8] -> y FP32[?]",
			"x FP32[-1,8] -> y FP32[-1,-1,4]; 4 insisted", "",
		},
		{
			"leaving the output without rows out of the list -> batches", "output: [{name: y}]", "x FP32[-1,8] -> y FP32[-1], n INT64[]",
			"x FP32[-1,8] -> y FP32[-1]; 64", `output "n" is not served, since the file lists others only`,
		},
		{"a graph without inputs -> does not batch", "", "-> y FP32[-1]", " -> y FP32[-1]; 0", "batching: off, since no input has to be given"},
		{"a graph whose only input is optional -> does not batch", "", "x? FP32[-1] -> y FP32[-1]", "x? FP32[-1] -> y FP32[-1]; 0", "batching: off, since no input has to be given"},
		{"a graph without outputs -> does not batch", "", "x FP32[-1] ->", "x FP32[-1] -> ; 0", "batching: off, since the model has no output"},
		{"max_batch_size 0 -> does not batch, and nobody decided it", "max_batch_size: 0", rows, rows + "; 0", ""},
		{"max_batch_size 8 -> insists", "max_batch_size: 8", rows, rows + "; 8 insisted", ""},
		{"max_batch_size 1 -> rows, one at a time", "max_batch_size: 1", rows, rows + "; 1 insisted", ""},
		{"a file that only names its tensors -> keeps automatic batching", "{input: [{name: x}], output: [{name: y}]}", rows, rows + "; 64", "batching: on"},
		{"dims without the batch dimension -> batches", "{input: [{name: x, dims: [8, 8]}], output: [{name: y, dims: [10]}]}", rows, rows + "; 64", "batching: on"},
		{"dims with the batch dimension -> batches", "{input: [{name: x, dims: [-1, 8, 8]}], output: [{name: y, dims: [-1, 10]}]}", rows, rows + "; 64", "batching: on"},
		{"both forms under max_batch_size -> batches", "{max_batch_size: 4, input: [{name: x, dims: [8, 8]}], output: [{name: y, dims: [-1, 10]}]}", rows, rows + "; 4 insisted", ""},
		{"empty dims for a tensor that is rows alone -> batches", "output: [{name: y, dims: []}]", "x FP32[-1,8] -> y FP32[-1]", "x FP32[-1,8] -> y FP32[-1]; 64", ""},
		{"empty dims for a scalar -> a scalar", "output: [{name: n, dims: []}]", "x FP32[-1,8] -> n INT64[]", "x FP32[-1,8] -> n INT64[]; 0", ""},
		{
			"a number for a dynamic dimension -> narrows it", "input: [{name: x, dims: [3, 224, -1]}]", "x FP32[-1,3,-1,-1] -> y FP32[-1,10]",
			"x FP32[-1,3,224,-1] -> y FP32[-1,10]; 64", "",
		},
		{
			"a number for the first dynamic dimension -> it is no batch", "input: [{name: x, dims: [16, 8, 8]}]", rows,
			"x FP32[16,8,8] -> y FP32[-1,10]; 0", `batching: off, since the file lets input "x" start with a fixed 16`,
		},
		{"full dims under max_batch_size 0 -> narrows the first, too", "{max_batch_size: 0, input: [{name: x, dims: [16, 8, 8]}]}", rows, "x FP32[16,8,8] -> y FP32[-1,10]; 0", ""},
		{"a dimension of zero in graph and file -> taken", "input: [{name: x, dims: [0]}]", "x FP32[-1,0] -> y FP32[-1]", "x FP32[-1,0] -> y FP32[-1]; 64", ""},
		{"tensors listed in another order -> the graph's order", "input: [{name: b}, {name: a}]", "a FP32[-1], b INT64[-1] -> y FP32[-1]", "a FP32[-1], b INT64[-1] -> y FP32[-1]; 64", ""},
		{"types in both spellings -> the graph's", "input: [{name: a, data_type: FP32}, {name: b, data_type: TYPE_STRING}]", "a FP32[-1], b BYTES[-1] -> y FP32[-1]", "a FP32[-1], b BYTES[-1] -> y FP32[-1]; 64", ""},
		{"an optional input with fixed dimensions -> does not batch", "", "x FP32[-1], k? FP32[1] -> y FP32[-1]", "x FP32[-1], k? FP32[1] -> y FP32[-1]; 0", `batching: off, since input "k" starts with a fixed 1`},
		{
			"a list of inputs without the optional one -> it is not served, and the model batches", "input: [{name: x}]", "x FP32[-1], k? FP32[1] -> y FP32[-1]",
			"x FP32[-1] -> y FP32[-1]; 64", `input "k" is not served`,
		},
		{"optional: false -> requests have to give it", "input: [{name: x}, {name: k, optional: false}]", "x FP32[-1], k? FP32[-1] -> y FP32[-1]", "x FP32[-1], k FP32[-1] -> y FP32[-1]; 64", ""},
		{"optional: true for one that the graph has a value for -> optional", "input: [{name: x}, {name: k, optional: true}]", "x FP32[-1], k? FP32[-1] -> y FP32[-1]", "x FP32[-1], k? FP32[-1] -> y FP32[-1]; 64", ""},
		{"a timeout override without a timeout -> is told to have no effect", "dynamic_batching: {default_queue_policy: {allow_timeout_override: true}}", rows, rows + "; 64", "allow_timeout_override has no effect"},
		{"inter-op threads without parallel execution -> are told to have no effect", "parameters: {inter_op_thread_count: 4}", rows, rows + "; 64", "inter_op_thread_count has no effect"},
		{"a queue limit left out -> the default is told", "", rows, rows + "; 64", "queue: 1024 requests by default"},
	} {
		r, err := complete(t, c.file, c.graph, DefaultServer().Defaults())
		if err != nil {
			t.Errorf("%s: %v", c.sentence, err)
			continue
		}
		got := fmt.Sprintf("%s; %d", words(r.Signature), r.MaxBatchSize)
		if r.Insisted {
			got += " insisted"
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.sentence, got, c.want)
		}
		if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes\n%s\nlack %q", c.sentence, notes, c.note)
		}
		if c.note == "" && strings.Contains(strings.Join(r.Notes, ""), "batching: ") && strings.Contains(c.file, "max_batch_size") {
			t.Errorf("%s: the file decided, and the notes say %q", c.sentence, r.Notes)
		}
	}
}

func TestCompleteRefusesWhatTheGraphContradicts(t *testing.T) {
	const rows = "x FP32[-1,8,8] -> y FP32[-1,10]"
	const ids = "ids INT32[-1,-1], mask INT32[-1,-1], text BYTES[-1,-1], image FP32[-1,-1,-1] -> y FP32[-1,10]"
	for _, c := range []struct{ sentence, file, graph, want string }{
		{
			"max_batch_size over fixed first dimensions", "max_batch_size: 8", "x FP32[1,8] -> y FP32[1]",
			"config.yaml:1: max_batch_size: unable to load model 'm', model configuration supports batching but first dimension of tensor 'x' is not a variable-size batch dimension: the model provides [1,8]: expected max_batch_size 0",
		},
		{
			"max_batch_size over a scalar", "max_batch_size: 8", "x FP32[-1] -> y FP32[]",
			"config.yaml:1: max_batch_size: unable to load model 'm', model configuration supports batching but first dimension of tensor 'y' is not a variable-size batch dimension: the model provides []: expected max_batch_size 0",
		},
		{
			"max_batch_size over an output of unknown shape", "max_batch_size: 8", "x FP32[-1] -> y FP32[?]",
			`config.yaml:1: max_batch_size: unable to load model 'm', model configuration supports batching but the ONNX file does not say what shape output "y" has: expected dims for it, or max_batch_size 0`,
		},
		{
			"max_batch_size without inputs", "max_batch_size: 8", "-> y FP32[-1]",
			"config.yaml:1: max_batch_size: no input has to be given, so that there are no rows: expected max_batch_size 0",
		},
		{
			"max_batch_size and a fixed first dimension in the file", "max_batch_size: 8\ninput:\n- name: x\n  dims: [4, 8, 8]", rows,
			`config.yaml:4: input[0].dims: max_batch_size demands batching, but the file lets input "x" start with a fixed 4: expected -1 there, or the dims without the batch dimension`,
		},
		{
			"an input that the graph does not have", "input:\n- {name: x}\n- {name: z}", rows,
			"config.yaml:3: input[1].name: unable to load model 'm', unexpected inference input 'z', allowed inputs are: x",
		},
		{
			"a misspelled output", "output:\n- {name: probabilites}", "x FP32[-1] -> label INT64[-1], probabilities FP32[-1,3]",
			`config.yaml:2: output[0].name: unable to load model 'm', unexpected inference output 'probabilites', allowed outputs are: label, probabilities: did you mean "probabilities"?`,
		},
		{
			"a list without an input that requests must give", "input:\n- {name: a}", "a FP32[-1], b FP32[-1], c? FP32[-1] -> y FP32[-1]",
			`config.yaml:1: input: unable to load model 'm', configuration expects 1 inputs, model provides 3: expected "b", too`,
		},
		{
			"another type for an input", "input:\n- {name: x, data_type: TYPE_INT64}", rows,
			"config.yaml:2: input[0].data_type: unable to load model 'm', configuration expects datatype TYPE_INT64 for input 'x', model provides TYPE_FP32",
		},
		{
			"another type for an output", "output:\n- {name: y, data_type: FP16}", rows,
			"config.yaml:2: output[0].data_type: unable to load model 'm', configuration expects datatype TYPE_FP16 for output 'y', model provides TYPE_FP32",
		},
		{
			"an optional input for which the graph holds no value", "input:\n- {name: x, optional: true}", rows,
			"config.yaml:2: input[0].optional: the ONNX file holds no value for input 'x': expected an input that has one, or false",
		},
		{
			"too many dims on a model that batches", "input:\n- {name: x, dims: [1, 8, 8, 1]}", rows,
			"config.yaml:2: input[0].dims: unable to load model 'm', configuration expects dims [1,8,8,1] for input 'x', model provides [-1,8,8]: expected 3 dimensions, or 2 without that of the batch",
		},
		{
			"dims without the batch dimension on a model that cannot batch", "input:\n- {name: x, dims: [8, 8]}", "x FP32[-1,8,8] -> y FP32[1]",
			`config.yaml:2: input[0].dims: unable to load model 'm', configuration expects dims [8,8] for input 'x', model provides [-1,8,8]: expected 3 dimensions, since batching is off, since output "y" starts with a fixed 1`,
		},
		{
			"dims without the batch dimension under max_batch_size 0", "max_batch_size: 0\ninput:\n- {name: x, dims: [8, 8]}", rows,
			"config.yaml:3: input[0].dims: unable to load model 'm', configuration expects dims [8,8] for input 'x', model provides [-1,8,8]: expected 3 dimensions",
		},
		{
			"another size than the graph's", "input:\n- {name: x, dims: [8, 9]}", rows,
			"config.yaml:2: input[0].dims: unable to load model 'm', configuration expects dims [8,9] for input 'x', model provides [-1,8,8]: dimension 2 is 9, expected 8",
		},
		{
			"a dynamic dimension where the graph's is fixed", "input:\n- {name: x, dims: [8, -1]}", rows,
			"config.yaml:2: input[0].dims: unable to load model 'm', configuration expects dims [8,-1] for input 'x', model provides [-1,8,8]: dimension 2 is -1, expected 8",
		},
		{
			"zero for a dynamic dimension", "input:\n- {name: x, dims: [0]}", "x FP32[-1,-1] -> y FP32[-1]",
			"config.yaml:2: input[0].dims: unable to load model 'm', configuration expects dims [0] for input 'x', model provides [-1,-1]: dimension 1 is 0, expected -1",
		},
		{
			"a preferred size over the default maximum", "dynamic_batching:\n  preferred_batch_size: [8, 100]", rows,
			"config.yaml:2: dynamic_batching.preferred_batch_size[1]: 100 is more than the max_batch_size that the server has by default, which is 64: expected 1 to 64",
		},
		{
			"a delay for a model that cannot batch", "dynamic_batching:\n  max_queue_delay_microseconds: 100", "x FP32[1] -> y FP32[1]",
			`config.yaml:2: dynamic_batching.max_queue_delay_microseconds: batching is off, since input "x" starts with a fixed 1: expected a model that batches, or it left out`,
		},
		{
			"padding for a model that cannot batch", "batching: {pad: {x: 0}}", "x FP32[1,-1] -> y FP32[1]",
			`config.yaml:1: batching: batching is off, since input "x" starts with a fixed 1: expected a model that batches, or it left out`,
		},
		{
			"padding without an input", "batching: {pad: {}}", ids,
			"config.yaml:1: batching.pad: no input: expected one with a dynamic dimension beside the batch's, such as input_ids: 0",
		},
		{
			"padding for an input that is not there", "batching: {pad: {id: 0}}", ids,
			`config.yaml:1: batching.pad.id: no input is named "id": expected ids, mask, text or image`,
		},
		{
			"padding with what the type does not hold", "batching: {pad: {ids: 0.5}}", ids,
			"config.yaml:1: batching.pad.ids: 0.5 is no value of type TYPE_INT32: expected a number that is",
		},
		{
			"padding for strings", "batching: {pad: {text: 0}}", ids,
			`config.yaml:1: batching.pad.text: input "text" has strings: expected an input of numbers`,
		},
		{
			"padding for two dimensions", "batching: {pad: {image: 0}}", ids,
			`config.yaml:1: batching.pad.image: input "image" has 2 dynamic dimensions beside the batch's: expected one`,
		},
		{
			"a mask that is padded with something else", "batching:\n  pad: {ids: 0, mask: 7}\n  mask: mask", ids,
			`config.yaml:3: batching.mask: "mask" is among the inputs of pad: expected it in one place, since a mask is padded with 0`,
		},
		{
			"a mask that is not there", "batching: {pad: {ids: 0}, mask: attention_mask}", ids,
			`config.yaml:1: batching.mask: no input is named "attention_mask": expected ids, mask, text or image`,
		},
		{
			"padding for a model whose strings could not be cut back", "batching: {pad: {ids: 0}}", "ids INT32[-1,-1] -> words BYTES[-1,-1]",
			`config.yaml:1: batching: output "words" has strings and a dynamic dimension, and such cannot be cut back: expected no padding for this model`,
		},
		{
			"a host policy that there is not", "instance_group:\n- {host_policy: left}", rows,
			`config.yaml:2: instance_group[0].host_policy: no host policy is named "left": expected one of the host_policies of galatea.yaml, which has none`,
		},
		{
			"several at once", "max_batch_size: 2\ninput:\n- {name: x, data_type: INT8}\noutput:\n- {name: y, dims: [11]}", rows,
			"config.yaml:3: input[0].data_type: unable to load model 'm', configuration expects datatype TYPE_INT8 for input 'x', model provides TYPE_FP32\n" +
				"config.yaml:5: output[0].dims: unable to load model 'm', configuration expects dims [11] for output 'y', model provides [-1,10]: dimension 1 is 11, expected 10",
		},
	} {
		r, err := complete(t, c.file, c.graph, DefaultServer().Defaults())
		if err == nil {
			t.Errorf("%s: taken: %+v", c.sentence, r)
		} else if err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.sentence, err, c.want)
		}
	}
}

func TestServerDefaultsDecideWhereTheFileIsSilent(t *testing.T) {
	const rows = "x FP32[-1] -> y FP32[-1]"
	r, err := complete(t, "", rows, Defaults{})
	if err != nil || r.Batching() || r.Queue.Levels[0].MaxSize != 0 || !strings.Contains(strings.Join(r.Notes, ";"), "batching: off, since the server's default_max_batch_size is 0;queue: without limit by default") {
		t.Errorf("without defaults: %+v, %v", r, err)
	}
	r, err = complete(t, "max_batch_size: 4", rows, Defaults{MaxBatchSize: 16, MaxQueueSize: 7})
	if err != nil || r.MaxBatchSize != 4 || r.Queue.Levels[0].MaxSize != 7 {
		t.Errorf("the file's batch and the server's queue: %+v, %v", r, err)
	}
	r, err = complete(t, "dynamic_batching: {default_queue_policy: {max_queue_size: 0, default_timeout_microseconds: 1500}}", rows, Defaults{MaxQueueSize: 7})
	if err != nil || r.Queue.Levels[0] != (Level{Timeout: 1500 * time.Microsecond}) {
		t.Errorf("a queue without limit: %+v, %v", r, err)
	}
}

func TestInstancesGoWhereTheyCan(t *testing.T) {
	for _, c := range []struct {
		sentence, group string
		gpus            int
		want            string
	}{
		{"left out, without GPUs -> one on the CPU", "", 0, "m_0 KIND_CPU x1 [] = 1"},
		{"left out, with GPUs -> one on each", "", 2, "m_0 KIND_GPU x1 [0 1] = 2"},
		{"a count alone, without GPUs -> on the CPU", "{count: 4}", 0, "m_0 KIND_CPU x4 [] = 4"},
		{"KIND_CPU, with GPUs -> on the CPU", "{count: 2, kind: KIND_CPU}", 2, "m_0 KIND_CPU x2 [] = 2"},
		{"KIND_GPU, with GPUs -> on all", "{count: 2, kind: KIND_GPU}", 2, "m_0 KIND_GPU x2 [0 1] = 4"},
		{"KIND_GPU, GPUs not known -> left to the runtime", "{kind: KIND_GPU}", 0, "m_0 KIND_GPU x1 [] = 1"},
		{"KIND_GPU on one -> on that", "{kind: KIND_GPU, gpus: [1]}", 2, "m_0 KIND_GPU x1 [1] = 1"},
		{"KIND_AUTO on GPUs that are there -> on them", "{kind: KIND_AUTO, gpus: [1]}", 2, "m_0 KIND_GPU x1 [1] = 1"},
		{"KIND_AUTO on GPUs of which one is missing -> on the CPU", "{kind: KIND_AUTO, gpus: [1, 2]}", 2, "m_0 KIND_CPU x1 [] = 1"},
		{"a name -> kept", "{name: fast}", 0, "fast KIND_CPU x1 [] = 1"},
	} {
		r, err := complete(t, "instance_group: ["+c.group+"]", "x FP32[-1] -> y FP32[-1]", Defaults{GPUs: c.gpus})
		if err != nil {
			t.Errorf("%s: %v", c.sentence, err)
			continue
		}
		i := r.Instances[0]
		if got := fmt.Sprintf("%s %s x%d %v = %d", i.Name, i.Kind, i.Count, i.GPUs, r.Lanes()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.sentence, got, c.want)
		}
	}
	_, err := complete(t, "instance_group: [{kind: KIND_GPU, gpus: [0, 2]}]", "x FP32[-1] -> y FP32[-1]", Defaults{GPUs: 2})
	if want := "config.yaml:1: instance_group[0].gpus: not all of these GPUs are there: expected numbers from 0 to 1"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
}

func TestThreadsKeepTheTotalAtTheProcessors(t *testing.T) {
	r := &Resolved{}
	for _, c := range []struct{ instances, procs, want int }{{1, 8, 8}, {2, 8, 7}, {4, 8, 5}, {8, 8, 1}, {16, 8, 1}, {1, 1, 1}} {
		if got := r.Threads(c.instances, c.procs); got != c.want {
			t.Errorf("Threads(%d, %d) = %d, want %d", c.instances, c.procs, got, c.want)
		}
	}
	r.Session.IntraOpThreads = 3
	if got := r.Threads(4, 8); got != 3 {
		t.Errorf("the file's threads: got %d", got)
	}
}

func TestWithoutBatching(t *testing.T) {
	on, err := complete(t, "dynamic_batching: {preferred_batch_size: [8, 4], max_queue_delay_microseconds: 100}", "x FP32[-1,2] -> y FP32[-1]", DefaultServer().Defaults())
	if err != nil {
		t.Fatal(err)
	}
	before := *on
	off := on.WithoutBatching("two rows did not give what each gives alone")
	want := []string{
		"batching: off, since two rows did not give what each gives alone",
		"queue: 1024 requests by default",
		"dynamic_batching.preferred_batch_size has no effect, since nothing is batched",
		"dynamic_batching.max_queue_delay_microseconds has no effect, since nothing is batched",
	}
	if off.Batching() || off.PreferredBatchSizes != nil || off.MaxQueueDelay != 0 || !reflect.DeepEqual(off.Notes, want) {
		t.Errorf("got %+v", off)
	}
	if !reflect.DeepEqual(*on, before) || !on.Batching() || !reflect.DeepEqual(on.PreferredBatchSizes, []int{4, 8}) {
		t.Errorf("the original has changed: %+v", on)
	}
}

func TestPolicySelects(t *testing.T) {
	have := []int64{3, 1, 10, 2}
	for _, c := range []struct {
		file string
		want []int64
	}{
		{"", []int64{10}},
		{"version_policy: {latest: {}}", []int64{10}},
		{"version_policy: {latest: {num_versions: 2}}", []int64{3, 10}},
		{"version_policy: {latest: {num_versions: 9}}", []int64{1, 2, 3, 10}},
		{"version_policy: {all: {}}", []int64{1, 2, 3, 10}},
		{"version_policy: {specific: {versions: [7, 3, 1]}}", []int64{1, 3}},
	} {
		m, err := ParseModel("", []byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Policy().Select(have); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.file, got, c.want)
		}
	}
	if !reflect.DeepEqual(have, []int64{3, 1, 10, 2}) {
		t.Errorf("Select changed its argument: %v", have)
	}
	if got := (Policy{Latest: 1}).Select(nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}
