package gateway_test

import (
	"net/http"
	"strconv"
	"strings"
)

// The rows of what is not a plain inference: they ask a server with shared memory for its
// clients, which loads what it is told to.
var (
	region      = "/v2/systemsharedmemory/region/"
	sharedKey   = "/KEY" // stands for that of the object of this run
	sharedInput = func(parameters string) string {
		return inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"shared_memory_region":"r"` + parameters + `}}`)
	}
	sharedOutput = func(parameters string) string {
		return inputs(good, `"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"`+parameters+`}}]`)
	}
	sharedRows = []row{
		{name: "region without a key", path: region + "a/register", body: `{"byte_size":16}`, status: 500, text: "Unable to parse 'key': attempt to access non-existing object member 'key'"},
		{name: "region without a size", path: region + "a/register", body: `{"key":"/galatea"}`, status: 500, text: "Unable to parse 'byte_size': attempt to access non-existing object member 'byte_size'"},
		{name: "region of nothing", path: region + "a/register", body: `{"key":"/galatea","byte_size":0}`, status: 400, text: "shared memory region 'a' has a size of 0 bytes: expected at least 1"},
		{name: "region of a negative size", path: region + "a/register", body: `{"key":"/galatea","byte_size":-1}`, status: 500, text: "Unable to parse 'byte_size': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		{name: "object that there is not", path: region + "a/register", body: `{"key":"/galatea-nothing","byte_size":16}`, status: 500, text: "Unable to open shared memory region: '/galatea-nothing'"},
		{name: "object in a folder", path: region + "a/register", body: `{"key":"/../etc/passwd","byte_size":16}`, status: 500, text: "Unable to open shared memory region: '/../etc/passwd'"},
		{name: "object of somebody else's", path: region + "a/register", body: `{"key":"/triton_python_backend_shm_region_1","byte_size":16}`, status: 400, text: "cannot register shared memory region 'a' with key '/triton_python_backend_shm_region_1' as the key contains the reserved prefix 'triton_python_backend_shm_region_'"},
		{name: "object that is smaller", path: region + "a/register", body: `{"key":"` + sharedKey + `","byte_size":33}`, status: 400, text: "failed to register shared memory region 'a': the object '" + sharedKey + "' is smaller than offset 0 and byte size 33 need"},
		{name: "object that ends before its offset", path: region + "a/register", body: `{"key":"` + sharedKey + `","offset":18446744073709551615,"byte_size":2}`, status: 400, text: "failed to register shared memory region 'a': the object '" + sharedKey + "' is smaller than offset 18446744073709551615 and byte size 2 need"},
		{name: "region twice", path: region + "r/register", body: `{"key":"` + sharedKey + `","byte_size":32}`, status: 400, text: "shared memory region 'r' already in manager"},
		{name: "status of an unknown region", path: region + "a/status", method: http.MethodGet, status: 404, text: "Unable to find system shared memory region: 'a'"},
		{name: "memory of a GPU", path: "/v2/cudasharedmemory/region/a/register", body: `{"raw_handle":{"b64":"AA=="},"device_id":0,"byte_size":16}`, status: 501, text: "failed to register CUDA shared memory region: 'a', GPUs not supported"},
		{name: "status of an unknown region of a GPU", path: "/v2/cudasharedmemory/region/a/status", method: http.MethodGet, status: 404, text: "Unable to find cuda shared memory region: 'a'"},
		{name: "input in an unknown region", body: strings.ReplaceAll(sharedInput(`,"shared_memory_byte_size":16`), `"r"`, `"a"`), status: 404, text: "Unable to find shared memory region: 'a'"},
		{name: "output in an unknown region", body: strings.ReplaceAll(sharedOutput(`,"shared_memory_byte_size":16`), `"r"`, `"a"`), status: 404, text: "Unable to find shared memory region: 'a'"},
		{name: "input in a region, without a size", body: sharedInput(""), status: 500, text: "Unable to parse 'shared_memory_byte_size': attempt to access non-existing object member 'shared_memory_byte_size'"},
		{name: "input at an offset behind its region", body: sharedInput(`,"shared_memory_byte_size":16,"shared_memory_offset":32`), status: 400, text: "Invalid offset for shared memory region: 'r'"},
		{name: "input that ends behind its region", body: sharedInput(`,"shared_memory_byte_size":16,"shared_memory_offset":24`), status: 400, text: "Invalid offset + byte size for shared memory region: 'r'"},
		{name: "input that ends behind 2^64", body: sharedInput(`,"shared_memory_byte_size":18446744073709551615,"shared_memory_offset":24`), status: 400, text: unnamed + "input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 18446744073709551615"},
		{name: "input of another size in a region", body: sharedInput(`,"shared_memory_byte_size":12`), status: 400, text: unnamed + "input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 12"},
		{name: "output that has no room", body: sharedOutput(`,"shared_memory_byte_size":8`), status: 500, text: "shared memory size specified with the request for output 'y' (8 bytes) should be at least 16 bytes to hold the results"},
		{name: "output in binary and in shared memory", body: sharedOutput(`,"shared_memory_byte_size":16,"binary_data":true`), status: 400, text: "Output can't set both 'shared_memory_region' and 'binary_data'"},
		{name: "data and shared memory", body: inputs(`{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":16}}`), status: 400, text: oneOf + "set 'data' 'shared_memory_region'"},
	}

	classRows = []row{
		{name: "classes in shared memory", body: sharedOutput(`,"shared_memory_byte_size":64,"classification":2`), status: 400, text: "Output can't set both 'shared_memory_region' and 'classification'"},
		{name: "classes in a number that is none", body: inputs(good, `"outputs":[{"name":"y","parameters":{"classification":"two"}}]`), status: 500, text: "Unable to parse 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer"},
		row{body: inputs(x("[1,4]", "BYTES", `["a","b","c","d"]`), `"outputs":[{"name":"y","parameters":{"classification":2}}]`), status: 400, text: "class result not available for output due to unsupported type 'BYTES'"}.named("classes of strings").of("text"),
		row{body: string(binaryBody(`[1,4]`, "FP16", 8)[:len(binaryBody(`[1,4]`, "FP16", 8))-1]) + `,"outputs":[{"name":"y","parameters":{"classification":2}}]}` + "12345678", header: length(strconv.Itoa(len(binaryBody(`[1,4]`, "FP16", 8)) + len(`,"outputs":[{"name":"y","parameters":{"classification":2}}]`))), status: 400, text: "class result not available for output due to unsupported type 'FP16'"}.named("classes of half floats").of("half"),
	}

	rawRows = []row{
		row{header: length("0"), body: "0123", status: 400, text: unnamed + "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'addsub' model configuration"}.named("raw, for two inputs").of("addsub"),
		row{header: length("0"), body: "0123", status: 400, text: unnamed + "The shape of the raw input 'x' can not be deduced because there are more than one variable-sized dimension"}.named("raw, of an open shape").of("open"),
		row{header: length("0"), body: "0123", status: 400, text: unnamed + "For BYTE datatype raw input 'x', the model must have input shape [1]"}.named("raw, of four strings").of("text"),
		row{header: length("0"), body: "0123", status: 404, text: "Request for unknown model: 'nobody' is not found"}.named("raw, for an unknown model").of("nobody"),
	}

	generateRows = []row{
		{name: "generate, of an unknown model", path: "/v2/models/nobody/generate", body: `{}`, status: 404, text: "Request for unknown model: 'nobody' is not found"},
		{name: "generate, of a shape that does not fit", path: "/v2/models/scale/generate", body: `{"x":[1,2,3]}`, status: 400, text: "The schema can not convert input 'x' to tensor with proper shape"},
		{name: "generate, without the input", path: "/v2/models/scale/generate", body: `{}`, status: 400, text: unnamed + "expected 1 inputs but got 0 inputs for model 'scale'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s)."},
		{name: "generate, with a parameter that is a list", path: "/v2/models/scale/generate", body: `{"x":[1,2,3,4],"p":[1]}`, status: 400, text: "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."},
		{name: "generate, of what is no JSON", path: "/v2/models/scale/generate", body: `{`, status: 500, text: parse + "unexpected end of JSON: expected a key in double quotes at 1"},
		{name: "generate_stream, of an unknown model", path: "/v2/models/nobody/generate_stream", body: `{}`, status: 404, text: "Request for unknown model: 'nobody' is not found"},
		{name: "generate, asked with GET", path: "/v2/models/scale/generate", method: http.MethodGet, status: 405, text: "Method Not Allowed"},
	}

	settingRows = []row{
		{name: "trace setting that there is not", path: "/v2/trace/setting", body: `{"trace_speed":"1"}`, status: 400, text: "Attempting to set invalid trace setting :trace_speed"},
		{name: "trace rate that is no number", path: "/v2/trace/setting", body: `{"trace_rate":"x"}`, status: 400, text: "Unable to parse 'trace_rate', got: x"},
		{name: "trace level that there is not", path: "/v2/trace/setting", body: `{"trace_level":["SOME"]}`, status: 400, text: "Unable to parse 'trace_level', got: SOME"},
		{name: "trace setting of several values", path: "/v2/trace/setting", body: `{"trace_rate":["1","2"]}`, status: 400, text: "expect only 1 value for 'trace_rate', got: 2"},
		{name: "trace setting that is a number", path: "/v2/trace/setting", body: `{"trace_rate":1}`, status: 400, text: "trace setting 'trace_rate': expected a string, a list of strings, or null, got: 1"},
		{name: "trace file", path: "/v2/trace/setting", body: `{"trace_file":"/tmp/x"}`, status: 501, text: "trace file location can not be updated through network protocol"},
		{name: "trace settings of an unknown model", path: "/v2/models/nobody/trace/setting", body: `{}`, status: 404, text: "Request for unknown model: 'nobody' is not found"},
		{name: "trace settings of a version", path: "/v2/models/scale/versions/1/trace/setting", method: http.MethodGet, status: 404, text: "Not Found"},
		{name: "log setting that there is not", path: "/v2/logging", body: `{"log_loudness":1}`, status: 400, text: "unknown log setting 'log_loudness'"},
		{name: "log file", path: "/v2/logging", body: `{"log_file":"/tmp/x"}`, status: 501, text: "log file location can not be updated through network protocol"},
		{name: "log format that there is not", path: "/v2/logging", body: `{"log_format":"runes"}`, status: 503, text: "invalid argument for --log_format, got: runes"},
		{name: "log setting of another type", path: "/v2/logging", body: `{"log_info":"yes"}`, status: 400, text: "log setting 'log_info' has a value of the wrong type: yes"},
	}

	repositoryRows = []row{
		{name: "load of an unknown model", path: "/v2/repository/models/nobody/load", status: 500, text: "failed to load 'nobody', failed to poll from model repository"},
		{name: "load without a name", path: "/v2/repository/models//load", status: 400, text: "Model name cannot be empty. Please enter a valid name to deploy."},
		{name: "load of a name that leaves the repository", path: "/v2/repository/models/..%2Fm/load", status: 400, text: "invalid model name '../m', model name must not contain path traversal characters"},
		{name: "load with a parameter that there is not", path: "/v2/repository/models/scale/load", body: `{"parameters":{"so":1}}`, status: 500, text: "unexpected error on creating Triton parameter: 'so': expected config, file:VERSION/NAME, force or persist"},
		{name: "load with a file but no config", path: "/v2/repository/models/scale/load", body: `{"parameters":{"file:1/model.onnx":"AA=="}}`, status: 400, text: "Load parameter 'config' must be specified for model file override"},
		{name: "load of one repository", path: "/v2/repository/here/models/scale/load", status: 501, text: "'repository_name' specification is not supported"},
		{name: "unload of one repository", path: "/v2/repository/here/models/scale/unload", status: 501, text: "'repository_name' specification is not supported"},
		{name: "unload with a parameter of another type", path: "/v2/repository/models/scale/unload", body: `{"parameters":{"unload_dependents":1}}`, status: 500, text: "unexpected error on creating Triton parameter: 'unload_dependents': expected unload_dependents, true or false"},
		{name: "index of one repository", path: "/v2/repository/here/index", status: 501, text: "'repository_name' specification is not supported"},
		{name: "index of what is ready, or is it", path: "/v2/repository/index", body: `{"ready":"yes"}`, status: 400, text: "Invalid value for 'ready': expected a boolean"},
	}
)
