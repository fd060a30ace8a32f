package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galatea/internal/onnxtest"
	"galatea/internal/servetest"
	"galatea/repository"
	"galatea/tensor"
)

// row is a row of the catalogue of errors: a request, and the exact answer. why says
// where and why the text is not Triton's own.
type row struct {
	name   string
	path   string // "": an inference of scale
	method string // "": POST
	header map[string]string
	body   string
	status int
	text   string
	why    string
}

const (
	unnamed = "[request id: <id_unknown>] "
	note    = servetest.ShapeNote
	noShm   = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
	oneOf   = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But "
	parse   = "failed to parse the request JSON buffer: "
)

// x is an input in JSON.
func x(shape, datatype, data string) string {
	return fmt.Sprintf(`{"name":"x","shape":%s,"datatype":%q,"data":%s}`, shape, datatype, data)
}

// inputs is a request with the given inputs, and more members behind.
func inputs(all string, more ...string) string {
	return `{"inputs":[` + all + `]` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// binary is a request whose one input has the given bytes behind the JSON.
func binary(size, data string, shape string) row {
	head := inputs(fmt.Sprintf(`{"name":"x","shape":%s,"datatype":"FP32","parameters":{"binary_data_size":%s}}`, shape, size))
	return row{header: map[string]string{"Inference-Header-Content-Length": fmt.Sprint(len(head))}, body: head + data}
}

func (r row) named(name string) row { r.name = name; return r }

func (r row) says(status int, text string) row { r.status, r.text = status, text; return r }

func (r row) of(model string) row { r.path = "/v2/models/" + model + "/infer"; return r }

var (
	good      = x("[1,4]", "FP32", "[1,2,3,4]")
	whichRows = []row{
		{name: "unknown model", path: "/v2/models/nobody/infer", body: inputs(good), status: 404, text: "Request for unknown model: 'nobody' is not found"},
		{name: "unknown version", path: "/v2/models/scale/versions/9/infer", body: inputs(good), status: 404, text: "Request for unknown model: 'scale' version 9 is not found"},
		{name: "known, none ready", path: "/v2/models/broken/infer", body: inputs(good), status: 404, text: "Request for unknown model: 'broken' has no available versions"},
		{name: "version not ready", path: "/v2/models/scale/versions/2/infer", body: inputs(good), status: 503, text: "Request for unknown model: 'scale' version 2 is not at ready state"},
		{name: "version overflow", path: "/v2/models/scale/versions/99999999999999999999/infer", status: 400, text: "failed to get model version from specified version string '99999999999999999999' (details: stol), version should be an integral value > 0"},
		{name: "version zero", path: "/v2/models/scale/versions/0/infer", status: 400, text: "failed to get model version from specified version string '0' (details: stol), version should be an integral value > 0"},
		{name: "version that is no number", path: "/v2/models/scale/versions/two/infer", status: 404, text: "Not Found"},
		{name: "unknown path", path: "/v2/nothing", method: http.MethodGet, status: 404, text: "Not Found"},
		{name: "path with a slash behind", path: "/v2/models/scale/", method: http.MethodGet, status: 404, text: "Not Found"},
		{name: "wrong method", method: http.MethodGet, status: 405, text: "Method Not Allowed"},
		{name: "wrong method for health", path: "/v2/health/ready", status: 405, text: "Method Not Allowed"},
		{name: "invented method", path: "/v2", method: "BREW", status: 405, text: "Method Not Allowed"},
		{name: "metadata of an unknown model", path: "/v2/models/nobody", method: http.MethodGet, status: 404, text: "Request for unknown model: 'nobody' is not found"},
		{name: "config of an unknown version", path: "/v2/models/scale/versions/9/config", method: http.MethodGet, status: 404, text: "Request for unknown model: 'scale' version 9 is not found"},
		{name: "readiness of a version that failed", path: "/v2/models/scale/versions/2/ready", method: http.MethodGet, status: 400, text: "Model version not ready"},
		{name: "statistics of an unknown model", path: "/v2/models/nobody/stats", method: http.MethodGet, status: 400, text: "requested model 'nobody' is not available"},
		{name: "statistics of an unknown version", path: "/v2/models/scale/versions/9/stats", method: http.MethodGet, status: 400, text: "requested model version is not available for model 'scale'"},
	}

	jsonRows = []row{
		{name: "nothing at all", body: "", status: 500, text: parse + "unexpected end of JSON: expected a value at 0", why: "the rest is our parser's, not rapidjson's; so in all rows of this kind"},
		{name: "malformed JSON", body: `{"inputs":[}`, status: 500, text: parse + "unexpected character '}': expected a value at 11"},
		{name: "JSON that ends too soon", body: `{"inputs":[{"name":"x`, status: 500, text: parse + "unexpected end of JSON: expected the rest of a string at 21"},
		{name: "more behind the JSON", body: `{"inputs":[]} {}`, status: 500, text: parse + "unexpected character '{': expected nothing after the value at 14"},
		{name: "invalid UTF-8", body: "{\"inputs\":[{\"name\":\"\xff\"}]}", status: 500, text: parse + "invalid UTF-8 in a string at 20"},
		{name: "a list", body: `[1]`, status: 500, text: parse + "expected an object, got array"},
		{name: "no inputs", body: `{"outputs":[]}`, status: 500, text: "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"},
		{name: "inputs that are no list", body: `{"inputs":{"x":1}}`, status: 500, text: "Unable to parse 'inputs': attempt to access JSON non-array as array"},
		{name: "two lists of inputs", body: `{"inputs":[],"inputs":[]}`, status: 500, text: parse + `duplicate key "inputs" at 22`, why: "Triton takes the first"},
		{name: "inputs that are null", body: `{"inputs":null}`, status: 500, text: "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"},
		{name: "input that is null", body: inputs("null"), status: 500, text: "Unable to parse 'inputs': attempt to access JSON non-object as object"},
		{name: "dimension that is null", body: inputs(x("[null,4]", "FP32", "[1]")), status: 500, text: "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "two names", body: inputs(`{"name":"x","name":"y"}`), status: 500, text: parse + `duplicate key "name" at 30`, why: "Triton takes the first"},
		{name: "keys in capitals", body: `{"Inputs":[` + good + `]}`, status: 500, text: "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"},
		{name: "id that is no string", body: inputs(good, `"id":7`), status: 500, text: "Unable to parse 'id': attempt to access JSON non-string as string"},
		{name: "input without a name", body: inputs(`{"shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}`), status: 500, text: "Unable to parse 'name': attempt to access non-existing object member 'name'"},
		{name: "input without a type", body: inputs(`{"name":"x","shape":[1,4],"data":[1,2,3,4]}`), status: 500, text: "Unable to parse 'datatype': attempt to access non-existing object member 'datatype'"},
		{name: "input without a shape", body: inputs(`{"name":"x","datatype":"FP32","data":[1,2,3,4]}`), status: 500, text: "Unable to parse 'shape': attempt to access non-existing object member 'shape'"},
		{name: "negative shape", body: inputs(x("[-1,4]", "FP32", "[1]")), status: 500, text: "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "fractional shape", body: inputs(x("[1.5,4]", "FP32", "[1]")), status: 500, text: "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "shape that is no list", body: inputs(x("4", "FP32", "[1]")), status: 500, text: "Unable to parse 'shape': attempt to access JSON non-array as array"},
		{name: "shape past 2^64", body: inputs(x("[1,99999999999999999999]", "FP32", "[1]")), status: 500, text: "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "shape past 2^63", body: inputs(x("[1,9223372036854775808]", "FP32", "[1]")), status: 400, text: "invalid shape for input 'x': shape [1,9223372036854775808] contains one or more invalid dimensions"},
		{name: "shape of too many elements", body: inputs(x("[4294967296,4294967296]", "FP32", "[1]")), status: 400, text: "invalid shape for input 'x': shape [4294967296,4294967296] causes total element count to exceed maximum size of 9223372036854775807"},
		{name: "too many data", body: inputs(x("[1,4]", "FP32", "[1,2,3,4,5]")), status: 500, text: "Unable to parse 'data': Shape does not match true shape of 'data' field: expected 4 elements for shape [1,4] of input 'x'"},
		{name: "too few data", body: inputs(x("[1,4]", "FP32", "[1,2,3]")), status: 500, text: "Failed to parse 'data' field: shape does not match true shape: expected 4 elements for shape [1,4] of input 'x'"},
		row{body: inputs(x("[1,4]", "BYTES", `["a","b","c","d","e"]`)), status: 500, text: "Unable to parse 'data': shape does not match true shape of 'data' field: expected 4 elements for shape [1,4] of input 'x'"}.named("too many strings").of("text"),
		row{body: inputs(x("[1,4]", "BYTES", `["a"]`)), status: 500, text: "Failed to parse 'data' field: shape does not match true shape: expected 4 elements for shape [1,4] of input 'x'"}.named("too few strings").of("text"),
		{name: "data of another type", body: inputs(x("[1,4]", "FP32", `[1,2,"3",4]`)), status: 500, text: `Unable to parse 'data': input 'x': element 2: expected a number within the range of FP32, got "3"`, why: "Triton does not say which element"},
		{name: "data past the type's range", body: inputs(x("[1,4]", "INT8", `[1,2,300,4]`)), status: 500, text: `Unable to parse 'data': input 'x': element 2: expected an integer from -128 to 127, got 300`, why: "Triton takes the lowest byte without a word"},
		{name: "data that is not there", body: inputs(x("[1,4]", "FP32", `null`)), status: 500, text: `Unable to parse 'data': input 'x': element 0: expected a number within the range of FP32, got null`},
		{name: "bad datatype", body: inputs(x("[1,4]", "FP8", "[1,2,3,4]")), status: 400, text: "invalid datatype for input x"},
		{name: "datatype in lower case", body: inputs(x("[1,4]", "fp32", "[1,2,3,4]")), status: 400, text: "invalid datatype for input x"},
		row{body: inputs(x("[1,4]", "FP16", "[1,2,3,4]")), status: 400, text: "receiving FP16 data via JSON is not supported. Please use the binary data format for input x"}.named("FP16 in JSON").of("half"),
		row{body: inputs(x("[1,4]", "BF16", "[1,2,3,4]")), status: 400, text: "receiving BF16 data via JSON is not supported. Please use the binary data format for input x"}.named("BF16 in JSON").of("brain"),
		{name: "nesting", body: inputs(x("[1,4]", "FP32", strings.Repeat("[", 98)+strings.Repeat("]", 98))), status: 400, text: "JSON nesting depth exceeds maximum allowed limit (100)"},
		{name: "nesting of ten thousand", body: strings.Repeat(`{"a":`, 10_000), status: 400, text: "JSON nesting depth exceeds maximum allowed limit (100)"},
		{name: "ten thousand inputs", body: inputs(strings.Repeat("{},", 9_999) + "{}"), status: 400, text: "too many inputs: expected at most 4096", why: "Triton has no such limit"},
	}

	parameterRows = []row{
		{name: "reserved parameter", body: inputs(good, `"parameters":{"triton_enable_empty_final_response":true}`), status: 400, text: "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."},
		{name: "parameter type", body: inputs(good, `"parameters":{"p":[1]}`), status: 400, text: "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."},
		{name: "parameter that is null", body: inputs(good, `"parameters":{"p":null}`), status: 400, text: "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."},
		{name: "parameters that are no object", body: inputs(good, `"parameters":[1]`), status: 500, text: "Unable to parse 'parameters': attempt to access JSON non-object as object"},
		{name: "priority", body: inputs(good, `"parameters":{"priority":-1}`), status: 500, text: "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "timeout", body: inputs(good, `"parameters":{"timeout":"1s"}`), status: 500, text: "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "negative timeout", body: inputs(good, `"parameters":{"timeout":-1}`), status: 400, text: "parameter 'timeout' is out of range: expected 0 to 9223372036854775807 microseconds, got: -1"},
		{name: "timeout past 2^63", body: inputs(good, `"parameters":{"timeout":9223372036854775808}`), status: 400, text: "parameter 'timeout' is out of range: expected 0 to 9223372036854775807 microseconds, got: 9223372036854775808"},
		{name: "timeout header", header: map[string]string{"X-Request-Timeout": "soon"}, body: inputs(good), status: 400, text: "header X-Request-Timeout is out of range: expected 0 to 86400 seconds, or a duration such as 250ms, got: soon"},
		{name: "timeout header below 0", header: map[string]string{"X-Request-Timeout": "-1"}, body: inputs(good), status: 400, text: "header X-Request-Timeout is out of range: expected 0 to 86400 seconds, or a duration such as 250ms, got: -1"},
		{name: "timeout header that is no number", header: map[string]string{"X-Request-Timeout": "NaN"}, body: inputs(good), status: 400, text: "header X-Request-Timeout is out of range: expected 0 to 86400 seconds, or a duration such as 250ms, got: NaN"},
		{name: "timeout header of years", header: map[string]string{"X-Request-Timeout": "9000h"}, body: inputs(good), status: 400, text: "header X-Request-Timeout is out of range: expected 0 to 86400 seconds, or a duration such as 250ms, got: 9000h"},
		{name: "timeout header that has passed", header: map[string]string{"X-Request-Timeout": "1ns"}, body: inputs(good), status: 504, text: unnamed + deadlineText},
		{name: "binary_data_output", body: inputs(good, `"parameters":{"binary_data_output":1}`), status: 500, text: "Unable to parse 'binary_data_output': attempt to access JSON non-boolean as boolean"},
		{name: "sequence_start", body: inputs(good, `"parameters":{"sequence_start":"yes"}`), status: 500, text: "Unable to parse 'sequence_start': attempt to access JSON non-boolean as boolean"},
		{name: "sequence_end", body: inputs(good, `"parameters":{"sequence_end":null}`), status: 500, text: "Unable to parse 'sequence_end': attempt to access JSON non-boolean as boolean"},
		{name: "sequence_id", body: inputs(good, `"parameters":{"sequence_id":1.5}`), status: 500, text: "Unable to parse 'sequence_id': attempt to access JSON non-string as string"},
		{name: "output without a name", body: inputs(good, `"outputs":[{}]`), status: 500, text: "Unable to parse 'name': attempt to access non-existing object member 'name'"},
		{name: "outputs that are no list", body: inputs(good, `"outputs":"y"`), status: 500, text: "Unable to parse 'outputs': attempt to access JSON non-array as array"},
		{name: "output twice", body: inputs(good, `"outputs":[{"name":"y"},{"name":"y"}]`), status: 400, text: "output 'y' already exists in request"},
		{name: "the last of many outputs twice", body: inputs(good, `"outputs":[`+names(40)+`,{"name":"n39"}]`), status: 400, text: "output 'n39' already exists in request"},
		{name: "the first of many outputs twice", body: inputs(good, `"outputs":[`+names(40)+`,{"name":"n0"}]`), status: 400, text: "output 'n0' already exists in request"},
		{name: "ten thousand outputs", body: inputs(good, `"outputs":[`+names(10_000)+`]`), status: 400, text: unnamed + "unexpected inference output 'n0' for model 'scale'"},
		{name: "binary_data", body: inputs(good, `"outputs":[{"name":"y","parameters":{"binary_data":"true"}}]`), status: 500, text: "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean"},
		{name: "output to shared memory", body: inputs(good, `"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]`), status: 501, text: noShm},
		{name: "input from shared memory", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}`), status: 501, text: noShm},
	}

	modelRows = []row{
		row{body: inputs(x("[1,4]", "INT32", "[1,2,3,4]"), `"id":"mine"`), status: 400, text: "[request id: mine] inference input 'x' data-type is 'INT32', but model 'scale' expects 'FP32'"}.named("wrong dtype, with an id"),
		{name: "wrong shape", body: inputs(x("[1,3]", "FP32", "[1,2,3]")), status: 400, text: unnamed + "unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [1,3]" + note},
		{name: "wrong rank", body: inputs(x("[4]", "FP32", "[1,2,3,4]")), status: 400, text: unnamed + "unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [4]" + note},
		{name: "a scalar for a batch", body: inputs(x("[]", "FP32", "[1]")), status: 400, text: unnamed + "input 'x' has no shape but model requires batch dimension for 'scale'"},
		row{body: inputs(x("[1,3]", "FP32", "[1,2,3]")), status: 400, text: unnamed + "unexpected shape for input 'x' for model 'unbatched'. Expected [-1,4], got [1,3]"}.named("wrong shape without a batch").of("unbatched"),
		row{body: inputs(""), status: 400, text: unnamed + "expected 1 inputs but got 0 inputs for model 'scale'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s)."}.named("no input"),
		row{body: inputs(`{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}`), status: 400, text: unnamed + "expected 2 inputs but got 1 inputs for model 'addsub'. Got input(s) ['INPUT0'], but missing required input(s) ['INPUT1']. Please provide all required input(s)."}.named("missing input").of("addsub"),
		row{body: inputs(`{"name":"b","shape":[4],"datatype":"FP32","data":[1,2,3,4]}`), status: 400, text: unnamed + "expected number of inputs between 1 and 2 but got 1 inputs for model 'bias'. Got input(s) ['b'], but missing required input(s) ['x']. Please provide all required input(s)."}.named("missing input beside an optional one").of("bias"),
		{name: "unknown input", body: inputs(`{"name":"z","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}`), status: 400, text: unnamed + "unexpected inference input 'z' for model 'scale'"},
		{name: "unknown output", body: inputs(good, `"outputs":[{"name":"z"}]`), status: 400, text: unnamed + "unexpected inference output 'z' for model 'scale'"},
		{name: "input twice", body: inputs(good + "," + good), status: 400, text: unnamed + "input 'x' already exists in request"},
		row{body: inputs(x("[3,4]", "FP32", "[1,2,3,4,1,2,3,4,1,2,3,4]")), status: 400, text: unnamed + "inference request batch-size must be <= 2 for 'small'"}.named("batch too big").of("small"),
		{name: "no row", body: inputs(x("[0,4]", "FP32", "[]")), status: 400, text: unnamed + "inference request batch-size must be >= 1 for 'scale'", why: "Triton runs the model on nothing"},
		row{body: inputs(`{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]},{"name":"INPUT1","shape":[2,16],"datatype":"INT32","data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}`), status: 400, text: unnamed + "input 'INPUT1' batch size does not match other inputs for 'addsub'"}.named("batch disagree").of("addsub"),
		{body: inputs(x("[1,1]", "INT64", "[7]")), path: "/v2/models/lookup/infer", name: "the model fails", status: 500, text: unnamed + "inference failed: Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=7 must be within the inclusive range [-3,2]", why: "Triton puts onnx runtime error 6: in front"},
		row{body: string(binaryBody(`[1,4]`, "FP16", 8)) + "12345678", header: headerOf(binaryBody(`[1,4]`, "FP16", 8)), status: 400, text: "sending FP16 data via JSON is not supported. Please use the binary data format for output y"}.named("FP16 out by JSON").of("half"),
		row{body: string(binaryBody(`[1,4]`, "BF16", 8)) + "12345678", header: headerOf(binaryBody(`[1,4]`, "BF16", 8)), status: 400, text: "sending BF16 data via JSON is not supported. Please use the binary data format for output y"}.named("BF16 out by JSON").of("brain"),
	}

	binaryRows = []row{
		binary("16", "0123456789ab", "[1,4]").named("binary short").says(400, "unexpected size for input 'x', expecting 4 additional bytes for model 'scale'"),
		binary("16", "0123456789abcdef!", "[1,4]").named("binary long").says(400, "unexpected additional input data for model 'scale'"),
		binary("12", "0123456789ab", "[1,4]").named("byte size").says(400, unnamed+"input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 12"),
		binary("-1", "", "[1,4]").named("negative byte size").says(500, "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer"),
		binary("18446744073709551615", "0123456789abcdef", "[1,4]").named("byte size of 2^64-1").says(400, "unexpected size for input 'x', expecting 18446744073709551599 additional bytes for model 'scale'"),
		{name: "byte size without bytes", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}`), status: 400, text: "unexpected size for input 'x', expecting 16 additional bytes for model 'scale'"},
		{name: "no data", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32"}`), status: 400, text: oneOf + "no field is set"},
		{name: "two kinds of data", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4],"parameters":{"binary_data_size":16}}`), status: 400, text: oneOf + "set 'data' 'binary_data_size'"},
		{name: "three kinds of data", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4],"parameters":{"binary_data_size":16,"shared_memory_region":"r"}}`), status: 400, text: oneOf + "set 'data' 'binary_data_size' 'shared_memory_region'"},
		strings4("\x01\x00\x00\x00a\x01\x00\x00\x00b").named("too few binary strings").says(400, unnamed+"expected 4 string elements for inference input 'x' for model 'text', got 2"),
		strings4(strings.Repeat("\x01\x00\x00\x00a", 5)).named("too many binary strings").says(400, unnamed+"unexpected number of string elements 5 for inference input 'x' for model 'text', expecting 4"),
		strings4("\x01\x00\x00\x00a\x01\x00").named("half a length").says(400, unnamed+"incomplete string length indicator for inference input 'x' for model 'text', expecting 4 bytes but only 2 bytes available. Expecting 4 string elements in total, and this is element 2."),
		strings4("\xff\xff\xff\xffa").named("a length that lies").says(400, unnamed+"incomplete string data for inference input 'x' for model 'text', expecting string of length 4294967295 but only 1 bytes available. Expecting 4 string elements in total, and this is element 1."),
		{name: "a raw request of too many bytes", header: length("0"), body: inputs(good), status: 400, text: unnamed + "input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 74"},
		{name: "header length beyond the body", header: length("1000"), body: inputs(good), status: 400, text: fmt.Sprintf("inference header size should be in range (0, %d), got: 1000", len(inputs(good)))},
		{name: "negative header length", header: length("-5"), body: inputs(good), status: 400, text: fmt.Sprintf("inference header size should be in range (0, %d), got: -5", len(inputs(good)))},
		{name: "header length that is no number", header: length("ten"), body: inputs(good), status: 400, text: "Unable to parse Inference-Header-Content-Length, got: ten"},
		{name: "header length past 2^31", header: length("4294967296"), body: inputs(good), status: 400, text: "Unable to parse Inference-Header-Content-Length, got: 4294967296"},
		{name: "header length that is empty", header: length(""), body: inputs(good), status: 400, text: "Unable to parse Inference-Header-Content-Length, got: "},
		{name: "header length within the JSON", header: length("7"), body: inputs(good), status: 500, text: parse + "unexpected end of JSON: expected the rest of a string at 7"},
	}

	long     = strings.Repeat("n", 1_000_000)
	half     = string(packed("gzip", []byte(inputs(good))))
	bodyRows = []row{
		{name: "a body of a byte more than the limit", body: atLimit() + " ", status: 400, text: tooLarge(maxInput + 1)},
		{name: "a gzip bomb", header: encoded("gzip"), body: string(packed("gzip", make([]byte, 4<<20))), status: 400, text: tooLarge(maxInput + 1)},
		{name: "a deflate bomb", header: encoded("deflate"), body: string(packed("deflate", make([]byte, 4<<20))), status: 400, text: tooLarge(maxInput + 1)},
		{name: "gzip that is none", header: encoded("gzip"), body: inputs(good), status: 400, text: "failed to read the request body: gzip: invalid header"},
		{name: "deflate that is none", header: encoded("deflate"), body: inputs(good), status: 400, text: "failed to read the request body: zlib: invalid header"},
		{name: "half of a gzip body", header: encoded("gzip"), body: half[:len(half)-9], status: 400, text: "failed to read the request body: it ended too soon"},
		{name: "more behind a deflate body", header: encoded("deflate"), body: string(packed("deflate", []byte(inputs(good)))) + strings.Repeat("x", 10_000), status: 400, text: "failed to read the request body: there is more behind the end of the compressed data"},
		{name: "unknown encoding", header: encoded("br"), body: inputs(good), status: 501, text: "Unsupported compression type"},
		{name: "two encodings", header: encoded("gzip, gzip"), body: inputs(good), status: 501, text: "Unsupported compression type"},
		{name: "an input's name of a megabyte", body: inputs(`{"name":"` + long + `","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}`), status: 400, text: (unnamed + "unexpected inference input '" + long)[:4096] + "..."},
		{name: "an output's name of a megabyte", body: inputs(good, `"outputs":[{"name":"`+long+`"}]`), status: 400, text: (unnamed + "unexpected inference output '" + long)[:4096] + "..."},
		{name: "an id of a megabyte", body: inputs("", `"id":"`+long+`"`), status: 400, text: ("[request id: " + long)[:4096] + "..."},
		{name: "a parameter of a megabyte", body: inputs(good, `"parameters":{"`+long+`":null}`), status: 400, text: ("parameter '" + long)[:4096] + "..."},
		{name: "a datatype of a megabyte", body: inputs(`{"name":"x","shape":[1,4],"datatype":"` + long + `","data":[1,2,3,4]}`), status: 400, text: "invalid datatype for input x"},
		{name: "a shape of many dimensions", body: inputs(x("[1"+strings.Repeat(",1", 400_000)+"]", "FP32", "[1]")), status: 400, text: (unnamed + "unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [1" + strings.Repeat(",1", 4096))[:4096] + "..."},
		{name: "a shape that asks for the memory of the world", body: inputs(x("[1000000,1000000000]", "FP32", "[1,2]")), status: 400, text: fmt.Sprintf("JSON input 'x' has a byte_size (4000000000000000 bytes) that exceeds the maximum allowed value of %d bytes. Use --http-max-input-size to increase the limit.", maxInput)},
		{name: "an input of a few bytes more than the limit", body: inputs(x("[65537,4]", "FP32", "["+strings.Repeat("1,", 262_147)+"1]")), status: 400, text: fmt.Sprintf("JSON input 'x' has a byte_size (1048592 bytes) that exceeds the maximum allowed value of %d bytes. Use --http-max-input-size to increase the limit.", maxInput)},
		{name: "strings that ask for the memory of the world", body: inputs(x("[1000000,1000000000]", "BYTES", `["a"]`)), status: 500, text: "Failed to parse 'data' field: shape does not match true shape: expected 1000000000000000 elements for shape [1000000,1000000000] of input 'x'"},
		{name: "more data than the shape has", body: inputs(x("[1,4]", "FP32", "["+strings.Repeat("1,", 500_000)+"1]")), status: 500, text: "Unable to parse 'data': Shape does not match true shape of 'data' field: expected 4 elements for shape [1,4] of input 'x'"},
	}
)

func length(text string) map[string]string {
	return map[string]string{"Inference-Header-Content-Length": text}
}

// strings4 asks for four strings with the given bytes.
func strings4(data string) row {
	head := inputs(fmt.Sprintf(`{"name":"x","shape":[1,4],"datatype":"BYTES","parameters":{"binary_data_size":%d}}`, len(data)))
	return row{header: headerOf([]byte(head)), body: head + data}.of("text")
}

func binaryBody(shape, datatype string, size int) []byte {
	return []byte(inputs(fmt.Sprintf(`{"name":"x","shape":%s,"datatype":%q,"parameters":{"binary_data_size":%d}}`, shape, datatype, size)))
}

func headerOf(head []byte) map[string]string { return length(fmt.Sprint(len(head))) }

// names lists outputs n0, n1 and so on.
func names(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name":"n%d"}`, i)
	}
	return strings.Join(all, ",")
}

const deadlineText = "deadline exceeded: the answer would come too late, or did: allow the request more time, or the model more instances"

// group is rows of one subject, and the heading that they have on the page of errors.
type group struct {
	heading string
	rows    []row
}

// groups are asked in their order, of a server of each kind.
var (
	plainGroups = []group{
		{"Which model", whichRows},
		{"The JSON of a request", jsonRows},
		{"Parameters and outputs", parameterRows},
		{"What the model takes", modelRows},
		{"Binary data", binaryRows},
		{"Bodies", bodyRows},
	}
	extensionGroups = []group{
		{"Raw requests", rawRows},
		{"Classification", classRows},
		{"Shared memory", sharedRows},
		{"Generate", generateRows},
		{"Trace and log settings", settingRows},
		{"The repository", repositoryRows},
	}
)

func TestEveryErrorOfTheCatalogue(t *testing.T) {
	s := start(t, servetest.Options{}, putModels(t))
	for _, g := range plainGroups {
		g.check(t, s)
	}
}

func TestEveryErrorOfTheExtensions(t *testing.T) {
	s := start(t, servetest.Options{ClientSharedMemory: true, Control: repository.ModeExplicit, LoadModels: []string{"*"}}, func(root string) {
		putModels(t)(root)
		onnxtest.Version(t, root, "open", 1, onnxtest.Identity(tensor.FP32, tensor.Shape{tensor.Dynamic, tensor.Dynamic, tensor.Dynamic}))
	})
	key := sharedObject(t, 32)
	if reply := s.Post(region+"r/register", `{"key":"`+key+`","byte_size":32}`); reply.Status != http.StatusOK {
		t.Fatal(reply)
	}
	for _, g := range extensionGroups {
		g.rows = slices.Clone(g.rows)
		for i, r := range g.rows {
			g.rows[i].body, g.rows[i].text = strings.ReplaceAll(r.body, sharedKey, key), strings.ReplaceAll(r.text, sharedKey, key)
		}
		g.check(t, s)
	}
}

func (g group) check(t *testing.T, s *servetest.Server) {
	for _, r := range g.rows {
		t.Run(strings.ReplaceAll(r.name, "/", " "), func(t *testing.T) { r.check(t, s) })
	}
}

// sharedObject makes a shared memory object of so many bytes, and returns its key.
func sharedObject(t *testing.T, size int64) string {
	t.Helper()
	f, err := os.CreateTemp("/dev/shm", "galatea-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return "/" + filepath.Base(f.Name())
}

// check sends a row's request, compares the answer, and makes sure that the server
// goes on and holds nothing of it.
func (r row) check(t *testing.T, s *servetest.Server) {
	path := r.path
	if path == "" {
		path = "/v2/models/scale/infer"
	}
	reply, err := s.Do(t.Context(), servetest.Request{Method: r.method, Path: path, Header: r.header, Body: []byte(r.body)})
	if err != nil {
		t.Fatal(err)
	}
	if reply.Status != r.status || reply.ErrorText() != r.text {
		t.Errorf("got  %d %s\nwant %d %s", reply.Status, reply.ErrorText(), r.status, r.text)
	}
	if got := reply.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := reply.Header.Get("Retry-After"); (got != "") != (r.status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After %q with status %d", got, r.status)
	}
	if got := reply.Header.Get("Accept-Encoding"); (got == "gzip, deflate") != (r.text == "Unsupported compression type") {
		t.Errorf("Accept-Encoding %q", got)
	}
	goesOn(t, s)
}

// goesOn makes sure that a server answers, and holds no request's body.
func goesOn(t *testing.T, s *servetest.Server) {
	t.Helper()
	if err := servetest.Contains(s.Post("/v2/models/scale/infer", inputs(good)).Body, `{"model_version":"1","outputs":[{"data":[2,4,6,8]}]}`); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	s.Eventually("no body is held", func() error {
		if n, _ := s.Metric("galatea_http_inflight_bytes"); n != 0 {
			return fmt.Errorf("%v bytes are held", n)
		}
		return nil
	})
}
