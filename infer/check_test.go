package infer_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"galatea/infer"
	"galatea/tensor"
)

var (
	two = tensor.Signature{
		Inputs: []tensor.Spec{
			{Name: "a", DType: tensor.FP32, Shape: tensor.Shape{-1, 4}},
			{Name: "b", DType: tensor.Bytes, Shape: tensor.Shape{-1, 2}},
			{Name: "o", DType: tensor.Int8, Shape: tensor.Shape{-1}, Optional: true},
		},
		Outputs: []tensor.Spec{{Name: "y"}, {Name: "z"}},
	}
	plain = tensor.Signature{Inputs: []tensor.Spec{{Name: "a", DType: tensor.FP32, Shape: tensor.Shape{-1, 4}}, {Name: "b", DType: tensor.Bool}}}
)

func fp32(name string, shape ...int64) tensor.Tensor {
	n, _ := tensor.Shape(shape).Elements() // 0 where there is no such shape
	return tensor.Tensor{Name: name, DType: tensor.FP32, Shape: shape, Data: make([]byte, 4*min(n, 1000))}
}

func words(name string, rows int64, all ...string) tensor.Tensor {
	t := tensor.Tensor{Name: name, DType: tensor.Bytes, Shape: tensor.Shape{rows, 2}}
	for _, s := range all {
		t.Data = tensor.AppendString(t.Data, s)
	}
	return t
}

func raw(t tensor.Tensor, data string) tensor.Tensor {
	t.Data = []byte(data)
	return t
}

// checked returns what a check says, and the request behind it.
func checked(s tensor.Signature, maxBatch int, req *infer.Request) (*infer.Request, error) {
	var seen *infer.Request
	h := infer.Chain(infer.HandlerFunc(func(_ context.Context, req *infer.Request) (*infer.Response, error) {
		seen = req
		return nil, nil
	}), infer.CheckSignature("m", s, maxBatch))
	_, err := h.Infer(context.Background(), req)
	return seen, err
}

func TestRequestsThatDoNotFitAreRefusedInTritonsWords(t *testing.T) {
	const note = ". NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
	good := words("b", 2, "1", "2", "3", "4")
	flag := tensor.Tensor{Name: "b", DType: tensor.Bool, Data: []byte{1}}
	for _, tt := range []struct {
		name     string
		s        tensor.Signature
		maxBatch int
		inputs   []tensor.Tensor
		outputs  []string
		want     string
	}{
		{"nothing", two, 8, nil, nil, "expected number of inputs between 2 and 3 but got 0 inputs for model 'm'. Got input(s) [], but missing required input(s) ['a','b']. Please provide all required input(s)."},
		{"one of two", two, 8, []tensor.Tensor{fp32("a", 2, 4)}, nil, "expected number of inputs between 2 and 3 but got 1 inputs for model 'm'. Got input(s) ['a'], but missing required input(s) ['b']. Please provide all required input(s)."},
		{"the optional one in place of a required one", two, 8, []tensor.Tensor{fp32("a", 2, 4), {Name: "o", DType: tensor.Int8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}}, nil, "expected number of inputs between 2 and 3 but got 2 inputs for model 'm'. Got input(s) ['a','o'], but missing required input(s) ['b']. Please provide all required input(s)."},
		{"one of two without optional ones", plain, 0, []tensor.Tensor{flag}, nil, "expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['b'], but missing required input(s) ['a']. Please provide all required input(s)."},
		{"an unknown input", two, 8, []tensor.Tensor{fp32("a", 2, 4), good, fp32("q", 2)}, nil, "unexpected inference input 'q' for model 'm'"},
		{"an unknown input in place of a known one", two, 8, []tensor.Tensor{fp32("a", 2, 4), fp32("q", 2)}, nil, "unexpected inference input 'q' for model 'm'"},
		{"an input twice", two, 8, []tensor.Tensor{fp32("a", 2, 4), good, fp32("a", 2, 4)}, nil, "input 'a' already exists in request"},
		{"an unknown output", two, 8, []tensor.Tensor{fp32("a", 2, 4), good}, []string{"y", "q"}, "unexpected inference output 'q' for model 'm'"},
		{"another type", two, 8, []tensor.Tensor{{Name: "a", DType: tensor.FP64, Shape: tensor.Shape{2, 4}}, good}, nil, "inference input 'a' data-type is 'FP64', but model 'm' expects 'FP32'"},
		{"a scalar for a batch", two, 8, []tensor.Tensor{fp32("a"), good}, nil, "input 'a' has no shape but model requires batch dimension for 'm'"},
		{"no row", two, 8, []tensor.Tensor{fp32("a", 0, 4), good}, nil, "inference request batch-size must be >= 1 for 'm'"},
		{"a negative number of rows", two, 8, []tensor.Tensor{fp32("a", -1, 4), good}, nil, "inference request batch-size must be >= 1 for 'm'"},
		{"too many rows", two, 8, []tensor.Tensor{fp32("a", 9, 4), good}, nil, "inference request batch-size must be <= 8 for 'm'"},
		{"rows past all limits", two, 8, []tensor.Tensor{fp32("a", math.MaxInt64, 4), good}, nil, "inference request batch-size must be <= 8 for 'm'"},
		{"other rows than the input before", two, 8, []tensor.Tensor{fp32("a", 1, 4), good}, nil, "input 'b' batch size does not match other inputs for 'm'"},
		{"another shape", two, 8, []tensor.Tensor{fp32("a", 2, 5), good}, nil, "unexpected shape for input 'a' for model 'm'. Expected [-1,4], got [2,5]" + note},
		{"another rank", two, 8, []tensor.Tensor{fp32("a", 2, 4, 1), good}, nil, "unexpected shape for input 'a' for model 'm'. Expected [-1,4], got [2,4,1]" + note},
		{"another shape without batches", plain, 0, []tensor.Tensor{fp32("a", 2, 5), flag}, nil, "unexpected shape for input 'a' for model 'm'. Expected [-1,4], got [2,5]"},
		{"a negative dimension", plain, 0, []tensor.Tensor{fp32("a", -3, 4), flag}, nil, "invalid shape for input 'a': shape [-3,4] contains one or more invalid dimensions"},
		{"more elements than can be counted", plain, 0, []tensor.Tensor{fp32("a", math.MaxInt64, 4), flag}, nil, "invalid shape for input 'a': shape [9223372036854775807,4] contains one or more invalid dimensions"},
		{"more bytes than can be counted", plain, 0, []tensor.Tensor{fp32("a", 1<<60, 4), flag}, nil, "invalid shape for input 'a': shape [1152921504606846976,4] causes total element count to exceed maximum size of 9223372036854775807"},
		{"too few bytes", two, 8, []tensor.Tensor{raw(fp32("a", 2, 4), "1234"), good}, nil, "input byte size mismatch for input 'a' for model 'm'. Expected 32, got 4"},
		{"too many bytes", plain, 0, []tensor.Tensor{fp32("a", 1, 4), raw(flag, "12")}, nil, "input byte size mismatch for input 'b' for model 'm'. Expected 1, got 2"},
		{"too few strings", two, 8, []tensor.Tensor{fp32("a", 2, 4), words("b", 2, "1", "2", "3")}, nil, "expected 4 string elements for inference input 'b' for model 'm', got 3"},
		{"too many strings", two, 8, []tensor.Tensor{fp32("a", 1, 4), words("b", 1, "1", "2", "3")}, nil, "unexpected number of string elements 3 for inference input 'b' for model 'm', expecting 2"},
		{"half a length", two, 8, []tensor.Tensor{fp32("a", 1, 4), raw(words("b", 1), "\x01\x00\x00\x00a\x01")}, nil, "incomplete string length indicator for inference input 'b' for model 'm', expecting 4 bytes but only 1 bytes available. Expecting 2 string elements in total, and this is element 2."},
		{"a length that lies", two, 8, []tensor.Tensor{fp32("a", 1, 4), raw(words("b", 1), "\x02\x00\x00\x80a")}, nil, "incomplete string data for inference input 'b' for model 'm', expecting string of length 2147483650 but only 1 bytes available. Expecting 2 string elements in total, and this is element 1."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen, err := checked(tt.s, tt.maxBatch, &infer.Request{Inputs: tt.inputs, Outputs: tt.outputs})
			if seen != nil || err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var invalid *infer.InvalidError
			if !errors.Is(err, infer.ErrInvalid) || !errors.As(err, &invalid) {
				t.Errorf("%v is no *InvalidError", err)
			}
		})
	}
}

func TestRequestsThatFitAreSortedAndCounted(t *testing.T) {
	optional := tensor.Tensor{Name: "o", DType: tensor.Int8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}
	a, b := fp32("a", 2, 4), words("b", 2, "", "2", "3", "4")
	for _, tt := range []struct {
		name   string
		inputs []tensor.Tensor
		want   string
	}{
		{"in order", []tensor.Tensor{a, b}, "a b"},
		{"the other way round", []tensor.Tensor{b, a}, "a b"},
		{"with the optional one in front", []tensor.Tensor{optional, a, b}, "a b o"},
		{"in order with the optional one", []tensor.Tensor{a, b, optional}, "a b o"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			given := append([]tensor.Tensor{}, tt.inputs...)
			seen, err := checked(two, 8, &infer.Request{Inputs: tt.inputs, Outputs: []string{"z", "y"}})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, in := range seen.Inputs {
				names = append(names, in.Name)
			}
			if got := strings.Join(names, " "); got != tt.want || seen.Rows != 2 {
				t.Errorf("%s with %d rows", got, seen.Rows)
			}
			for i := range given {
				if tt.inputs[i].Name != given[i].Name {
					t.Errorf("the caller's own list was sorted")
				}
			}
		})
	}
	seen, err := checked(plain, 0, &infer.Request{Inputs: []tensor.Tensor{fp32("a", 7, 4), {Name: "b", DType: tensor.Bool, Data: []byte{1}}}})
	if err != nil || seen.Rows != 1 {
		t.Errorf("without batches: %v, %v", seen, err)
	}
	if seen, err := checked(tensor.Signature{}, 0, &infer.Request{}); err != nil || seen.Rows != 1 {
		t.Errorf("without inputs: %v, %v", seen, err)
	}
}
