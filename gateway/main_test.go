package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"galatea/config"
	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/tensor"
)

func TestMain(m *testing.M) {
	if _, err := servetest.Runtime(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// maxInput is the largest body that the servers of these tests take.
const maxInput = 1 << 20

// start starts a server over a repository, which put fills, and waits until it is ready.
func start(t *testing.T, o servetest.Options, put func(root string)) *servetest.Server {
	t.Helper()
	root := t.TempDir()
	put(root)
	o.Repositories = []string{root}
	o.Override = func(c *config.Server) { c.HTTP.MaxInputSize = maxInput }
	s := servetest.Start(t, o)
	s.Ready()
	return s
}

// putModels writes the models that most of these tests ask.
func putModels(t *testing.T) func(root string) {
	return func(root string) {
		dynamic := tensor.Shape{tensor.Dynamic, 4}
		for name, model := range map[string][]byte{
			"scale": onnxtest.Scale(2), "addsub": onnxtest.AddSub(tensor.Int32), "bias": onnxtest.Bias(), "small": onnxtest.Scale(3),
			"text": onnxtest.Identity(tensor.Bytes, dynamic), "half": onnxtest.Identity(tensor.FP16, dynamic), "brain": onnxtest.Identity(tensor.BF16, dynamic),
			"scalar": onnxtest.Identity(tensor.FP32, nil), "free": onnxtest.Identity(tensor.FP32, tensor.Shape{tensor.Dynamic, tensor.Dynamic}),
			"lookup": onnxtest.Lookup(10, 20, 30), "unbatched": onnxtest.Scale(5), "broken": []byte("no model"),
		} {
			onnxtest.Version(t, root, name, 1, model)
		}
		onnxtest.Version(t, root, "scale", 2, []byte("no model"))
		onnxtest.Write(t, filepath.Join(root, "small", "config.yaml"), []byte("max_batch_size: 2\n"))
		onnxtest.Write(t, filepath.Join(root, "unbatched", "config.yaml"), []byte("max_batch_size: 0\n"))
	}
}
