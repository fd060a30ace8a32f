#!/usr/bin/env bash
# What people type: KServe's v2 protocol with curl.
set -euo pipefail

base=http://$E2E_HTTP/v2
# shellcheck source=scripts/e2e/expect.sh
. "$(dirname "$0")/expect.sh"

json='{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}'
expect 'the server is ready' 200 '' "$base/health/ready"
expect 'the server says who it is' 200 '"extensions":[' "$base"
expect 'a model says what it takes' 200 '"platform":"onnxruntime_onnx"' "$base/models/scale"
expect 'JSON is answered' 200 '"data":[2.0,4.0,6.0,8.0]' --data "$json" "$base/models/scale/infer"
expect 'a version is answered' 200 '"model_version":"1"' --data "$json" "$base/models/scale/versions/1/infer"
expect 'a file is answered' 200 '"data":["good morning"]' "$base/models/text/infer" --data @- <<'BODY'
{"inputs":[{"name":"x","shape":[1,1],"datatype":"BYTES","data":["good morning"]}]}
BODY

header='{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}'
{
    printf '%s' "$header"
    printf '\0\0\200?\0\0\0@\0\0@@\0\0\200@' # 1, 2, 3, 4
} >"$work/binary"
expect 'binary tensors are answered' 200 '"data":[2.0,4.0,6.0,8.0]' --header "Inference-Header-Content-Length: ${#header}" \
    --data-binary "@$work/binary" "$base/models/scale/infer"
printf '%s' "$json" | gzip >"$work/gzip"
expect 'a compressed body is answered' 200 '"data":[2.0,4.0,6.0,8.0]' --header 'Content-Encoding: gzip' \
    --data-binary "@$work/gzip" "$base/models/scale/infer"
expect 'a chunked body is answered' 200 '"data":[2.0,4.0,6.0,8.0]' --header 'Transfer-Encoding: chunked' \
    --data "$json" "$base/models/scale/infer"

expect 'the index lists models' 200 '"name":"scale"' --request POST "$base/repository/index"
expect 'a model is loaded' 200 '' --request POST "$base/repository/models/spare/load"
expect 'an unknown model is refused' 404 "Request for unknown model: 'nobody' is not found" --data "$json" "$base/models/nobody/infer"
expect 'what is no JSON is refused' 500 'failed to parse the request JSON buffer' --data '{' "$base/models/scale/infer"
