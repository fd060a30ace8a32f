package servetest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/tensor"
)

// Callers at the same time, each with an input of its own, get what each would get
// alone, although their rows run together.
func TestEachOf64CallersGetsItsOwnRow(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "mlp", 1, onnxtest.MLP(1))
	module, err := servetest.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	digits, err := os.ReadFile(filepath.Join(module, "model_repo", "digits", "2", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	onnxtest.Version(t, root, "digits", 1, digits)
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	for _, tt := range []struct {
		model, input, output string
		row                  tensor.Shape
		scale                float32
	}{
		{"mlp", "x", "y", tensor.Shape{784}, 1},
		{"digits", "image", "probabilities", tensor.Shape{8, 8}, 16},
	} {
		for _, inBinary := range []bool{false, true} {
			name := map[bool]string{false: "json", true: "binary"}[inBinary]
			t.Run(tt.model+" in "+name, func(t *testing.T) {
				callTogether(t, s, tt.model, tt.input, tt.output, tt.row, tt.scale, inBinary)
			})
		}
	}
}

const (
	together = 64
	rounds   = 4
)

func callTogether(t *testing.T, s *servetest.Server, model, input, output string, row tensor.Shape, scale float32, inBinary bool) {
	random := rand.New(rand.NewPCG(7, uint64(len(model))))
	elements, err := row.Elements()
	if err != nil {
		t.Fatal(err)
	}
	requests := make([]servetest.Request, together*rounds)
	alone := make([][]float32, len(requests))
	before, err := s.Batches(model)
	if err != nil {
		t.Fatal(err)
	}
	for i := range requests {
		values := make([]float32, elements)
		for j := range values {
			values[j] = random.Float32() * scale
		}
		requests[i] = servetest.Ask(model, input, append(tensor.Shape{1}, row...), values, inBinary)
		if alone[i], err = call(t, s, requests[i], output); err != nil {
			t.Fatal(err)
		}
		if i > 0 && largest(alone[i], alone[i-1]) == 0 {
			t.Fatal("two inputs have the same answer, so that nobody would notice a mistake")
		}
	}
	after, err := s.Batches(model)
	if err != nil {
		t.Fatal(err)
	}
	if got := after[1] - before[1]; got != len(requests) {
		t.Fatalf("%d of %d requests ran alone", got, len(requests))
	}
	var wg sync.WaitGroup
	for caller := range together {
		wg.Go(func() {
			for round := range rounds {
				i := caller*rounds + round
				got, err := call(t, s, requests[i], output)
				if d := largest(got, alone[i]); err != nil || d > 1e-5 {
					t.Errorf("caller %d: %v away from what it gets alone: %v", caller, d, err)
				}
			}
		})
	}
	wg.Wait()
	end, err := s.Batches(model)
	if err != nil {
		t.Fatal(err)
	}
	rows, runs := 0, 0
	for size, n := range end {
		rows, runs = rows+size*(n-after[size]), runs+n-after[size]
	}
	if rows != len(requests) || runs >= rows {
		t.Errorf("%d rows in %d runs: no batches were formed: %v", rows, runs, end)
	}
	t.Logf("%d rows in %d runs", rows, runs)
}

func call(t *testing.T, s *servetest.Server, r servetest.Request, output string) ([]float32, error) {
	reply, err := s.Do(t.Context(), r)
	if err != nil {
		return nil, err
	}
	return reply.Floats(output)
}

// largest returns the largest difference of two answers; infinite when they are of
// different lengths.
func largest(a, b []float32) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

// A request may carry several rows, also between those of others.
func TestRequestsOfManySizesRunTogether(t *testing.T) {
	root := t.TempDir()
	onnxtest.Version(t, root, "scale", 1, onnxtest.Scale(2))
	onnxtest.Write(t, filepath.Join(root, "scale", "config.yaml"), []byte("max_batch_size: 16\ndynamic_batching: {max_queue_delay_microseconds: 1000}\n"))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			rows := caller%5 + 1
			values := make([]float32, 4*rows)
			for round := range 20 {
				for i := range values {
					values[i] = float32(1000*caller + 100*round + i)
				}
				got, err := call(t, s, servetest.Ask("scale", "x", tensor.Shape{int64(rows), 4}, values, round%2 == 0), "y")
				for i, v := range values {
					if err == nil && got[i] != 2*v {
						err = fmt.Errorf("element %d is %v, want %v", i, got[i], 2*v)
					}
				}
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A row that the model refuses spoils its batch, but nobody else's answer.
func TestOnlyTheGuiltyCallerFails(t *testing.T) {
	const callers, guilty = 8, 3
	root := t.TempDir()
	onnxtest.Version(t, root, "lookup", 1, onnxtest.Lookup(10, 20, 30))
	onnxtest.Write(t, filepath.Join(root, "lookup", "config.yaml"),
		fmt.Appendf(nil, "max_batch_size: %d\ndynamic_batching: {preferred_batch_size: [%d], max_queue_delay_microseconds: 20000000}\n", callers, callers))
	s := servetest.Start(t, servetest.Options{Repositories: []string{root}})
	s.Ready()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			index := caller % 3
			if caller == guilty {
				index = 99
			}
			body := fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[%d]}]}`, index)
			reply, err := s.Do(t.Context(), servetest.Request{Path: "/v2/models/lookup/infer", Body: body})
			switch {
			case err != nil:
			case caller == guilty && reply.Status != http.StatusInternalServerError:
				err = fmt.Errorf("the guilty one got %v", reply)
			case caller != guilty:
				err = servetest.Contains(reply.Body, fmt.Sprintf(`{"outputs":[{"data":[%d]}]}`, 10*(index+1)))
			}
			if err != nil {
				t.Errorf("caller %d: %v", caller, err)
			}
		})
	}
	wg.Wait()
	is(t, s, callers-1, "nv_inference_request_success")
	is(t, s, 1, "nv_inference_request_failure", `reason="BACKEND"`)
}
