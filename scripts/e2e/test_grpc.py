"""What only the gRPC clients have: typed contents, calls that can be cancelled, deadlines,
compression, and the options of a channel."""

import asyncio
import queue
import time
import unittest

import grpc
import numpy as np
import tritonclient.grpc
from busy import busy
from clients import GRPC, GRPC_ADDRESS, LATE, UNNAMED, ClientTest, GRPCAsync, for_clients, wait
from models import JSON_TYPES, ONES, ROWS, SIXTEEN, identity, numbers
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

FOUR = numbers([1, 2, 3, 4])
LITTLE = numbers([1], type="int64")
MUCH = numbers([2000], type="int64")

# The field of contents that holds a type's elements.
FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class StubTest(unittest.TestCase):
    """A test that sends messages of its own making."""

    def setUp(self):
        channel = grpc.insecure_channel(GRPC_ADDRESS)
        self.addCleanup(channel.close)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

    def request(self, model, *inputs, raw=()):
        """A request; an input is its name, type, shape, and its contents or None."""
        made = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=list(raw))
        for name, datatype, shape, contents in inputs:
            tensor = made.inputs.add(name=name, datatype=datatype, shape=shape)
            if contents is not None:
                getattr(tensor.contents, FIELDS[datatype]).extend(contents)
        return made

    def refused(self, code, text, request):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(request)
        self.assertEqual((code, text), (caught.exception.code(), caught.exception.details()))


class Contents(StubTest):
    """One method for each data type is added below."""

    def there_and_back(self, datatype):
        rows = ROWS[datatype]
        x = "x", datatype, rows.shape, rows.flatten().tolist()
        got = self.stub.ModelInfer(self.request(identity(datatype), x))
        (y,) = got.outputs
        self.assertEqual(("y", datatype, list(rows.shape)), (y.name, y.datatype, list(y.shape)))
        self.assertEqual([], y.contents.ListFields())
        result = tritonclient.grpc.InferResult(got).as_numpy("y")
        self.assertEqual(rows.tolist(), result.tolist())

    def test_several_inputs_have_typed_contents(self):
        inputs = [("INPUT0", "INT32", (1, 16), range(16)), ("INPUT1", "INT32", (1, 16), [1] * 16)]
        got = self.stub.ModelInfer(self.request("simple", *inputs))
        sums = np.frombuffer(got.raw_output_contents[0], np.int32)
        self.assertEqual((SIXTEEN + ONES)[0].tolist(), sums.tolist())

    def test_typed_and_raw_contents_exclude_each_other(self):
        text = "contents field must not be specified when using raw_input_contents for 'x' for model 'scale'"
        request = self.request("scale", ("x", "FP32", (1, 4), [1, 2, 3, 4]), raw=[FOUR.tobytes()])
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, text, request)

    def test_contents_of_another_type_are_refused(self):
        request = self.request("scale", ("x", "FP32", (1, 4), None))
        request.inputs[0].contents.int_contents.extend([1, 2, 3, 4])
        text = (
            "unexpected explicit tensor data for input tensor 'x' for model 'scale' of type 'INT32', expected datatype"
            " 'FP32'"
        )
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, text, request)

    def test_no_contents_are_refused(self):
        text = "unable to find data for input tensor 'x' for model 'scale' in request."
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, text, self.request("scale", ("x", "FP32", (1, 4), None)))

    def test_fewer_raw_contents_than_inputs_are_refused(self):
        inputs = [("INPUT0", "INT32", (1, 16), None), ("INPUT1", "INT32", (1, 16), None)]
        text = "unable to find data for input tensor 'INPUT1' for model 'simple' in request."
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, text, self.request("simple", *inputs, raw=[SIXTEEN.tobytes()]))

    def test_raw_contents_too_many_are_left_alone(self):
        request = self.request("scale", ("x", "FP32", (1, 4), None), raw=[FOUR.tobytes(), b"more"])
        got = self.stub.ModelInfer(request)
        self.assertEqual([(2 * FOUR).tobytes()], list(got.raw_output_contents))

    def test_fewer_elements_than_the_shape_needs_are_refused(self):
        request = self.request("scale", ("x", "FP32", (1, 4), [1, 2, 3]))
        text = UNNAMED + "input byte size mismatch for input 'x' for model 'scale'. Expected 16, got 12"
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, text, request)

    def test_half_floats_have_no_typed_contents(self):
        request = self.request("identity_fp16", ("x", "FP16", (1, 4), None))
        request.inputs[0].contents.fp32_contents.extend([1, 2, 3, 4])
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(request)
        self.assertEqual(grpc.StatusCode.INVALID_ARGUMENT, caught.exception.code())


def _add_types():
    for datatype in JSON_TYPES:

        def test(self, datatype=datatype):
            self.there_and_back(datatype)

        setattr(Contents, f"test_{datatype}_contents_come_back_raw", test)


_add_types()


class Parameters(StubTest):
    def with_parameters(self, **parameters):
        request = self.request("scale", ("x", "FP32", (1, 4), [1, 2, 3, 4]))
        for name, (field, value) in parameters.items():
            setattr(request.parameters[name], field, value)
        return request

    def test_parameters_of_every_type_are_taken(self):
        request = self.with_parameters(
            a=("bool_param", True),
            b=("int64_param", -1),
            c=("string_param", "x"),
            d=("double_param", 0.5),
            e=("uint64_param", 2**64 - 1),
        )
        self.assertEqual("scale", self.stub.ModelInfer(request).model_name)

    def test_a_priority_may_be_signed_or_not(self):
        for field in ("int64_param", "uint64_param"):
            self.assertEqual("scale", self.stub.ModelInfer(self.with_parameters(priority=(field, 1))).model_name)

    def test_a_timeout_of_another_type_is_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(self.with_parameters(timeout=("string_param", "soon")))
        self.assertEqual(grpc.StatusCode.INVALID_ARGUMENT, caught.exception.code())
        self.assertIn("timeout", caught.exception.details())

    def test_a_reserved_parameter_is_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.ModelInfer(self.with_parameters(triton_other=("bool_param", True)))
        self.assertEqual(grpc.StatusCode.INVALID_ARGUMENT, caught.exception.code())
        text = "^parameter keys starting with 'triton_' are reserved for Triton usage"
        self.assertRegex(caught.exception.details(), text)


@for_clients(GRPC, GRPCAsync)
class Options:
    def test_a_call_may_be_compressed(self):
        rows = np.zeros((64, 64), np.float32)
        for how in ("gzip", "deflate"):
            result = self.client.infer("softmax", [self.input("x", rows)], compression_algorithm=how)
            self.assertEqual(np.full((64, 64), 1 / 64, np.float32).tolist(), result.as_numpy("y").tolist())

    def test_every_call_may_have_a_deadline(self):
        self.assertIs(True, self.client.is_server_live(client_timeout=10))
        self.assertIs(True, self.client.is_model_ready("simple", client_timeout=10))
        self.client.get_server_metadata(client_timeout=10)
        self.client.get_model_metadata("simple", client_timeout=10)
        self.client.get_model_config("simple", client_timeout=10)
        self.client.get_model_repository_index(client_timeout=10)
        self.client.get_inference_statistics("simple", client_timeout=10)
        self.client.load_model("spare", client_timeout=10)
        self.client.infer("scale", [self.input("x", FOUR)], client_timeout=10)

    def test_a_call_that_takes_too_long_is_given_up(self):
        began = time.monotonic()
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("slow", [self.input("x", MUCH)], client_timeout=0.3)
        self.assertIn(caught.exception.status(), LATE)
        self.assertLess(time.monotonic() - began, 2)

    def test_a_call_that_was_given_up_leaves_no_work_behind(self):
        self.assertRaises(
            InferenceServerException, self.client.infer, "slow", [self.input("x", MUCH)], client_timeout=0.2
        )
        began = time.monotonic()
        self.client.infer("slow", [self.input("x", LITTLE)])
        self.assertLess(time.monotonic() - began, 0.5)

    def test_answers_come_as_messages_if_not_asked_for_as_json(self):
        self.assertEqual("simple", self.client.get_model_metadata("simple").name)
        self.assertEqual("simple", self.client.get_model_config("simple").config.name)
        self.assertEqual("simple", self.client.get_inference_statistics("simple").model_stats[0].name)
        self.assertIn("simple", [one.name for one in self.client.get_model_repository_index().models])

    def test_all_outputs_come_raw(self):
        result = self.client.infer("simple", [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)])
        got = result.get_response()
        self.assertEqual([64, 64], [len(one) for one in got.raw_output_contents])
        self.assertEqual([[], []], [one.contents.ListFields() for one in got.outputs])

    def test_a_configuration_of_another_type_is_refused(self):
        request = service_pb2.RepositoryModelLoadRequest(model_name="spare")
        request.parameters["config"].int64_param = 1
        text = "invalid value type for load parameter 'config', expected string_param."
        self.load_refused(text, request)

    def test_an_unknown_parameter_of_a_load_is_refused(self):
        request = service_pb2.RepositoryModelLoadRequest(model_name="spare")
        request.parameters["colour"].string_param = "blue"
        self.load_refused("unrecognized load parameter 'colour'.", request)

    def load_refused(self, text, request):
        with grpc.insecure_channel(GRPC_ADDRESS) as channel, self.assertRaises(grpc.RpcError) as caught:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).RepositoryModelLoad(request)
        self.assertEqual(
            (grpc.StatusCode.INVALID_ARGUMENT, text), (caught.exception.code(), caught.exception.details())
        )

    def test_a_repository_cannot_be_named(self):
        request = service_pb2.RepositoryIndexRequest(repository_name="other")
        with grpc.insecure_channel(GRPC_ADDRESS) as channel, self.assertRaises(grpc.RpcError) as caught:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).RepositoryIndex(request)
        want = grpc.StatusCode.UNIMPLEMENTED, "'repository_name' specification is not supported"
        self.assertEqual(want, (caught.exception.code(), caught.exception.details()))


class Callbacks(ClientTest):
    """The requests that the gRPC client sends without waiting for the answers."""

    kind = GRPC

    def setUp(self):
        super().setUp()
        self.answers = queue.Queue()

    def ask(self, model, x, **options):
        def answered(result, error):
            self.answers.put((result, error))

        return self.client.async_infer(model, [self.input("x", x)], answered, **options)

    def test_many_requests_are_under_way_at_once(self):
        for i in range(64):
            self.ask("scale", i * FOUR, request_id=str(i))
        got = [self.answers.get(timeout=30) for _ in range(64)]
        self.assertEqual([None] * 64, [error for _, error in got])
        self.assertEqual(set(map(str, range(64))), {result.get_response().id for result, _ in got})
        for result, _ in got:
            want = 2 * int(result.get_response().id) * FOUR
            self.assertEqual(want.tolist(), result.as_numpy("y").tolist())

    def test_an_error_comes_to_the_callback(self):
        self.ask("nobody", FOUR)
        result, error = self.answers.get(timeout=30)
        self.assertIsNone(result)
        self.assertEqual("Request for unknown model: 'nobody' is not found", error.message())
        self.assertEqual("StatusCode.NOT_FOUND", error.status())

    def test_a_call_can_be_cancelled(self):
        call = self.ask("slow", MUCH)
        time.sleep(0.2)
        call.cancel()
        result, error = self.answers.get(timeout=5)
        self.assertIsNone(result)
        self.assertEqual("StatusCode.CANCELLED", error.status())

    def test_a_call_that_waits_can_be_cancelled(self):
        with busy():
            call = self.ask("slow", LITTLE)
            call.cancel()
            self.assertEqual("StatusCode.CANCELLED", self.answers.get(timeout=5)[1].status())

    def test_a_deadline_comes_to_the_callback(self):
        self.ask("slow", MUCH, client_timeout=0.2)
        self.assertIn(self.answers.get(timeout=5)[1].status(), LATE)

    def test_requests_without_waiting_may_be_compressed(self):
        for how in ("gzip", "deflate"):
            self.ask("softmax", np.zeros((64, 64), np.float32), compression_algorithm=how)
            self.assertEqual((64, 64), self.answers.get(timeout=30)[0].as_numpy("y").shape)


class Channels(ClientTest):
    kind = GRPC

    def scale(self, client):
        self.addCleanup(client.close)
        return client.infer("scale", [self.input("x", FOUR)]).as_numpy("y").tolist()

    def test_a_channel_may_be_kept_alive(self):
        options = tritonclient.grpc.KeepAliveOptions(
            keepalive_time_ms=1000,
            keepalive_timeout_ms=1000,
            keepalive_permit_without_calls=True,
            http2_max_pings_without_data=0,
        )
        client = tritonclient.grpc.InferenceServerClient(GRPC_ADDRESS, keepalive_options=options)
        self.assertEqual([[2, 4, 6, 8]], self.scale(client))
        time.sleep(4)  # for more pings than a server allows that minds them
        self.assertEqual([[2, 4, 6, 8]], self.scale(client))

    def test_a_channel_may_have_arguments(self):
        arguments = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.primary_user_agent", "somebody"),
            ("grpc.lb_policy_name", "round_robin"),
        ]
        client = tritonclient.grpc.InferenceServerClient(GRPC_ADDRESS, channel_args=arguments)
        self.assertEqual([[2, 4, 6, 8]], self.scale(client))

    def test_messages_of_many_megabytes_pass(self):
        rows = np.ones((15, 1 << 18), np.float32)  # 15 MiB: four times what gRPC takes if it is not told otherwise
        got = self.client.infer("softmax", [self.input("x", rows)]).as_numpy("y")
        self.assertEqual(rows.shape, got.shape)

    def test_many_channels_are_served(self):
        for _ in range(32):
            client = tritonclient.grpc.InferenceServerClient(
                GRPC_ADDRESS, channel_args=[("grpc.use_local_subchannel_pool", 1)]
            )
            self.assertEqual([[2, 4, 6, 8]], self.scale(client))


class Tasks(ClientTest):
    """The requests that tasks of asyncio send at the same time."""

    kind = GRPCAsync

    def test_many_requests_are_under_way_at_once(self):
        async def ask():
            calls = [self.client._client.infer("scale", [self.input("x", i * FOUR)]) for i in range(64)]
            return await asyncio.gather(*calls)

        for i, result in enumerate(wait(ask())):
            self.assertEqual((2 * i * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_a_call_can_be_cancelled(self):
        async def ask():
            call = asyncio.ensure_future(self.client._client.infer("slow", [self.input("x", MUCH)]))
            await asyncio.sleep(0.2)
            call.cancel()
            await call

        self.assertRaises(asyncio.CancelledError, wait, ask())
