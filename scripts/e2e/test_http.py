"""What only the HTTP clients have: JSON, compression, queries, greenlets."""

import asyncio
import gzip
import urllib.request
import zlib

import numpy as np
import tritonclient.http
from clients import HTTP, HTTP_ADDRESS, ClientTest, HTTPAsync, for_clients, wait
from models import JSON_TYPES, ONES, ROWS, SIXTEEN, identity, numbers
from tritonclient.http.auth import BasicAuth
from tritonclient.utils import InferenceServerException

FOUR = numbers([1, 2, 3, 4])
COMPRESSIONS = ("gzip", "deflate")


class Tensors:
    def json(self, name, array, datatype=None):
        """An input whose elements are in the JSON."""
        kinds = {np.dtype(rows.dtype): one for one, rows in ROWS.items()}
        made = tritonclient.http.InferInput(name, list(array.shape), datatype or kinds[array.dtype])
        made.set_data_from_numpy(array, binary_data=False)
        return made


@for_clients(HTTP, HTTPAsync)
class JSON(Tensors):
    """Two methods for each data type are added below."""

    def there_and_back(self, datatype, binary_in, binary_out):
        rows = ROWS[datatype]
        x = self.input("x", rows) if binary_in else self.json("x", rows)
        result = self.client.infer(identity(datatype), [x], outputs=[self.output("y", binary_data=binary_out)])
        self.assertEqual(binary_out, "data" not in result.get_output("y"))
        got = result.as_numpy("y")
        self.assertEqual((rows.dtype, rows.shape), (got.dtype, got.shape))
        if datatype == "BYTES":  # JSON has strings, and the client leaves them so
            got = np.array(
                [[one if isinstance(one, bytes) else one.encode() for one in row] for row in got], np.object_
            )
        self.assertEqual(rows.tolist(), got.tolist())

    def test_floats_are_read_back_exactly(self):
        rows = np.random.default_rng(2).normal(size=(64, 4)).astype(np.float32)
        result = self.client.infer(
            "identity_fp32", [self.json("x", rows)], outputs=[self.output("y", binary_data=False)]
        )
        self.assertEqual(rows.tobytes(), result.as_numpy("y").tobytes())

    def test_not_a_number_is_not_a_number(self):
        x = self.json("x", numbers([np.nan, np.inf, -np.inf, 0]))
        got = self.client.infer("identity_fp32", [x], outputs=[self.output("y", binary_data=False)]).as_numpy("y")
        self.assertEqual(["nan", "inf", "-inf", "0.0"], [str(one) for one in got[0]])

    def test_half_floats_in_json_are_refused(self):
        x = self.json("x", ROWS["FP16"])
        text = "receiving FP16 data via JSON is not supported. Please use the binary data format for input x"
        self.refused("invalid", text, "infer", "identity_fp16", [x])

    def test_brain_floats_in_json_are_refused(self):
        x = tritonclient.http.InferInput("x", [1, 4], "BF16")
        x._data = [1, 2, 3, 4]  # the client itself refuses to set them
        text = "receiving BF16 data via JSON is not supported. Please use the binary data format for input x"
        self.refused("invalid", text, "infer", "identity_bf16", [x])

    def test_half_floats_are_not_sent_in_json(self):
        for datatype in ("FP16", "BF16"):
            x, y = self.input("x", ROWS[datatype]), self.output("y", binary_data=False)
            text = f"sending {datatype} data via JSON is not supported. Please use the binary data format for output y"
            self.refused("invalid", text, "infer", identity(datatype), [x], outputs=[y])

    def test_bytes_that_are_no_text_come_in_binary(self):
        rows = np.array([[b"\xff\xfe", b"\x00", b"a", b""]], np.object_)
        got = self.client.infer("identity_bytes", [self.input("x", rows)], outputs=[self.output("y", binary_data=True)])
        self.assertEqual(rows.tolist(), got.as_numpy("y").tolist())

    def test_one_input_in_json_and_the_other_in_binary(self):
        result = self.client.infer("simple", [self.json("INPUT0", SIXTEEN), self.input("INPUT1", ONES)])
        self.assertEqual((SIXTEEN + ONES).tolist(), result.as_numpy("OUTPUT0").tolist())

    def test_one_output_in_json_and_the_other_in_binary(self):
        inputs = [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)]
        outputs = [self.output("OUTPUT0", binary_data=False), self.output("OUTPUT1", binary_data=True)]
        result = self.client.infer("simple", inputs, outputs=outputs)
        self.assertIn("data", result.get_output("OUTPUT0"))
        self.assertEqual(64, result.get_output("OUTPUT1")["parameters"]["binary_data_size"])
        self.assertEqual((SIXTEEN + ONES).tolist(), result.as_numpy("OUTPUT0").tolist())
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())

    def test_without_outputs_all_come_in_binary(self):
        result = self.client.infer("simple", [self.json("INPUT0", SIXTEEN), self.json("INPUT1", ONES)])
        for name in ("OUTPUT0", "OUTPUT1"):
            self.assertEqual(64, result.get_output(name)["parameters"]["binary_data_size"])

    def test_classes_come_in_json_and_in_binary(self):
        for binary in (False, True):
            output = self.output("y", class_count=1, binary_data=binary)
            result = self.client.infer("scale", [self.input("x", FOUR)], outputs=[output])
            got = result.as_numpy("y")[0][0]
            self.assertIn(got, ("8.000000:3", b"8.000000:3"))


def _add_types():
    def method(datatype, binary_in, binary_out):
        def test(self):
            self.there_and_back(datatype, binary_in, binary_out)

        return test

    for tests in (JSONOverHTTP, JSONOverAsyncHTTP):  # noqa: F821 (for_clients made them)
        for datatype in JSON_TYPES:
            setattr(tests, f"test_{datatype}_in_json_comes_back_in_json", method(datatype, False, False))
            setattr(tests, f"test_{datatype}_in_json_comes_back_in_binary", method(datatype, False, True))
            setattr(tests, f"test_{datatype}_in_binary_comes_back_in_json", method(datatype, True, False))


_add_types()


@for_clients(HTTP, HTTPAsync)
class Compression(Tensors):
    ROWS = np.zeros((64, 64), np.float32)  # so much that the answer is compressed

    def test_a_request_may_be_compressed(self):
        for how in COMPRESSIONS:
            result = self.client.infer("softmax", [self.input("x", self.ROWS)], request_compression_algorithm=how)
            self.assertEqual(np.full((64, 64), 1 / 64, np.float32).tolist(), result.as_numpy("y").tolist())

    def test_a_request_in_json_may_be_compressed(self):
        for how in COMPRESSIONS:
            result = self.client.infer("scale", [self.json("x", FOUR)], request_compression_algorithm=how)
            self.assertEqual((2 * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_an_answer_may_be_compressed(self):
        for how in COMPRESSIONS:
            result = self.client.infer("softmax", [self.input("x", self.ROWS)], response_compression_algorithm=how)
            self.assertEqual(np.full((64, 64), 1 / 64, np.float32).tolist(), result.as_numpy("y").tolist())

    def test_an_answer_in_json_may_be_compressed(self):
        for how in COMPRESSIONS:
            result = self.client.infer(
                "identity_fp32",
                [self.input("x", np.ones((64, 4), np.float32))],
                outputs=[self.output("y", binary_data=False)],
                response_compression_algorithm=how,
            )
            self.assertEqual([[1] * 4] * 64, result.as_numpy("y").tolist())

    def test_both_may_be_compressed(self):
        for there in COMPRESSIONS:
            for back in COMPRESSIONS:
                options = dict(request_compression_algorithm=there, response_compression_algorithm=back)
                result = self.client.infer("softmax", [self.input("x", self.ROWS)], **options)
                self.assertEqual((64, 64), result.as_numpy("y").shape)

    def test_an_error_can_be_read_though_it_might_be_compressed(self):
        text = "unexpected inference input 'z' for model 'scale'"
        self.refused("invalid", text, "infer", "scale", [self.input("z", FOUR)], response_compression_algorithm="gzip")

    def test_a_request_that_is_not_compressed_as_it_says_is_refused(self):
        headers = {"Content-Encoding": "gzip"}
        self.assertRaises(
            InferenceServerException, self.client.infer, "scale", [self.input("x", FOUR)], headers=headers
        )

    def test_an_unknown_compression_is_refused(self):
        headers = {"Content-Encoding": "br"}
        self.refused(
            "unsupported", "Unsupported compression type", "infer", "scale", [self.json("x", FOUR)], headers=headers
        )


@for_clients(HTTP, HTTPAsync)
class Options(Tensors):
    def test_a_query_may_come_along_with_every_call(self):
        query = {"one": 1, "list": ["a", "b c"]}
        self.assertIs(True, self.client.is_server_live(query_params=query))
        self.assertIs(True, self.client.is_server_ready(query_params=query))
        self.assertIs(True, self.client.is_model_ready("simple", query_params=query))
        self.client.get_server_metadata(query_params=query)
        self.client.get_model_metadata("simple", query_params=query)
        self.client.get_model_config("simple", query_params=query)
        self.client.get_model_repository_index(query_params=query)
        self.client.get_inference_statistics("simple", query_params=query)
        self.client.load_model("spare", query_params=query)
        self.client.infer("scale", [self.input("x", FOUR)], query_params=query)

    def test_a_plugin_may_add_a_header(self):
        self.client.register_plugin(BasicAuth("somebody", "secret"))
        self.assertIs(True, self.client.is_server_live())
        self.client.infer("scale", [self.input("x", FOUR)])
        self.client.unregister_plugin()

    def test_a_list_is_no_parameter(self):
        text = "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR)], parameters={"p": [1]})

    def test_a_request_can_be_made_and_an_answer_read_by_hand(self):
        which = tritonclient.http.InferenceServerClient
        x = self.input("x", FOUR)
        body, length = which.generate_request_body([x], outputs=[self.output("y")], request_id="mine")
        url = f"http://{HTTP_ADDRESS}/v2/models/scale/infer"
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(length)}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            got, length = answer.read(), int(answer.headers["Inference-Header-Content-Length"])
        result = which.parse_response_body(got, header_length=length)
        self.assertEqual((2 * FOUR).tolist(), result.as_numpy("y").tolist())
        self.assertEqual("mine", result.get_response()["id"])

    def test_a_compressed_answer_can_be_read_by_hand(self):
        which = tritonclient.http.InferenceServerClient
        body, length = which.generate_request_body([self.input("x", np.zeros((64, 64), np.float32))])
        url = f"http://{HTTP_ADDRESS}/v2/models/softmax/infer"
        for how, unpack in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
            headers = {"Inference-Header-Content-Length": str(length), "Accept-Encoding": how}
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
                got, length_ = answer.read(), int(answer.headers["Inference-Header-Content-Length"])
                self.assertEqual(how, answer.headers["Content-Encoding"])
            self.assertGreater(len(unpack(got)), len(got))
            result = which.parse_response_body(got, header_length=length_, content_encoding=how)
            self.assertEqual((64, 64), result.as_numpy("y").shape)


class Greenlets(ClientTest):
    """The requests that the HTTP client sends without waiting for the answers."""

    def setUp(self):
        self.client = tritonclient.http.InferenceServerClient(HTTP_ADDRESS, concurrency=8)
        self.addCleanup(self.client.close)

    def test_many_requests_are_under_way_at_once(self):
        rows = [factor * FOUR for factor in range(1, 33)]
        sent = [
            self.client.async_infer("scale", [self.input("x", one)], request_id=str(i)) for i, one in enumerate(rows)
        ]
        for i, (one, call) in enumerate(zip(rows, sent)):
            result = call.get_result()
            self.assertEqual((2 * one).tolist(), result.as_numpy("y").tolist())
            self.assertEqual(str(i), result.get_response()["id"])

    def test_an_error_comes_with_the_result(self):
        call = self.client.async_infer("nobody", [self.input("x", FOUR)])
        with self.assertRaises(InferenceServerException) as caught:
            call.get_result()
        self.assertEqual("Request for unknown model: 'nobody' is not found", caught.exception.message())

    def test_requests_without_waiting_may_be_compressed(self):
        for how in COMPRESSIONS:
            options = dict(request_compression_algorithm=how, response_compression_algorithm=how)
            call = self.client.async_infer("softmax", [self.input("x", np.zeros((64, 64), np.float32))], **options)
            self.assertEqual((64, 64), call.get_result(timeout=30).as_numpy("y").shape)


class Tasks(ClientTest):
    """The requests that tasks of asyncio send at the same time."""

    kind = HTTPAsync

    def test_many_requests_are_under_way_at_once(self):

        async def ask():
            calls = [self.client._client.infer("scale", [self.input("x", i * FOUR)]) for i in range(32)]
            return await asyncio.gather(*calls)

        for i, result in enumerate(wait(ask())):
            self.assertEqual((2 * i * FOUR).tolist(), result.as_numpy("y").tolist())
