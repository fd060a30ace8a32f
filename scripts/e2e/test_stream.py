"""Streams of requests over gRPC."""

import asyncio
import queue

import grpc
import numpy as np
import tritonclient.grpc
from clients import GRPC, GRPC_ADDRESS, LATE, ClientTest, GRPCAsync, wait
from models import ONES, SIXTEEN, numbers
from tritonclient.utils import InferenceServerException

FOUR = numbers([1, 2, 3, 4])
LITTLE = numbers([1], type="int64")
MUCH = numbers([2000], type="int64")
UNKNOWN = "Request for unknown model: 'nobody' is not found"


class Streams(ClientTest):
    """Those of the client with callbacks."""

    kind = GRPC

    def setUp(self):
        super().setUp()
        self.answers = queue.Queue()

    def start(self, **options):
        self.client.start_stream(lambda result, error: self.answers.put((result, error)), **options)

    def send(self, model, x, **options):
        self.client.async_stream_infer(model, [self.input("x", x)], **options)

    def next(self):
        return self.answers.get(timeout=30)

    def result(self):
        result, error = self.next()
        self.assertIsNone(error)
        return result

    def test_answers_come_in_the_order_of_the_requests(self):
        self.start()
        for i in range(100):
            self.send("scale", i * FOUR, request_id=str(i))
        for i in range(100):
            result = self.result()
            self.assertEqual(str(i), result.get_response().id)
            self.assertEqual((2 * i * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_a_quick_model_waits_for_a_slow_one(self):
        self.start()
        self.send("slow", numbers([50], type="int64"), request_id="slow")
        self.send("scale", FOUR, request_id="quick")
        self.assertEqual(["slow", "quick"], [self.result().get_response().id for _ in range(2)])

    def test_several_models_share_a_stream(self):
        self.start()
        self.send("scale", FOUR)
        self.client.async_stream_infer("simple", [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)])
        self.assertEqual(["scale", "simple"], [self.result().get_response().model_name for _ in range(2)])

    def test_only_what_is_asked_for_comes(self):
        self.start()
        inputs = [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)]
        self.client.async_stream_infer("simple", inputs, outputs=[self.output("OUTPUT1")])
        result = self.result()
        self.assertIsNone(result.as_numpy("OUTPUT0"))
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())

    def test_an_error_leaves_the_stream_open(self):
        self.start()
        self.send("nobody", FOUR, request_id="1")
        self.send("scale", FOUR, request_id="2")
        result, error = self.next()
        self.assertIsNone(result)
        self.assertEqual(UNKNOWN, error.message())
        self.assertEqual("2", self.result().get_response().id)

    def test_an_error_ends_the_stream_if_that_is_asked_for(self):
        self.start(headers={"triton_grpc_error": "true"})
        self.send("nobody", FOUR)
        _, error = self.next()
        self.assertEqual(("StatusCode.NOT_FOUND", UNKNOWN), (error.status(), error.message()))

    def test_every_answer_says_that_it_is_the_last(self):
        self.start()
        self.send("scale", FOUR)
        got = self.result().get_response().parameters
        self.assertIs(True, got["triton_final_response"].bool_param)

    def test_an_empty_last_answer_is_not_needed(self):
        self.start()
        self.send("scale", FOUR, request_id="1", enable_empty_final_response=True)
        self.send("scale", FOUR, request_id="2")
        got = [self.result() for _ in range(2)]
        self.assertEqual(["1", "2"], [one.get_response().id for one in got])
        self.assertEqual([[[2, 4, 6, 8]]] * 2, [one.as_numpy("y").tolist() for one in got])

    def test_what_is_under_way_is_answered_when_the_stream_stops(self):
        self.start()
        for i in range(20):
            self.send("scale", i * FOUR)
        self.client.stop_stream()
        self.assertEqual(20, self.answers.qsize())

    def test_a_stream_can_be_cancelled(self):
        self.start()
        self.send("slow", MUCH)
        self.client.stop_stream(cancel_requests=True)
        _, error = self.next()
        self.assertEqual("StatusCode.CANCELLED", error.status())

    def test_a_stream_may_have_a_deadline(self):
        self.start(stream_timeout=0.3)
        self.send("slow", MUCH)
        _, error = self.next()
        self.assertIn(error.status(), LATE)

    def test_a_stream_may_be_compressed(self):
        for how in ("gzip", "deflate"):
            self.start(compression_algorithm=how)
            self.send("softmax", np.zeros((64, 64), np.float32))
            self.assertEqual((64, 64), self.result().as_numpy("y").shape)
            self.client.stop_stream()

    def test_a_stream_may_have_headers_parameters_and_priorities(self):
        self.start(headers={"x-tenant": "somebody"})
        self.send(
            "levels", FOUR, priority=1, timeout=5_000_000, parameters={"text": "x"}, sequence_id=1, sequence_start=True
        )
        self.assertEqual([[3, 6, 9, 12]], self.result().as_numpy("y").tolist())

    def test_a_version_answers_that_is_asked_for(self):
        self.start()
        self.send("scale", FOUR, model_version="1")
        self.assertEqual("1", self.result().get_response().model_version)

    def test_one_client_has_one_stream(self):
        self.start()
        with self.assertRaises(InferenceServerException):
            self.start()

    def test_a_stream_can_be_started_again(self):
        for _ in range(3):
            self.start()
            self.send("scale", FOUR)
            self.result()
            self.client.stop_stream()

    def test_many_streams_are_served_at_once(self):
        clients = [tritonclient.grpc.InferenceServerClient(GRPC_ADDRESS) for _ in range(16)]
        for client in clients:
            client.start_stream(lambda result, error: self.answers.put((result, error)))
            for _ in range(8):
                client.async_stream_infer("scale", [self.input("x", FOUR)])
        for client in clients:
            client.close()
        self.assertEqual([None] * 128, [self.answers.get_nowait()[1] for _ in range(128)])


class AsyncStreams(ClientTest):
    """Those of the client for asyncio."""

    kind = GRPCAsync

    def ask(self, *requests, **options):
        """The answers to requests, each a dictionary as the client wants it."""

        async def run():
            async def send():
                for request in requests:
                    yield request

            return [one async for one in self.client._client.stream_infer(send(), **options)]

        return wait(run())

    def scale(self, x, **options):
        return {"model_name": "scale", "inputs": [self.input("x", x)], **options}

    def test_answers_come_in_the_order_of_the_requests(self):
        got = self.ask(*[self.scale(i * FOUR, request_id=str(i)) for i in range(50)])
        self.assertEqual([None] * 50, [error for _, error in got])
        for i, (result, _) in enumerate(got):
            self.assertEqual(str(i), result.get_response().id)
            self.assertEqual((2 * i * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_an_error_leaves_the_stream_open(self):
        nobody = {"model_name": "nobody", "inputs": [self.input("x", FOUR)]}
        (_, error), (result, none) = self.ask(nobody, self.scale(FOUR))
        self.assertEqual((UNKNOWN, None), (error.message(), none))
        self.assertEqual([[2, 4, 6, 8]], result.as_numpy("y").tolist())

    def test_an_answer_comes_before_the_next_request_is_sent(self):
        async def run():
            answered = asyncio.Event()

            async def send():
                yield self.scale(FOUR)
                await answered.wait()
                yield self.scale(10 * FOUR)

            got = []
            async for result, _ in self.client._client.stream_infer(send()):
                got.append(result.as_numpy("y").tolist())
                answered.set()
            return got

        self.assertEqual([[[2, 4, 6, 8]], [[20, 40, 60, 80]]], wait(run()))

    def test_a_stream_may_be_compressed(self):
        for how in ("gzip", "deflate"):
            ((result, _),) = self.ask(self.scale(FOUR), compression_algorithm=how)
            self.assertEqual([[2, 4, 6, 8]], result.as_numpy("y").tolist())

    def test_a_stream_may_have_a_deadline_and_headers(self):
        slow = {"model_name": "slow", "inputs": [self.input("x", MUCH)]}
        with self.assertRaises(grpc.RpcError) as caught:
            self.ask(slow, stream_timeout=0.3, headers={"x-tenant": "somebody"})
        self.assertIn(str(caught.exception.code()), LATE)

    def test_a_stream_can_be_cancelled(self):
        async def run():
            async def send():
                yield {"model_name": "slow", "inputs": [self.input("x", MUCH)]}

            answers = self.client._client.stream_infer(send())
            asyncio.get_running_loop().call_later(0.2, answers.cancel)
            async for _ in answers:
                self.fail("an answer came")

        self.assertRaises((asyncio.CancelledError, InferenceServerException), wait, run())
