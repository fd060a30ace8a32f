package tfjson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"galatea/tensor"
)

func in(name string, d tensor.DType, shape ...int64) tensor.Spec {
	return tensor.Spec{Name: name, DType: d, Shape: shape}
}

func optional(s tensor.Spec) tensor.Spec {
	s.Optional = true
	return s
}

// Models of the tests.
var (
	oneFloat  = []tensor.Spec{in("x", tensor.FP32, -1, 2)}
	oneInt    = []tensor.Spec{in("x", tensor.Int32, -1, 2)}
	oneString = []tensor.Spec{in("s", tensor.Bytes, -1)}
	oneBool   = []tensor.Spec{in("b", tensor.Bool, -1)}
	two       = []tensor.Spec{in("i", tensor.Int32, -1, -1), in("s", tensor.Bytes, -1)}
	spare     = []tensor.Spec{in("x", tensor.Int32, -1), optional(in("y", tensor.Int32, -1))}
)

// show writes tensors as NAME TYPE SHAPE DATA.
func show(tensors []tensor.Tensor) string {
	var all []string
	for _, t := range tensors {
		text := fmt.Sprintf("%s %v %v", t.Name, t.DType, t.Shape)
		for rest := t.Data; len(rest) > 0; {
			switch t.DType {
			case tensor.Bytes:
				var elem []byte
				elem, rest, _ = tensor.NextString(rest)
				text += fmt.Sprintf(" %q", elem)
			case tensor.FP32:
				text += fmt.Sprint(" ", math.Float32frombits(binary.LittleEndian.Uint32(rest)))
				rest = rest[4:]
			case tensor.Int32:
				text += fmt.Sprint(" ", int32(binary.LittleEndian.Uint32(rest)))
				rest = rest[4:]
			default:
				text += fmt.Sprintf(" %x", rest)
				rest = nil
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestPredictBodies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		inputs []tensor.Spec
		body   string
		format Format
		want   string
	}{
		{"rows of one input", oneInt, `{"instances": [[1,2],[3,4],[5,6]]}`, Row, "x INT32 [3,2] 1 2 3 4 5 6"},
		{"rows that are numbers", oneFloat, `{"instances": [1, 2.0, -0.5e1, NaN, Infinity, -Infinity]}`, Row, "x FP32 [6] 1 2 -5 NaN +Inf -Inf"},
		{"rows of nothing", oneInt, `{"instances": [[],[]]}`, Row, "x INT32 [2,0]"},
		{"rows with the input's name", oneInt, `{"instances": [{"x":[1,2]},{"x":[3,4]}]}`, Row, "x INT32 [2,2] 1 2 3 4"},
		{"rows in base64", oneString, `{"instances": [{"b64":"aGVsbG8="},{"b64":"d29ybGQ="},"!"]}`, Row, `s BYTES [3] "hello" "world" "!"`},
		{"rows of lists in base64", oneString, `{"instances": [[{"b64":"aGVsbG8="}],[{"b64":"d29ybGQ="}]]}`, Row, `s BYTES [2,1] "hello" "world"`},
		{"a named row in base64", oneString, `{"instances": [{"s":[[{"b64":"aGVsbG8="}],["world"]]}]}`, Row, `s BYTES [1,2,1] "hello" "world"`},
		{"a named row that is base64", oneString, `{"instances": [{"s":{"b64":"aGVsbG8="}}]}`, Row, `s BYTES [1] "hello"`},
		{"rows of several inputs", two, `{"instances": [{"i":[[1,2]],"s":"a"},{"s":"b","i":[[3,4]]}]}`, Row, `i INT32 [2,1,2] 1 2 3 4; s BYTES [2] "a" "b"`},
		{"rows with what is optional", spare, `{"instances": [{"x":1,"y":2},{"y":4,"x":3}]}`, Row, "x INT32 [2] 1 3; y INT32 [2] 2 4"},
		{"rows without what is optional", spare, `{"instances": [{"x":1},{"x":3}]}`, Row, "x INT32 [2] 1 3"},
		{"plain rows for what has to be there", spare, `{"instances": [1,3]}`, Row, "x INT32 [2] 1 3"},
		{"columns of one input", oneInt, `{"inputs": [[1,2],[3,4]]}`, Column, "x INT32 [2,2] 1 2 3 4"},
		{"a column that is one number", oneInt, `{"inputs": 7}`, Column, "x INT32 [] 7"},
		{"no rows in a column", oneInt, `{"inputs": []}`, Column, "x INT32 [0]"},
		{"a column with its name", oneInt, `{"inputs": {"x": [[1],[2]]}}`, Column, "x INT32 [2,1] 1 2"},
		{"a column in base64", oneString, `{"inputs": {"b64":"aGVsbG8="}}`, Column, `s BYTES [] "hello"`},
		{"columns of several inputs", two, `{"inputs": {"s":["a","b"],"none":{"x":null},"none":1,"i":[1]}}`, Column, `i INT32 [1] 1; s BYTES [2] "a" "b"`},
		{"columns without what is optional", spare, `{"inputs": {"x": 1}}`, Column, "x INT32 [] 1"},
		{"booleans", oneBool, `{"inputs": [true,false]}`, Column, "b BOOL [2] 0100"},
		{"the usual signature", oneInt, `{"signature_name":"serving_default","instances":[1]}`, Row, "x INT32 [1] 1"},
		{"a signature that is empty", oneInt, `{"instances":[1],"signature_name":""}`, Row, "x INT32 [1] 1"},
		{"escapes in names", oneInt, `{"inst\u0061nces":[{"\u0078":1}]}`, Row, "x INT32 [1] 1"},
		{"other keys", oneInt, `{"a":1,"a":[NaN],"instances":[1],"output_filter":{"b":null}}`, Row, "x INT32 [1] 1"},
		{"more behind the body", oneInt, ` {"instances":[1]} {"instances":`, Row, "x INT32 [1] 1"},
		{"the largest numbers", oneInt, `{"instances":[2147483647,-2147483648]}`, Row, "x INT32 [2] 2147483647 -2147483648"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, format, err := DecodePredict([]byte(tt.body), tt.inputs)
			if err != nil || format != tt.format || show(got) != tt.want {
				t.Errorf("got %s, format %d, %v", show(got), format, err)
			}
		})
	}
}

func TestPredictBodiesThatAreWrong(t *testing.T) {
	const element = "Failed to process element: "
	for _, tt := range []struct {
		name   string
		inputs []tensor.Spec
		body   string
		want   string
	}{
		{"empty", oneInt, ``, "JSON Parse error: The document is empty"},
		{"no JSON", oneInt, `instances = [1]`, "JSON Parse error: unexpected character 'i': expected a value at offset: 0"},
		{"broken", oneInt, `{"instances":[1,}`, "JSON Parse error: unexpected character '}': expected a value at offset: 16"},
		{"too deep", oneInt, `{"instances":` + strings.Repeat("[", 101), "JSON Parse error: JSON nesting depth exceeds maximum allowed limit (100)"},
		{"no object", oneInt, ` [1] `, "JSON Value: [1] Is not object"},
		{"no data", oneInt, `{"a":1}`, "Missing 'inputs' or 'instances' key"},
		{"both forms", oneInt, `{"instances":[1],"inputs":[1]}`, `JSON Value: {"instances":[1],"inputs":[1]} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `},
		{"a form twice", oneInt, `{"instances":[1],"instances":[1]}`, `JSON Parse error: duplicate key "instances"`},
		{"a signature that is no string", oneInt, `{"signature_name":5,"instances":[1]}`, `JSON Value: {"signature_name":5,"instances":[1]} not formatted correctly. 'signature_name' key must be a string value.`},
		{"another signature", oneInt, `{"signature_name":"a","instances":[1]}`, `Serving signature name: "a" not found in signature def`},
		{"a model without inputs", nil, `{"instances":[1]}`, "Failed to get input map for signature: DEFAULT"},

		{"instances that are no list", oneInt, `{"instances":{"x":1}}`, `JSON Value: {"instances":{"x":1}} Excepting 'instances' to be an list/array`},
		{"no instances", oneInt, `{"instances":[ ]}`, `JSON Value: {"instances":[ ]} No values in 'instances' array`},
		{"plain rows for several inputs", two, `{"instances":[1]}`, "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"},
		{"base64 for several inputs", two, `{"instances":[{"b64":"YQ=="}]}`, "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"},
		{"a row that is longer", oneInt, `{"instances":[[1,2],[3,4],[5,6,7]]}`, element + "2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3"},
		{"a row of another shape", oneInt, `{"instances":[[1,2],[3,4],[[5,6]]]}`, element + "2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: [1,2]"},
		{"a row that is a list", oneInt, `{"instances":[1,[1]]}`, element + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]"},
		{"a row that is ragged", oneInt, `{"instances":[[[1,2],[3]]]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected size: 1 at level: 1 expected size: 2"},
		{"a row too deep in places", oneInt, `{"instances":[[1,[2]]]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected level: 1 expected < 1"},
		{"a row too flat in places", oneInt, `{"instances":[[[1],2]]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"},
		{"a row of another type", oneInt, `{"instances":[[1,2],["a","b"]]}`, element + `1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: "a" Type: String is not of expected type: int32`},
		{"a number with a point", oneInt, `{"instances":[1.0]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1.0 Type: Number is not of expected type: int32"},
		{"a number out of range", oneInt, `{"instances":[2147483648]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2147483648 Type: Number is not of expected type: int32"},
		{"a number too large", oneFloat, `{"instances":[1e39]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: Cannot convert JSON value: 1e39 to float without loss of precision."},
		{"a null", oneFloat, `{"instances":[null]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: null Type: Null is not of expected type: float"},
		{"a number for a boolean", oneBool, `{"instances":[1]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1 Type: Number is not of expected type: bool"},
		{"a boolean for a number", oneFloat, `{"instances":[true,false]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: true Type: True is not of expected type: float"},
		{"a number for a string", oneString, `{"instances":["a",1]}`, element + "1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1 Type: Number is not of expected type: string"},
		{"base64 for a number", oneFloat, `{"instances":[{"b64":"YQ=="}]}`, element + `0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: {"b64":"YQ=="} Type: Object is not of expected type: float`},
		{"an object within a row", oneString, `{"instances":[[{"b64":"YQ==","c":1}]]}`, element + `0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: {"b64":"YQ==","c":1} not formatted correctly for base64 data`},
		{"base64 that is none", oneString, `{"instances":[{"b64":"%"}]}`, element + "0 of 'instances' list. Error: INVALID_ARGUMENT: Unable to base64 decode"},
		{"a list among objects", two, `{"instances":[{"i":1,"s":"a"},[1]]}`, "Expecting object but got list at item 1 of input list"},
		{"an object among lists", oneInt, `{"instances":[[1],{"x":[1]}]}`, "Expecting value/list but got object at item 1 of input list"},
		{"an input that is not there", two, `{"instances":[{"i":1,"s":"a"},{"i":1}]}`, element + `1 of 'instances' list. JSON object: {"i":1} keys must be equal to: i,s`},
		{"an input that is unknown", two, `{"instances":[{"i":1,"s":"a","z":1}]}`, element + "0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z"},
		{"an input twice", two, `{"instances":[{"i":1,"i":1,"s":"a"}]}`, element + `0 key: i of 'instances' list. Error: INVALID_ARGUMENT: duplicate key "i"`},
		{"an input of another shape", two, `{"instances":[{"i":[[1,2]],"s":"a"},{"i":[1,2],"s":"a"}]}`, element + "1 key: i of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1,2] but got: [2]"},
		{"an input of another size", two, `{"instances":[{"i":[1,2],"s":"a"},{"i":[1],"s":"a"}]}`, element + "1 key: i of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"},
		{"what is optional in the first row only", spare, `{"instances":[{"x":1,"y":1},{"x":1}]}`, element + `1 of 'instances' list. JSON object: {"x":1} keys must be equal to: x,y`},
		{"what is optional in a later row only", spare, `{"instances":[{"x":1},{"x":1},{"x":1,"y":1}]}`, element + `2 of 'instances' list. JSON object: {"x":1,"y":1} keys must be equal to: x`},
		{"a row without any name", spare, `{"instances":[{}]}`, element + "0 of 'instances' list. JSON object: {} keys must be equal to: x"},

		{"a plain column for several inputs", two, `{"inputs":[1]}`, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"},
		{"a column that is not there", two, `{"inputs":{"i":1}}`, "Missing named input: s in 'inputs' object."},
		{"a column twice", two, `{"inputs":{"i":1,"i":1,"s":"a"}}`, `JSON Parse error: duplicate key "i"`},
		{"a column that is ragged", oneInt, `{"inputs":[[1,2],[3]]}`, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"},
		{"a column of another type", oneInt, `{"inputs":"a"}`, `JSON Value: "a" Type: String is not of expected type: int32`},
		{"a long value", oneInt, `{"inputs":"` + strings.Repeat("a", 1000) + `"}`, `JSON Value: "` + strings.Repeat("a", 39) + `... Type: String is not of expected type: int32`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := DecodePredict([]byte(tt.body), tt.inputs)
			own, is := errors.AsType[*Error](err)
			if !is || own.Text != tt.want || own.Unsupported || got != nil {
				t.Errorf("got  %v %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestATypeThatJSONDoesNotCarryIsNotTheBodysFault(t *testing.T) {
	half := []tensor.Spec{in("x", tensor.FP16, -1)}
	for _, body := range []string{`{"instances":[1.5]}`, `{"instances":[{"x":[1.5]}]}`, `{"inputs":{"x":[1.5]}}`} {
		_, _, err := DecodePredict([]byte(body), half)
		if own, is := errors.AsType[*Error](err); !is || !own.Unsupported || !strings.HasSuffix(own.Text, " to type: half") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestTypeNamesAreTensorFlows(t *testing.T) {
	var got []string
	for _, d := range tensor.DTypes() {
		got = append(got, TypeName(d))
	}
	if want := "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 half bfloat16 float double string"; strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
}
