"""What no client of Triton's sends, but curl and people's own programs: requests without a
JSON header, generate, and JSON of every wrong kind."""

import json
import os
import struct
import unittest
import urllib.error
import urllib.request

import numpy as np
from clients import UNNAMED
from models import ONES, ROWS, SIXTEEN, identity, numbers

FOUR = numbers([1, 2, 3, 4])
X = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}


def ask(path, body=None, method=None, host="E2E_HTTP", **headers):
    """Sends bytes, or an object as JSON: the answer's status, headers and body."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers.setdefault("Content-Type", "application/octet-stream")
    request = urllib.request.Request(f"http://{os.environ[host]}{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class RestTest(unittest.TestCase):
    def answer(self, path, body=None, **options):
        """The JSON of an answer that succeeds."""
        status, _, got = ask(path, body, **options)
        self.assertEqual(200, status, got)
        return json.loads(got)

    def refused(self, status, text, path, body=None, **options):
        """Expects an error of that status and text."""
        got, headers, error = ask(path, body, **options)
        self.assertEqual((status, {"error": text}), (got, json.loads(error)))
        self.assertEqual("application/json", headers["Content-Type"])


class Raw(RestTest):
    """Requests whose body is the one input's bytes, and nothing else."""

    def raw(self, model, data):
        """The outputs of an answer, by their names: their shapes and bytes."""
        status, headers, got = ask(f"/v2/models/{model}/infer", data, Inference_Header_Content_Length="0")
        self.assertEqual(200, status, got)
        length = int(headers["Inference-Header-Content-Length"])
        self.assertEqual("application/octet-stream", headers["Content-Type"])
        rest, outputs = got[length:], {}
        for output in json.loads(got[:length])["outputs"]:
            size = output["parameters"]["binary_data_size"]
            outputs[output["name"]] = output["datatype"], output["shape"], rest[:size]
            rest = rest[size:]
        self.assertEqual(b"", rest)
        return outputs

    def test_numbers_are_taken_as_they_are(self):
        self.assertEqual({"y": ("FP32", [1, 4], (2 * FOUR).tobytes())}, self.raw("scale", FOUR.tobytes()))

    def test_every_type_of_numbers_is_taken(self):
        for datatype, rows in ROWS.items():
            if datatype != "BYTES":
                with self.subTest(datatype):
                    data = rows[:1].tobytes()
                    self.assertEqual({"y": (datatype, [1, 4], data)}, self.raw(identity(datatype), data))

    def test_a_length_is_deduced(self):
        for length in (1, 5):
            _, shape, data = self.raw("softmax", np.zeros(length, np.float32).tobytes())["y"]
            self.assertEqual([1, length], shape)
            self.assertEqual(np.full(length, 1 / length, np.float32).tobytes(), data)

    def test_a_text_is_one_element(self):
        want = {"y": ("BYTES", [1, 1], struct.pack("<I", 12) + b"good morning")}
        self.assertEqual(want, self.raw("text", b"good morning"))

    def test_a_model_with_two_inputs_is_refused(self):
        text = (
            UNNAMED + "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'simple' model"
            " configuration"
        )
        self.refused(400, text, "/v2/models/simple/infer", SIXTEEN.tobytes(), Inference_Header_Content_Length="0")

    def test_strings_of_another_shape_are_refused(self):
        text = UNNAMED + "For BYTE datatype raw input 'x', the model must have input shape [1]"
        self.refused(400, text, "/v2/models/identity_bytes/infer", b"text", Inference_Header_Content_Length="0")

    def test_an_unknown_model_is_refused(self):
        text = "Request for unknown model: 'nobody' is not found"
        self.refused(404, text, "/v2/models/nobody/infer", b"1234", Inference_Header_Content_Length="0")


class Generate(RestTest):
    def test_keys_that_are_inputs_become_tensors(self):
        got = self.answer("/v2/models/concat/generate", {"a": "good ", "b": "morning"})
        self.assertEqual({"model_name": "concat", "model_version": "1", "y": "good morning"}, got)

    def test_an_id_comes_back(self):
        got = self.answer("/v2/models/concat/generate", {"id": "mine", "a": "x", "b": "y"})
        self.assertEqual(("mine", "xy"), (got["id"], got["y"]))

    def test_a_list_is_a_row(self):
        self.assertEqual([2, 4, 6, 8], self.answer("/v2/models/scale/generate", {"x": [1, 2, 3, 4]})["y"])

    def test_other_keys_are_parameters(self):
        body = {"x": [1, 2, 3, 4], "temperature": 1, "parameters": {"priority": 1, "text": "x"}}
        self.assertEqual([2, 4, 6, 8], self.answer("/v2/models/scale/generate", body)["y"])

    def test_a_version_answers_that_is_asked_for(self):
        got = self.answer("/v2/models/scale/versions/1/generate", {"x": [1, 2, 3, 4]})
        self.assertEqual(("1", [1, 2, 3, 4]), (got["model_version"], got["y"]))

    def test_a_stream_has_one_event(self):
        status, headers, got = ask("/v2/models/concat/generate_stream", {"a": "x", "b": "y"})
        self.assertEqual((200, "text/event-stream"), (status, headers["Content-Type"].split(";")[0]))
        self.assertRegex(got.decode(), r"\Adata: \{.*\}\n\n\Z")
        self.assertEqual("xy", json.loads(got[len("data: ") :])["y"])

    def test_an_unknown_model_is_refused(self):
        text = "Request for unknown model: 'nobody' is not found"
        self.refused(404, text, "/v2/models/nobody/generate", {"a": "x"})
        self.refused(404, text, "/v2/models/nobody/generate_stream", {"a": "x"})

    def test_a_missing_input_is_refused(self):
        status, _, got = ask("/v2/models/concat/generate", {"a": "x"})
        self.assertEqual(400, status)
        self.assertIn("expected 2 inputs but got 1 inputs for model 'concat'", json.loads(got)["error"])

    def test_a_shape_that_does_not_fit_is_refused(self):
        text = "The schema can not convert input 'x' to tensor with proper shape"
        self.refused(400, text, "/v2/models/scale/generate", {"x": [1, 2, 3]})

    def test_what_is_no_json_is_refused(self):
        status, _, got = ask("/v2/models/concat/generate", b"{")
        self.assertEqual(500, status)
        self.assertRegex(json.loads(got)["error"], "^failed to parse the request JSON buffer: ")

    def test_only_post_asks(self):
        self.refused(405, "Method Not Allowed", "/v2/models/concat/generate", method="GET")


class Paths(RestTest):
    def test_health_has_no_body(self):
        for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/simple/ready"):
            self.assertEqual((200, b""), ask(path)[::2])

    def test_a_path_that_there_is_not_is_not_found(self):
        for path in ("/", "/v3", "/v2/nothing", "/v2/models/simple/nothing"):
            self.refused(404, "Not Found", path)

    def test_a_method_that_there_is_not_is_not_allowed(self):
        for path in ("/v2", "/v2/health/live", "/v2/models/simple", "/v2/models/simple/config", "/v2/models/stats"):
            self.refused(405, "Method Not Allowed", path, {})
        for path in ("/v2/models/simple/infer", "/v2/repository/index", "/v2/repository/models/spare/load"):
            self.refused(405, "Method Not Allowed", path)

    def test_a_repository_cannot_be_named(self):
        text = "'repository_name' specification is not supported"
        self.refused(501, text, "/v2/repository/other/index", {})

    def test_the_index_can_be_of_what_is_ready(self):
        got = self.answer("/v2/repository/index", {"ready": True})
        self.assertEqual({"READY"}, {one["state"] for one in got})
        self.refused(400, "Invalid value for 'ready': expected a boolean", "/v2/repository/index", {"ready": 1})

    def test_metrics_count_what_was_done(self):
        self.answer("/v2/models/simple/infer", Infer.TWO)
        status, headers, got = ask("/metrics", host="E2E_METRICS")
        self.assertEqual((200, "text/plain"), (status, headers["Content-Type"].split(";")[0]))
        self.assertRegex(got.decode(), r'(?m)^nv_inference_request_success\{model="simple",version="1"\} [1-9]')


class Infer(RestTest):
    TWO = {
        "inputs": [
            {"name": "INPUT0", "shape": [1, 16], "datatype": "INT32", "data": SIXTEEN.tolist()},
            {"name": "INPUT1", "shape": [1, 16], "datatype": "INT32", "data": ONES.tolist()[0]},
        ]
    }

    def test_an_answer_is_json(self):
        got = self.answer("/v2/models/simple/infer", {"id": "mine", **self.TWO})
        self.assertEqual(["id", "model_name", "model_version", "outputs"], list(got))
        self.assertEqual(["name", "datatype", "shape", "data"], list(got["outputs"][0]))
        self.assertEqual((SIXTEEN + ONES)[0].tolist(), got["outputs"][0]["data"])

    def test_all_outputs_come_in_binary_if_the_request_says_so(self):
        body = {"inputs": [X], "parameters": {"binary_data_output": True}}
        _, headers, got = ask("/v2/models/scale/infer", body)
        self.assertEqual((2 * FOUR).tobytes(), got[int(headers["Inference-Header-Content-Length"]) :])

    def test_an_output_that_is_listed_comes_in_json_whatever_the_request_says(self):
        body = {"inputs": [X], "outputs": [{"name": "y"}], "parameters": {"binary_data_output": True}}
        self.assertEqual([2, 4, 6, 8], self.answer("/v2/models/scale/infer", body)["outputs"][0]["data"])

    def test_a_reserved_parameter_is_refused(self):
        text = "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
        self.refused(400, text, "/v2/models/scale/infer", {"inputs": [X], "parameters": {"triton_final": True}})

    def test_classes_and_shared_memory_exclude_each_other(self):
        output = {
            "name": "y",
            "parameters": {"classification": 1, "shared_memory_region": "r", "shared_memory_byte_size": 16},
        }
        text = "Output can't set both 'shared_memory_region' and 'classification'"
        self.refused(400, text, "/v2/models/scale/infer", {"inputs": [X], "outputs": [output]})

    def test_data_in_two_places_is_refused(self):
        x = {**X, "parameters": {"shared_memory_region": "r", "shared_memory_byte_size": 16}}
        status, _, got = ask("/v2/models/scale/infer", {"inputs": [x]})
        self.assertEqual(400, status)
        self.assertRegex(json.loads(got)["error"], r"^Input must set only one of the following fields: ")

    def test_json_of_every_wrong_kind_is_refused(self):
        rows = (
            (b"", 500, "failed to parse the request JSON buffer: "),
            (b"{", 500, "failed to parse the request JSON buffer: "),
            ({}, 500, "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"),
            (
                {"inputs": [{**X, "shape": [-1, 4]}]},
                500,
                "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer",
            ),
            (
                {"inputs": [{**X, "data": [1, 2, 3]}]},
                500,
                "Failed to parse 'data' field: shape does not match true shape: ",
            ),
            (
                {"inputs": [{**X, "data": [1, 2, 3, 4, 5]}]},
                500,
                "Unable to parse 'data': Shape does not match true shape of 'data' field: ",
            ),
            ({"inputs": [{**X, "datatype": "FP99"}]}, 400, "invalid datatype for input x"),
            (
                {"inputs": [{k: v for k, v in X.items() if k != "data"}]},
                400,
                "Input must set only one of the following fields: ",
            ),
        )
        for body, status, text in rows:
            with self.subTest(text):
                got, _, error = ask("/v2/models/scale/infer", body)
                self.assertEqual(status, got)
                self.assertTrue(json.loads(error)["error"].startswith(text), error)

    def test_a_header_longer_than_the_body_is_refused(self):
        body = json.dumps({"inputs": [X]}).encode()
        text = f"inference header size should be in range (0, {len(body)}), got: 9999"
        self.refused(400, text, "/v2/models/scale/infer", body, Inference_Header_Content_Length="9999")

    def test_fewer_bytes_than_announced_are_refused(self):
        x = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
        header = json.dumps({"inputs": [x]}).encode()
        text = "unexpected size for input 'x', expecting 4 additional bytes for model 'scale'"
        self.refused(
            400, text, "/v2/models/scale/infer", header + bytes(12), Inference_Header_Content_Length=str(len(header))
        )

    def test_more_bytes_than_announced_are_refused(self):
        x = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
        header = json.dumps({"inputs": [x]}).encode()
        text = "unexpected additional input data for model 'scale'"
        self.refused(
            400, text, "/v2/models/scale/infer", header + bytes(17), Inference_Header_Content_Length=str(len(header))
        )
