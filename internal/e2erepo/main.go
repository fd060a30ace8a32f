package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"galatea/internal/onnxtest"
	"galatea/tensor"
)

func main() {
	err := errors.New("expected one argument, the folder to write to")
	if len(os.Args) == 2 {
		err = write(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2erepo:", err)
		os.Exit(1)
	}
}

// write writes all files below root.
func write(root string) error {
	for path, content := range files() {
		if err := onnxtest.WriteFile(filepath.Join(root, path), content); err != nil {
			return err
		}
	}
	return nil
}

// files are all files of the repository, by their paths in it.
func files() map[string][]byte {
	all := map[string][]byte{
		"simple/1/model.onnx":     onnxtest.AddSub(tensor.Int32),
		"concat/1/model.onnx":     onnxtest.Concat(),
		"lower/1/model.onnx":      onnxtest.Lower(),
		"text/1/model.onnx":       onnxtest.Identity(tensor.Bytes, tensor.Shape{tensor.Dynamic, 1}),
		"classifier/1/model.onnx": onnxtest.Classifier(0),
		"classifier/labels.txt":   []byte("ant\nbee\ncat\ndog\n"),
		"classifier/config.yaml":  []byte(classifierConfig),
		"softmax/1/model.onnx":    onnxtest.Softmax(),
		"masked/1/model.onnx":     onnxtest.Masked(),
		"bias/1/model.onnx":       onnxtest.Bias(),
		"lookup/1/model.onnx":     onnxtest.Lookup(10, 20, 30),
		"constant/1/model.onnx":   onnxtest.Constant(),
		"scale/1/model.onnx":      onnxtest.Scale(1),
		"scale/2/model.onnx":      onnxtest.Scale(2),
		"scale/config.yaml":       []byte("version_policy: {all: {}}\n"),
		"spare/1/model.onnx":      onnxtest.Scale(5),
		"levels/1/model.onnx":     onnxtest.Scale(3),
		"levels/config.yaml":      []byte(levelsConfig),
		"slow/1/model.onnx":       onnxtest.SlowBy(),
		"slow/config.yaml":        []byte(slowConfig),
		"broken/1/model.onnx":     []byte("this is no model\n"),
	}
	for _, d := range tensor.DTypes() {
		name := "identity_" + strings.ToLower(d.String())
		all[name+"/1/model.onnx"] = onnxtest.Identity(d, tensor.Shape{tensor.Dynamic, 4})
	}
	return all
}

const (
	classifierConfig = `output:
  - {name: y, data_type: TYPE_FP32, dims: [4], label_filename: labels.txt}
`
	levelsConfig = `dynamic_batching: {priority_levels: 2, default_priority_level: 2}
`
	// One request at a time, one that waits, and 10 s at the most.
	slowConfig = `max_batch_size: 0
dynamic_batching:
  default_queue_policy:
    max_queue_size: 1
    default_timeout_microseconds: 10000000
    allow_timeout_override: true
`
)
