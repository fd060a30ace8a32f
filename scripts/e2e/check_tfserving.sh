#!/usr/bin/env bash
# What people type for TensorFlow Serving: its REST API with curl.
set -euo pipefail

base=http://$E2E_HTTP/v1/models
# shellcheck source=scripts/e2e/expect.sh
. "$(dirname "$0")/expect.sh"

rows='{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}'
expect 'rows are answered in rows' 200 '"predictions":[[2.0,4.0,6.0,8.0],[10.0,12.0,14.0,16.0]]' --data "$rows" "$base/scale:predict"
expect 'named rows are answered' 200 '"predictions":[[2.0,4.0,6.0,8.0]]' --data '{"instances": [{"x": [1, 2, 3, 4]}]}' "$base/scale:predict"
expect 'columns are answered in columns' 200 '"outputs":[[2.0,4.0,6.0,8.0]]' --data '{"inputs": [[1, 2, 3, 4]]}' "$base/scale:predict"
expect 'named columns are answered' 200 '"outputs":[[2.0,4.0,6.0,8.0]]' --data '{"inputs": {"x": [[1, 2, 3, 4]]}}' "$base/scale:predict"
expect 'a signature may be named' 200 '"predictions"' --data '{"signature_name": "serving_default", "instances": [[1, 2, 3, 4]]}' "$base/scale:predict"
expect 'a version is answered' 200 '"predictions":[[1.0,2.0,3.0,4.0]]' --data '{"instances": [[1, 2, 3, 4]]}' "$base/scale/versions/1:predict"
expect 'strings may be in base64' 200 'good morning' --data '{"instances": [[{"b64": "Z29vZCBtb3JuaW5n"}]]}' "$base/text:predict"
expect 'NaN and infinities pass' 200 '[NaN,Infinity,-Infinity,2.0]' --data '{"instances": [[NaN, Infinity, -Infinity, 1]]}' "$base/scale:predict"
expect 'several inputs make rows of objects' 200 '"OUTPUT0":[2,' --data "{\"instances\": [{\"INPUT0\": [$(seq -s, 1 16)], \"INPUT1\": [$(seq -s, 1 16)]}]}" "$base/simple:predict"

expect 'a status is told' 200 '"state":"AVAILABLE"' "$base/scale"
expect 'a version has its status' 200 '"version":"1"' "$base/scale/versions/1"
expect 'metadata are told' 200 '"signature_def":{"signature_def":{"serving_default"' "$base/scale/metadata"

expect 'an unknown model is refused' 404 'Servable not found for request: Latest(nobody)' --data "$rows" "$base/nobody:predict"
expect 'an unknown status is refused' 404 'Could not find any versions of model nobody' "$base/nobody"
expect 'an unknown label is refused' 400 'Unrecognized servable version label: none' --data "$rows" "$base/scale/labels/none:predict"
expect 'neither form is refused' 400 "Missing 'inputs' or 'instances' key" --data '{}' "$base/scale:predict"
expect 'both forms are refused' 400 '"error"' --data '{"instances": [1], "inputs": [1]}' "$base/scale:predict"
expect 'another path is refused' 400 'Malformed request: POST /v1/models/scale:explain' --data "$rows" "$base/scale:explain"
