package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"galatea/config"
	"galatea/internal/golden"
	"galatea/repository"
	"galatea/tensor"
)

// ConfigFile returns where a version's model has its config.yaml, or would have it.
func ConfigFile(d repository.Desired) string {
	model, _ := modelFolder(d)
	return filepath.Join(model, "config.yaml")
}

// GoldenCases reads the golden requests that a version has to answer, those of the
// model and its own.
func GoldenCases(d repository.Desired) ([]*golden.Case, error) {
	model, own := modelFolder(d)
	folders := []string{golden.Folder}
	if own != "" {
		folders = append(folders, own+"/"+golden.Folder)
	}
	return golden.Load(os.DirFS(model), folders...)
}

// MadeUp makes up a request of one row, as warming up does. Shapes are those of inputs,
// by name, without the batch dimension where the model batches; of the inputs that they
// leave out, dynamic dimensions get the size inner.
func MadeUp(r *config.Resolved, shapes map[string]tensor.Shape, inner int64) ([]tensor.Tensor, error) {
	s := r.RequestSignature()
	s.Inputs = slices.Clone(s.Inputs)
	rows, from := 0, 0
	if r.Batching() {
		rows, from = 1, 1
	}
	for name, shape := range shapes {
		i := s.Input(name)
		if i < 0 {
			return nil, fmt.Errorf("the model has no input %q", name)
		}
		in := &s.Inputs[i]
		if declared := in.Shape[from:]; !declared.Accepts(shape) {
			return nil, fmt.Errorf("input %q has shape %v, which %v does not fit", name, declared, shape)
		}
		in.Optional = false // it is asked for
		in.Shape = slices.Concat(in.Shape[:from], shape)
	}
	inputs, fits := made(s, rows, inner)
	if !fits {
		return nil, fmt.Errorf("one of the inputs has more than %d elements: too many to make up", maxMadeUp)
	}
	return inputs, nil
}

// InnerSizes returns the sizes that are tried for dynamic dimensions of made-up rows,
// one after the other until the model runs.
func InnerSizes() []int64 { return slices.Clone(innerSizes) }
