package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"galatea/internal/onnxtest"
)

// memoryReport compares the resident size of two servers of the same model, loaded
// and not yet used, one with one instance and one with several.
type memoryReport struct {
	Weights   int64   `json:"weight_bytes"`
	Instances int     `json:"instances"`
	One       int64   `json:"resident_bytes_one_instance"`
	Several   int64   `json:"resident_bytes_several_instances"`
	Ratio     float64 `json:"ratio"`
}

const (
	memoryWeights   = 200 << 20
	memoryInstances = 4
)

func measureMemory(ctx context.Context, root, library string) (*memoryReport, error) {
	fmt.Fprintln(os.Stderr, "memory: loading a model of 200 MiB with one instance and with four")
	model := onnxtest.Sized(memoryWeights).Bytes()
	r := &memoryReport{Weights: memoryWeights, Instances: memoryInstances}
	for _, c := range []struct {
		instances int
		size      *int64
	}{{1, &r.One}, {memoryInstances, &r.Several}} {
		repository := filepath.Join(root, fmt.Sprintf("memory-%d", c.instances))
		if err := onnxtest.WriteFile(filepath.Join(repository, "sized", "1", "model.onnx"), model); err != nil {
			return nil, err
		}
		config := fmt.Sprintf("instance_group:\n  - count: %d\n    kind: KIND_CPU\n", c.instances)
		if err := os.WriteFile(filepath.Join(repository, "sized", "config.yaml"), []byte(config), 0o600); err != nil {
			return nil, err
		}
		var hello gatewayHello
		server, err := startChild(ctx, "gateway", gatewaySetup{Root: repository, Library: library}, &hello)
		if err != nil {
			return nil, err
		}
		if err := server.stop(); err != nil {
			return nil, err
		}
		*c.size = hello.Resident
	}
	r.Ratio = float64(r.Several) / float64(r.One)
	return r, nil
}

func (r memoryReport) print(to io.Writer) {
	fmt.Fprintf(to, "\nmemory: resident with %d MiB of weights, loaded, before traffic: %d MiB with 1 instance, %d MiB with %d: %.3f times\n",
		r.Weights>>20, r.One>>20, r.Several>>20, r.Instances, r.Ratio)
}
