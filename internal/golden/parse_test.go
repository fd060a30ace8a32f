package golden

import (
	"strings"
	"testing"
	"time"

	"galatea/infer"
	"galatea/tensor"
)

func TestAFileIsRead(t *testing.T) {
	c := parsed(t, file(`"description":"a \"case\""`, `"max_latency_milliseconds":1.5`, `"tolerance":{"p":null}`, `"labels":null`))
	if c.Name != "golden/one.json" || c.Description != `a "case"` || c.MaxLatency != 1500*time.Microsecond || len(c.inputs) != 1 || len(c.outputs) != 2 {
		t.Errorf("%+v", c)
	}
	if out := c.outputs[0]; !out.byValue || out.tolerance != tensor.DefaultTolerance(tensor.FP32) || out.labels != 0 {
		t.Errorf("%+v", out)
	}
	nan := parsed(t, []byte(`{"request":{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[NaN]}]},"response":{"outputs":[{"name":"y","datatype":"FP64","shape":[2],"data":[-Infinity,NaN]}]}}`))
	if err := nan.Check(&infer.Response{Outputs: []tensor.Tensor{nan.outputs[0].want}}, 0); err != nil {
		t.Error(err)
	}
}

// both is a golden file of any request and response.
func both(request, response string) string {
	return `{"request":` + request + `,"response":` + response + `}`
}

func TestFilesThatAreWrong(t *testing.T) {
	const empty, one = `{"inputs":[]}`, `{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}`
	inputs := func(in string) string { return both(`{"inputs":[`+in+`]}`, one) }
	outputs := func(out string) string { return both(empty, `{"outputs":[`+out+`]}`) }
	with := func(more string) string { return string(file(more)) }
	for _, tt := range []struct{ name, file, text string }{
		{"nothing", "", ":1: unexpected end of JSON: expected a value"},
		{"no object", "[]", ": expected an object, got array"},
		{"not JSON", "{\n\"request\":{},\n\"response\":}", ":3: unexpected character '}': expected a value"},
		{"no request", `{"response":{}}`, `: no member "request": expected a request and the response to it`},
		{"no response", `{"request":{},"response":null}`, `: no member "response": expected a request and the response to it`},
		{"a slip", `{"tolerence":1}`, `: unknown member "tolerence": did you mean "tolerance"?`},
		{"an abbreviation", `{"max_latency_ms":1}`, `: unknown member "max_latency_ms": did you mean "max_latency_milliseconds"?`},
		{"other capitals", `{"Request":1}`, `: unknown member "Request": did you mean "request"?`},
		{"anything", `{"x":1}`, `: unknown member "x": expected one of "request", "response", "tolerance", "labels", "max_latency_milliseconds", "description"`},
		{"a member twice", `{"request":{},"request":{}}`, `: member "request" is there twice`},

		{"a request that is none", both(`7`, one), ": request: expected an object, got number"},
		{"a request without inputs", both(`{}`, one), `: request: no member "inputs"`},
		{"inputs that are no list", both(`{"inputs":{}}`, one), ": request: inputs: expected array, got object"},
		{"NaN outside of data", both(`{"inputs":[],"x":NaN}`, one), ": request: unexpected character 'N': expected a value at 17"},
		{"an input without a name", inputs(`{}`), `: request: input 0 has no name`},
		{"an input twice", inputs(`{"name":"x","datatype":"BOOL","shape":[],"data":true},{"name":"x"}`), `: request: input "x" is there twice`},
		{"an input without a type", inputs(`{"name":"x"}`), `: request: input "x": no datatype`},
		{"an input without a shape", inputs(`{"name":"x","datatype":"FP32"}`), `: request: input "x": no shape`},
		{"an unknown type", inputs(`{"name":"x","datatype":"FLOAT","shape":[]}`), `: request: input "x": unknown data type "FLOAT": expected one of BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64, BYTES`},
		{"half precision", inputs(`{"name":"x","datatype":"FP16","shape":[],"data":1}`), `: request: input "x": data type is not supported in JSON: FP16: a golden file holds neither FP16 nor BF16`},
		{"data behind the JSON", inputs(`{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}`), `: request: input "x": no data: a golden file holds all data in JSON, none in binary form`},
		{"a shape past all limits", inputs(`{"name":"x","datatype":"FP32","shape":[18446744073709551615],"data":[]}`), `: request: input "x": invalid shape: [18446744073709551615]`},
		{"more elements than can be counted", inputs(`{"name":"x","datatype":"BOOL","shape":[9223372036854775807,2],"data":[]}`), `: request: input "x": invalid shape: [9223372036854775807,2]`},
		{"more bytes than can be counted", inputs(`{"name":"x","datatype":"FP64","shape":[9223372036854775807],"data":[]}`), `: request: input "x": invalid shape: [9223372036854775807]`},
		{"too few elements", inputs(`{"name":"x","datatype":"FP32","shape":[2,2],"data":[1,2,3]}`), `: request: input "x": data of shape [2,2]: unexpected number of elements: too few: expected 4, got 3`},
		{"an element of another type", inputs(`{"name":"x","datatype":"INT8","shape":[2],"data":[1,200]}`), `: request: input "x": data of shape [2]: element 1: expected an integer from -128 to 127, got 200`},

		{"a response that is none", both(empty, `"x"`), ": response: expected an object, got string"},
		{"an answer that is an error", both(empty, `{"error":"no"}`), `: response: no member "outputs"`},
		{"no outputs", both(empty, `{"outputs":[]}`), ": response: no outputs: expected at least one to compare"},
		{"outputs twice", both(empty, `{"outputs":[],"outputs":[]}`), `: response: member "outputs" is there twice`},
		{"outputs that are no list", both(empty, `{"outputs":{}}`), ": response: outputs: expected array, got object"},
		{"an output that is no object", outputs(`7`), ": response: outputs: expected object, got number"},
		{"a member of an output twice", outputs(`{"name":"y","name":"y"}`), `: response: duplicate key "name" at 20`},
		{"too many outputs", outputs(strings.Repeat("{},", 4096) + "{}"), ": response: too many outputs: expected at most 4096"},
		{"bfloat16", outputs(`{"name":"y","datatype":"BF16","shape":[1]}`), `: response: output "y": data type is not supported in JSON: BF16: a golden file holds neither FP16 nor BF16`},
		{"an output without data", outputs(`{"name":"y","datatype":"FP32","shape":[1]}`), `: response: output "y": no data: a golden file holds all data in JSON, none in binary form`},
		{"an output of another length", outputs(`{"name":"y","datatype":"BYTES","shape":[1],"data":["a","b"]}`), `: response: output "y": data of shape [1]: unexpected number of elements: too many: expected 1`},

		{"a tolerance of another type", with(`"tolerance":"0.1"`), `: tolerance: expected a number that is not negative, got "0.1"`},
		{"a tolerance below nothing", with(`"tolerance":-1`), `: tolerance: expected a number that is not negative, got -1`},
		{"a tolerance that is no number", with(`"tolerance":NaN`), `: tolerance: expected a number that is not negative, got NaN`},
		{"a tolerance past all limits", with(`"tolerance":1e999`), `: tolerance: expected a number that is not negative, got 1e999`},
		{"a tolerance of another output", with(`"tolerance":{"world":1}`), `: tolerance: unknown output "world": did you mean "word"?`},
		{"a tolerance of no output", with(`"tolerance":{"scores":1}`), `: tolerance: unknown output "scores": expected one of "p", "word"`},
		{"a tolerance of strings", with(`"tolerance":{"word":1}`), `: tolerance: output "word": BYTES elements have no tolerance: they are equal or not`},
		{"a tolerance of another kind", with(`"tolerance":{"p":{"relativ":1}}`), `: tolerance: output "p": unknown member "relativ": did you mean "relative"?`},
		{"a part of another type", with(`"tolerance":{"p":{"absolute":[]}}`), `: tolerance: output "p": absolute: expected a number that is not negative, got []`},
		{"labels for all", with(`"labels":1`), ": labels: expected an object, got number"},
		{"more labels than all", with(`"labels":{"p":1.5}`), `: labels: output "p": expected a number from 0 to 1, got 1.5`},
		{"no time at all", with(`"max_latency_milliseconds":0`), ": max_latency_milliseconds: expected a number above 0, got 0"},
		{"a day", with(`"max_latency_milliseconds":86400000`), ": max_latency_milliseconds: expected a number from 0 to 3600000, got 86400000"},
		{"a description that is no text", with(`"description":["` + strings.Repeat("x", 50) + `"]`), `: description: expected a string, got ["` + strings.Repeat("x", 38) + "..."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("golden/one.json", []byte(tt.file))
			if want := "golden/one.json" + tt.text; c != nil || err == nil || err.Error() != want {
				t.Errorf("\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestLongListsOfOutputsAreCut(t *testing.T) {
	err := unknown("output", strings.Repeat("x", 100), strings.Split("a b c d e f g h i", " "))
	if want := `unknown output "` + strings.Repeat("x", 64) + `": expected one of "a", "b", "c", "d", "e", "f", "g", "h", ...`; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzParse makes sure that what is read of any file is whole: its request can be made,
// and the expected answer is as expected.
func FuzzParse(f *testing.F) {
	f.Add(file())
	f.Add(file(`"tolerance":{"p":{"absolute":0.1,"relative":0}}`, `"labels":{"p":0.5,"word":1}`, `"max_latency_milliseconds":1`, `"description":"d"`))
	f.Add([]byte(both(`{"id":"\u0061","inputs":[{"name":"x","datatype":"FP64","shape":[2],"data":[[NaN],-Infinity]}]}`, `{"outputs":[{"name":"y","datatype":"UINT8","shape":[],"data":7}]}`)))
	f.Add([]byte(`{"tolerance":1,"labels":{},"x":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err != nil {
			if c != nil || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%v, %v", c, err)
			}
			return
		}
		req := c.Request(infer.Ref{})
		if len(req.Inputs) != len(c.inputs) || len(req.Outputs) == 0 || len(req.Outputs) != len(c.outputs) {
			t.Errorf("%+v", req)
		}
		resp := &infer.Response{}
		for _, out := range c.outputs {
			resp.Outputs = append(resp.Outputs, out.want)
		}
		if err := c.Check(resp, 0); err != nil {
			t.Errorf("%q: %v", data, err)
		}
		if _, err := Record([]byte(`{"inputs":[]}`), resp); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	})
}
