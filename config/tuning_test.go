package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func tuning(instances, threads, batch int) Tuning {
	var t Tuning
	if instances > 0 {
		t.Instances = &instances
	}
	if threads > 0 {
		t.Threads = &threads
	}
	if batch > 0 {
		t.MaxBatchSize = &batch
	}
	return t
}

const commented = `# The field names are Triton's.

max_batch_size: 32 # rows

dynamic_batching:
    # wait a little

    max_queue_delay_microseconds: 500


instance_group:
- kind: KIND_CPU   # no GPU here
parameters: {execution_mode: "0"} # as it was
# the end`

func TestATuningIsPutIntoAFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		file   string
		tuning Tuning
		want   string
	}{
		{"no file", "", tuning(2, 1, 8), "max_batch_size: 8\ninstance_group:\n  - count: 2\nparameters:\n  intra_op_thread_count: 1\n"},
		{"nothing to set", commented, Tuning{}, commented},
		{"only comments", "# mine", tuning(0, 0, 8), "# mine\nmax_batch_size: 8\n"},
		{"a document without anything", "---\n", tuning(0, 3, 0), "---\nparameters:\n  intra_op_thread_count: 3\n"},
		{"a null document", "null # mine\n", tuning(0, 0, 8), "# mine\nmax_batch_size: 8\n"},
		{
			"all else stays as it is", commented, tuning(4, 2, 16),
			strings.NewReplacer("32 #", "16 #", "- kind", "- count: 4\n  kind", "{exec", "{intra_op_thread_count: 2, exec").Replace(commented),
		},
		{"what is there is replaced", "instance_group: [{count: 1}]\nparameters: {intra_op_thread_count: '7'}\n", tuning(3, 2, 0), "instance_group: [{count: 3}]\nparameters: {intra_op_thread_count: '2'}\n"},
		{"Triton's form of parameters", "parameters: {intra_op_thread_count: {string_value: \"7\"}}", tuning(0, 12, 0), "parameters: {intra_op_thread_count: {string_value: \"12\"}}"},
		{"a parameter beside others", "parameters:\n  # one\n  execution_mode: 1\n", tuning(0, 2, 0), "parameters:\n  # one\n  intra_op_thread_count: 2\n  execution_mode: 1\n"},
		{"keys without values", "instance_group:\nparameters: # none yet\n", tuning(2, 2, 0), "instance_group:\n  - count: 2\nparameters: # none yet\n  intra_op_thread_count: 2\n"},
		{"a group without anything", "instance_group: [{}]\n", tuning(2, 0, 0), "instance_group: [{count: 2}]\n"},
		{"JSON stays JSON", `{"max_batch_size": 4, "instance_group": [{"kind": "KIND_CPU"}]}`, tuning(2, 1, 8), `{"parameters": {"intra_op_thread_count": 1}, "max_batch_size": 8, "instance_group": [{"count": 2, "kind": "KIND_CPU"}]}`},
		{"a file that is indented", "  max_batch_size: 4\n", tuning(2, 0, 0), "  max_batch_size: 4\n  instance_group:\n    - count: 2\n"},
		{"lines as others end them", "max_batch_size: 4\r\nname: m\r\n", tuning(2, 0, 8), "max_batch_size: 8\r\nname: m\r\ninstance_group:\r\n  - count: 2\r\n"},
		{"an alias of a number", "parameters: {inter_op_thread_count: &n 4, intra_op_thread_count: *n}\n", tuning(0, 2, 0), "parameters: {inter_op_thread_count: &n 4, intra_op_thread_count: 2}\n"},
		{"letters of several bytes", "instance_group: [{name: \"ü\", count: 3}] # ö", tuning(2, 0, 0), "instance_group: [{name: \"ü\", count: 2}] # ö"},
		{"behind an end of the document", "name: m\n...\n", tuning(0, 0, 8), "name: m\nmax_batch_size: 8\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.tuning.Edit("config.yaml", []byte(tt.file))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %v:\n%s\nwant:\n%s", err, got, tt.want)
			}
		})
	}
}

func TestFilesThatATuningCannotBePutInto(t *testing.T) {
	for _, tt := range []struct {
		name   string
		file   string
		tuning Tuning
		says   string
	}{
		{"one that does not parse", "max_batchsize: 3\n", tuning(1, 1, 1), `config.yaml:1: unknown key "max_batchsize"`},
		{"several groups", "instance_group: [{count: 1}, {count: 2}]\n", tuning(2, 0, 0), "config.yaml:1: instance_group: 2 groups: expected one"},
		{"what would contradict the rest", "dynamic_batching: {preferred_batch_size: [8]}\n", tuning(0, 0, 4), "config.yaml:1: dynamic_batching.preferred_batch_size[0]: 8 is more than max_batch_size, which is 4"},
		{"a number that others stand for", "max_batch_size: &n 4\ndynamic_batching: {preferred_batch_size: [*n]}\n", tuning(0, 0, 8), "max_batch_size cannot be changed without"},
		{"a group that is an alias", "parameters: &p {}\ninstance_group: [*p]\n", tuning(2, 0, 0), "instance_group: an alias"},
		{"no number of rows", "", tuning(0, 2000, 0), "parameters.intra_op_thread_count"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.tuning.Edit("config.yaml", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v:\n%s\nwant %s", err, got, tt.says)
			}
		})
	}
}

func TestWhatIsShownOfATuning(t *testing.T) {
	edited, err := tuning(4, 2, 0).Edit("config.yaml", []byte(commented))
	if err != nil {
		t.Fatal(err)
	}
	want := "instance_group:\n  - count: 4\n    kind: KIND_CPU\nparameters: {intra_op_thread_count: 2, execution_mode: \"0\"}\n"
	if got := tuning(4, 2, 0).Excerpt(edited); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	file := "instance_group: [{count: 1, rate_limiter: &r {priority: 2}}]\n"
	if edited, err = tuning(2, 0, 0).Edit("config.yaml", []byte(file)); err != nil {
		t.Fatal(err)
	}
	if got := tuning(2, 0, 0).Excerpt(edited); string(got) != "instance_group: [{count: 2, rate_limiter: {priority: 2}}]\n" {
		t.Errorf("got %s", got)
	}
	if got := (Tuning{}).Excerpt(edited); got != nil {
		t.Errorf("of none: %s", got)
	}
}

// What can be edited says afterwards what it said before, but for the tuning.
func FuzzTuning(f *testing.F) {
	for _, file := range []string{"everything.good.yaml", "json.good.yaml", "groups.good.yaml", "empty.good.yaml"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 2, 1, 64)
	}
	for _, text := range []string{commented, "\ufeffmax_batch_size: 2", "? max_batch_size\n: 4\n", "instance_group: [? count : 2]", "parameters: &p\n  a: 1\n", "max_batch_size: !!int 4", "name: |+\n  x\n\n"} {
		f.Add([]byte(text), 3, 4, 5)
	}
	f.Fuzz(func(t *testing.T, data []byte, instances, threads, batch int) {
		before, err := ParseModel("config.yaml", data)
		if err != nil {
			return
		}
		change := tuning(instances, threads, batch)
		edited, err := change.Edit("config.yaml", data)
		if err != nil {
			demandFile(t, err)
			return
		}
		after, err := ParseModel("config.yaml", edited)
		if err != nil {
			t.Fatalf("%v:\n%s", err, edited)
		}
		if batch > 0 && *after.MaxBatchSize != batch || instances > 0 && *after.InstanceGroup[0].Count != instances ||
			threads > 0 && after.Parameters["intra_op_thread_count"] != fmt.Sprint(threads) {
			t.Errorf("%v is not in\n%s", change.Keys(), edited)
		}
		restore(before, after, change)
		if !sameModel(before, after) {
			t.Errorf("more than %v has changed:\n%s\nwas\n%s", change.Keys(), edited, data)
		}
		_ = change.Excerpt(edited)
	})
}

// restore takes the tuning out of a model again.
func restore(before, after *Model, change Tuning) {
	if change.MaxBatchSize != nil {
		after.MaxBatchSize = before.MaxBatchSize
	}
	if change.Instances != nil {
		if len(before.InstanceGroup) == 0 {
			after.InstanceGroup = before.InstanceGroup
		} else {
			after.InstanceGroup[0].Count = before.InstanceGroup[0].Count
		}
	}
	if change.Threads == nil {
		return
	}
	delete(after.Parameters, "intra_op_thread_count")
	if was, ok := before.Parameters["intra_op_thread_count"]; ok {
		after.Parameters["intra_op_thread_count"] = was
	}
	if len(after.Parameters) == 0 {
		after.Parameters = before.Parameters
	}
}
