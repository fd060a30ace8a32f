package scheduler_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"galatea/backend"
	"galatea/backend/fake"
	"galatea/infer"
	"galatea/scheduler"
	"galatea/tensor"
)

// The fake model answers y = 2x and m = 2 times the mask, padding included.
var lengths = tensor.Signature{
	Inputs: []tensor.Spec{
		{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{-1, -1, 2}},
		{Name: "mask", DType: tensor.FP32, Shape: tensor.Shape{-1, -1}},
	},
	Outputs: []tensor.Spec{
		{Name: "y", DType: tensor.FP32, Shape: tensor.Shape{-1, -1, 2}},
		{Name: "m", DType: tensor.FP32, Shape: tensor.Shape{-1, -1}},
	},
}

func floats(values ...float32) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

func padding(buckets ...int64) *scheduler.Padding {
	return &scheduler.Padding{Inputs: map[string][]byte{"x": floats(-9)}, Buckets: buckets, Mask: "mask", One: floats(1)}
}

func startPadded(t *testing.T, b *fake.Backend, p *scheduler.Padding) *scheduler.Queue {
	t.Helper()
	return startOf(t, b, lengths, scheduler.Options{MaxBatchSize: 64, MaxQueueDelay: time.Millisecond, Padding: p})
}

// sequence is a request of the given rows and length, with values that tell it from others.
func sequence(rows, length int, value float32) *infer.Request {
	var data []byte
	for i := range rows * length * 2 {
		data = append(data, floats(value+float32(i)/100)...)
	}
	return &infer.Request{Rows: rows, Inputs: []tensor.Tensor{
		{Name: "x", DType: tensor.FP32, Shape: tensor.Shape{int64(rows), int64(length), 2}, Data: data},
	}}
}

// checkSequence demands the request's own values, and none of anybody's padding.
func checkSequence(t *testing.T, req *infer.Request, resp *infer.Response, mask []byte) {
	t.Helper()
	x, y, m := req.Inputs[0], resp.Outputs[0], resp.Outputs[1]
	if !y.Shape.Equal(x.Shape) || !m.Shape.Equal(x.Shape[:2]) || len(y.Data) != len(x.Data) {
		t.Fatalf("outputs of shapes %v and %v for %v", y.Shape, m.Shape, x.Shape)
	}
	for i := 0; i < len(x.Data); i += 4 {
		in, out := math.Float32frombits(binary.LittleEndian.Uint32(x.Data[i:])), math.Float32frombits(binary.LittleEndian.Uint32(y.Data[i:]))
		if out != 2*in {
			t.Fatalf("%v at %d for %v", out, i/4, in)
		}
	}
	for i := 0; i < len(m.Data); i += 4 {
		want := float32(2)
		if mask != nil {
			want = 2 * math.Float32frombits(binary.LittleEndian.Uint32(mask[i:]))
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(m.Data[i:])); got != want {
			t.Fatalf("the mask is %v at %d", got/2, i/4)
		}
	}
}

func TestRequestsOfDifferentLengthsShareABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shapes []string
		b := &fake.Backend{Fault: func(_ int, b *backend.Batch) error {
			shapes = append(shapes, b.Inputs[0].Shape.String())
			return nil
		}}
		q := startPadded(t, b, padding(8, 16))
		var wg sync.WaitGroup
		for i, length := range []int{3, 8, 5, 11, 40, 16, 1} {
			wg.Go(func() {
				req := sequence(1+i%2, length, float32(10*i))
				var mask []byte
				if i%3 == 0 { // its own mask, with a hole
					mask = floats(slices.Repeat([]float32{1, 0}, req.Rows*length)[:req.Rows*length]...)
					req.Inputs = append(req.Inputs, tensor.Tensor{Name: "mask", DType: tensor.FP32, Shape: req.Inputs[0].Shape[:2], Data: mask})
				}
				resp, err := q.Infer(t.Context(), req)
				if err != nil {
					t.Error(err)
					return
				}
				checkSequence(t, req, resp, mask)
				resp.Release()
			})
		}
		wg.Wait()
		slices.Sort(shapes)
		if want := []string{"[1,40,2]", "[4,16,2]", "[5,8,2]"}; !slices.Equal(shapes, want) {
			t.Errorf("runs of %v, want %v", shapes, want)
		}
	})
}

func TestLoneRequestIsNotPadded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fake.Backend{Fault: func(_ int, b *backend.Batch) error {
			if got := b.Inputs[0].Shape.String(); got != "[2,3,2]" {
				t.Errorf("a run of %v", got)
			}
			return nil
		}}
		q := startPadded(t, b, padding())
		req := sequence(2, 3, 1)
		resp, err := q.Infer(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		checkSequence(t, req, resp, nil)
		resp.Release()
	})
}

func TestMaskThatCannotBeFilledInIsDemanded(t *testing.T) {
	two := tensor.Signature{Inputs: append(slices.Clone(lengths.Inputs), tensor.Spec{Name: "z", DType: tensor.FP32, Shape: tensor.Shape{-1, -1}}), Outputs: lengths.Outputs}
	synctest.Test(t, func(t *testing.T) {
		p := padding()
		p.Inputs["z"] = floats(0)
		q := startOf(t, &fake.Backend{}, two, scheduler.Options{MaxBatchSize: 8, Padding: p})
		req := sequence(1, 3, 1)
		req.Inputs = append(req.Inputs, tensor.Tensor{Name: "z", DType: tensor.FP32, Shape: tensor.Shape{1, 4}, Data: make([]byte, 16)})
		if _, err := q.Infer(t.Context(), req); !errors.Is(err, infer.ErrInvalid) {
			t.Errorf("got %v", err)
		}
		mask := tensor.Tensor{Name: "mask", DType: tensor.FP32, Shape: tensor.Shape{1, 3}, Data: floats(1, 1, 1)}
		req.Inputs = slices.Insert(req.Inputs, 1, mask)
		resp, err := q.Infer(t.Context(), req)
		if err != nil {
			t.Error(err)
		}
		resp.Release()
	})
}

func FuzzPadding(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var buckets []int64
		for at := int64(0); rng.IntN(4) > 0; {
			at += 1 + rng.Int64N(10)
			buckets = append(buckets, at)
		}
		synctest.Test(t, func(t *testing.T) {
			q := startPadded(t, &fake.Backend{}, padding(buckets...))
			var wg sync.WaitGroup
			for range 1 + rng.IntN(20) {
				req := sequence(1+rng.IntN(4), rng.IntN(20), float32(rng.IntN(1000)))
				wg.Go(func() {
					resp, err := q.Infer(t.Context(), req)
					if err != nil {
						t.Error(err)
						return
					}
					checkSequence(t, req, resp, nil)
					resp.Release()
				})
			}
			wg.Wait()
		})
	})
}
