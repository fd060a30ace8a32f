package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"galatea/internal/loadclient"
	"galatea/internal/onnxtest"
	"galatea/tensor"
)

// subject is a model that is measured. Each has one input x and one output y.
type subject struct {
	Name   string
	What   string
	Row    tensor.Shape // of x, without the batch axis
	Answer int          // elements of a row of y
	make   func(seed uint64) []byte
}

// seed makes every run measure the same models and rows.
const seed = 1

func subjectNamed(name string) (subject, error) {
	switch name {
	case "mlp":
		return subject{name, "784-1024-1024-10, a row is cheaper in a batch", tensor.Shape{784}, 10, onnxtest.MLP}, nil
	case "cnn":
		return subject{name, "five 3x3 convolutions on 3x64x64, bound by its arithmetic", tensor.Shape{3, 64, 64}, 10, onnxtest.CNN}, nil
	default:
		return subject{}, fmt.Errorf("-models: no model %q: expected mlp or cnn", name)
	}
}

// signature is the model's, without reading its file.
func (s subject) signature() tensor.Signature {
	return tensor.Signature{
		Inputs:  []tensor.Spec{{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{tensor.Dynamic}, s.Row...)}},
		Outputs: []tensor.Spec{{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, int64(s.Answer)}}},
	}
}

// batch is an input of so many random rows.
func (s subject) batch(rows int) tensor.Tensor {
	rnd := rand.New(rand.NewPCG(seed, uint64(len(s.Row))))
	t := tensor.Tensor{Name: "x", DType: tensor.FP32, Shape: append(tensor.Shape{int64(rows)}, s.Row...)}
	n, _ := t.Shape.Elements() // of a shape that is known
	for range n {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(rnd.Float32()))
	}
	return t
}

// distinctRows is how many different requests a load is made of.
const distinctRows = 64

// path is where the model answers.
func (s subject) path() string { return "/v2/models/" + s.Name + "/infer" }

// bodies are requests of one row each, with the binary tensor extension in both
// directions; the first header bytes of each are JSON.
func (s subject) bodies() (bodies [][]byte, header int) {
	all := s.batch(distinctRows)
	size := len(all.Data) / distinctRows
	head := fmt.Sprintf(`{"inputs":[{"name":"x","shape":%v,"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`,
		append(tensor.Shape{1}, s.Row...), size)
	for i := range distinctRows {
		bodies = append(bodies, append([]byte(head), all.Data[i*size:(i+1)*size]...))
	}
	return bodies, len(head)
}

// requests are the bodies as whole HTTP requests.
func (s subject) requests() [][]byte {
	bodies, header := s.bodies()
	headers := []loadclient.Header{
		{Name: "Content-Type", Value: "application/octet-stream"},
		{Name: headerLength, Value: strconv.Itoa(header)},
	}
	var requests [][]byte
	for _, body := range bodies {
		requests = append(requests, loadclient.Request(http.MethodPost, "localhost", s.path(), headers, body))
	}
	return requests
}

// headerLength says how many bytes of a body are JSON.
const headerLength = "Inference-Header-Content-Length"

// write puts the model into a repository, with the given config.yaml if there is one.
func (s subject) write(root string, config []byte) error {
	dir := filepath.Join(root, s.Name)
	if err := onnxtest.WriteFile(filepath.Join(dir, "1", "model.onnx"), s.make(seed)); err != nil {
		return err
	}
	if config == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "config.yaml"), config, 0o600)
}

// floats reads the last n FP32 of an answer.
func floats(answer []byte, n int) ([]float32, error) {
	if len(answer) < 4*n {
		return nil, fmt.Errorf("an answer of %d bytes: expected %d numbers", len(answer), n)
	}
	answer = answer[len(answer)-4*n:]
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(answer[4*i:]))
	}
	return values, nil
}

// near reports whether two rows are the same but for what another kernel for
// another number of rows changes.
func near(a, b []float32) bool {
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-5 {
			return false
		}
	}
	return len(a) == len(b)
}
