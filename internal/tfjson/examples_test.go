package tfjson

import (
	"errors"
	"strings"
	"testing"

	"galatea/tensor"
)

func TestExamples(t *testing.T) {
	vector, number, ints, words, flags := in("x", tensor.FP32, -1, -1), in("x", tensor.FP32, -1), in("x", tensor.Int32, -1, 2), in("x", tensor.Bytes, -1), in("x", tensor.Bool, -1, 1)
	for _, tt := range []struct {
		name  string
		input tensor.Spec
		body  string
		want  string
		err   string
	}{
		{"vectors", vector, `{"examples":[{"x":[1.5,2]},{"x":[NaN,-3e2]}]}`, "x FP32 [2,2] 1.5 2 NaN -300", ""},
		{"numbers", number, `{"examples":[{"x":80.0},{"x":[7]}]}`, "x FP32 [2] 80 7", ""},
		{"numbers for vectors of one", vector, `{"examples":[{"x":80.0},{"x":[7]}]}`, "x FP32 [2,1] 80 7", ""},
		{"integers and booleans", ints, `{"examples":[{"x":[1,true]},{"x":[false,-4]}]}`, "x INT32 [2,2] 1 1 0 -4", ""},
		{"booleans", flags, `{"examples":[{"x":[true]}]}`, "x BOOL [1,1] 01", ""},
		{"strings", words, `{"examples":[{"x":"a"},{"x":{"b64":"Yg=="}}]}`, `x BYTES [2] "a" "b"`, ""},
		{"matrices", in("x", tensor.FP32, -1, 2, 2), `{"examples":[{"x":[1,2,3,4]}]}`, "x FP32 [1,2,2] 1 2 3 4", ""},
		{"a context", number, `{"context":{"x":1,"other":["a"]},"examples":[{},{"x":2}]}`, "x FP32 [2] 1 2", ""},
		{"other features", number, `{"examples":[{"a":"b","x":1,"c":[true,{"b64":"YQ=="}],"a":[]}]}`, "x FP32 [1] 1", ""},
		{"a signature, and more behind it", number, `{"signature_name":"serving_default","examples":[{"x":1}]}{`, "x FP32 [1] 1", ""},

		{"another signature", number, `{"signature_name":"classify_x_to_y","examples":[{"x":1}]}`, "", `Serving signature name: "classify_x_to_y" not found in signature def`},
		{"no examples", number, `{"instances":[1]}`, "", `JSON Value: {"instances":[1]} When method is classify, key 'examples' is expected and was not found`},
		{"examples that are no list", number, `{"examples":{"x":1}}`, "", `JSON Value: {"examples":{"x":1}} Expecting 'examples' value to be an list/array`},
		{"an empty list", number, `{"examples":[]}`, "", `JSON Value: {"examples":[]} 'examples' value is an empty array`},
		{"an example that is a number", number, `{"examples":[1]}`, "", "Example must be JSON object but got JSON Number"},
		{"a context that is a list", number, `{"context":[],"examples":[{"x":1}]}`, "", "Example must be JSON object but got JSON Array"},
		{"a feature that is not there", number, `{"examples":[{"x":1},{"y":1}]}`, "", "Feature: x (data type: float) is required but could not be found."},
		{"a feature twice", number, `{"examples":[{"x":1,"x":1}]}`, "", `JSON Parse error: duplicate key "x"`},
		{"a null", number, `{"examples":[{"x":1,"y":null}]}`, "", "Feature: y has element with unexpected JSON type: Null"},
		{"a null in a list", number, `{"examples":[{"x":[null]}]}`, "", "Feature: x has element with unexpected JSON type: Null"},
		{"a list in a list", vector, `{"examples":[{"x":[[1]]}]}`, "", "Feature: x has element with unexpected JSON type: Array"},
		{"an object", words, `{"examples":[{"x":{"b64":"YQ==","c":1}}]}`, "", "Feature: x has element with unexpected JSON type: Object"},
		{"a string for a number", vector, `{"examples":[{"x":["1"]}]}`, "", "Unexpected element type in feature: x expecting type: float"},
		{"base64 for a number", vector, `{"examples":[{"x":{"b64":"YQ=="}}]}`, "", "Unexpected element type in feature: x expecting type: float"},
		{"a boolean for a float", vector, `{"examples":[{"x":true}]}`, "", "Unexpected element type in feature: x expecting type: float"},
		{"a number for a string", words, `{"examples":[{"x":1}]}`, "", "Unexpected element type in feature: x expecting type: string"},
		{"a number for a boolean", flags, `{"examples":[{"x":1}]}`, "", "Unexpected element type in feature: x expecting type: bool"},
		{"a float for an integer", ints, `{"examples":[{"x":[1.5,1]}]}`, "", "JSON Value: 1.5 Type: Number is not of expected type: int32"},
		{"a number too large", number, `{"examples":[{"x":1e39}]}`, "", "Cannot convert JSON value: 1e39 to float without loss of precision."},
		{"base64 that is none", words, `{"examples":[{"x":{"b64":"%"}}]}`, "", "Unable to base64 decode"},
		{"two numbers for one", number, `{"examples":[{"x":[1,2]}]}`, "", "Key: x.  Number of float values != expected.  Values size: 2 but output shape: []"},
		{"too few numbers", ints, `{"examples":[{"x":[1]}]}`, "", "Key: x.  Number of int32 values != expected.  Values size: 1 but output shape: [2]"},
		{"other numbers than before", vector, `{"examples":[{"x":[1]},{"x":[]}]}`, "", "Key: x.  Number of float values != expected.  Values size: 0 but output shape: [1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeExamples([]byte(tt.body), "classify", tt.input)
			if tt.err == "" && (err != nil || show([]tensor.Tensor{got}) != tt.want) {
				t.Errorf("got %s, %v", show([]tensor.Tensor{got}), err)
			}
			if own, is := errors.AsType[*Error](err); tt.err != "" && (!is || own.Text != tt.err) {
				t.Errorf("got  %v\nwant %s", err, tt.err)
			}
		})
	}
}

func TestInputsThatTakeExamples(t *testing.T) {
	for _, tt := range []struct {
		input tensor.Spec
		want  bool
	}{
		{in("x", tensor.FP32, -1), true},
		{in("x", tensor.FP32, -1, 4), true},
		{in("x", tensor.FP32, -1, -1), true},
		{in("x", tensor.FP32, 8, 8, 8), true},
		{in("x", tensor.FP32), false},
		{in("x", tensor.FP32, -1, -1, 3), false},
	} {
		if got := TakesExamples(tt.input); got != tt.want {
			t.Errorf("%v: %v", tt.input.Shape, got)
		}
	}
}

func TestAContextDoesNotMakeMuchOfALittle(t *testing.T) {
	context := `{"context":{"x":[` + strings.Repeat("1,", 1<<16) + `1]},"examples":[{}`
	for examples, want := range map[int]string{
		5:    "",
		5000: "Feature: x of the context is too large for so many examples: expected at most",
	} {
		body := context + strings.Repeat(",{}", examples-1) + "]}"
		got, err := DecodeExamples([]byte(body), "classify", in("x", tensor.FP32, -1, -1))
		if want == "" && (err != nil || !got.Shape.Equal(tensor.Shape{int64(examples), 1<<16 + 1})) || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%d examples: %v, %v", examples, got.Shape, err)
		}
	}
}

func TestExamplesOfATypeThatJSONDoesNotCarry(t *testing.T) {
	_, err := DecodeExamples([]byte(`{"examples":[{"x":1}]}`), "regress", in("x", tensor.BF16, -1))
	if own, is := errors.AsType[*Error](err); !is || !own.Unsupported || !strings.Contains(own.Text, "bfloat16") {
		t.Errorf("got %v", err)
	}
}

func TestResults(t *testing.T) {
	scores := out("p", tensor.FP32, le[float32](0.25, 0.75, 1, 0), 2, 2)
	for _, tt := range []struct {
		labels []string
		want   string
	}{
		{nil, `{"results":[[["",0.25],["",0.75]],[["",1.0],["",0.0]]]}`},
		{[]string{`c"at`}, `{"results":[[["c\"at",0.25],["",0.75]],[["c\"at",1.0],["",0.0]]]}`},
		{[]string{"cat", "dog", "cow"}, `{"results":[[["cat",0.25],["dog",0.75]],[["cat",1.0],["dog",0.0]]]}`},
	} {
		if got, err := AppendClassifications(nil, scores, tt.labels); err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v", got, err)
		}
	}
	for _, tt := range []struct {
		result tensor.Tensor
		want   string
	}{
		{out("y", tensor.FP32, le[float32](42, 0.1), 2), `{"results":[42.0,0.1]}`},
		{out("y", tensor.FP64, le(42, 0.1), 2, 1), `{"results":[42.0,0.1]}`},
	} {
		if got, err := AppendRegressions(nil, tt.result); err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestResultsThatCannotBe(t *testing.T) {
	scores := out("p", tensor.FP32, le[float32](0.25, 0.75), 1, 2)
	if got, err := AppendRegressions([]byte("-"), scores); string(got) != "-" || err == nil || err.Error() != "Expected output regression Tensor shape to be [batch_size] or [batch_size, 1] but got [1,2]" {
		t.Errorf("got %s, %v", got, err)
	}
	scores.Shape = tensor.Shape{2}
	if got, err := AppendClassifications([]byte("-"), scores, nil); string(got) != "-" || err == nil || err.Error() != "Expected Tensor shape: [batch_size num_classes] but got [2]" {
		t.Errorf("got %s, %v", got, err)
	}
	scores.Shape = tensor.Shape{3}
	for _, answer := range []func() ([]byte, error){
		func() ([]byte, error) { return AppendRegressions(nil, scores) },
		func() ([]byte, error) { return AppendClassifications(nil, scores, nil) },
	} {
		if _, err := answer(); err == nil || err.Error() != `tensor "p" of type FP32 and shape [3] has 2 elements` {
			t.Errorf("got %v", err)
		}
	}
}
